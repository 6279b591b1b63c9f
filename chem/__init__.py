"""Molecules: SMILES and SELFIES domains, oracles, filters and metrics built on RDKit."""
