"""Scores of nucleic acids: closed forms of the sequence, and motifs."""
