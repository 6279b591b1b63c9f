"""Peptides as molecules: monomers, HELM, residues, and the domain of their SMILES."""
