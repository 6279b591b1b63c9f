"""Measures of sets of sequences."""
