"""Closed-form scores of peptides of the 20 amino acids."""
