"""Sequences of DNA, RNA and peptides."""
