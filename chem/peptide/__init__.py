"""Peptides as molecules: monomers, HELM, residues, and the domain of their SMILES."""

EXAMPLES = (
    "C[C@H](N)C(=O)NCC(=O)O",
    "CC(=O)N[C@@H](CC(C)C)C(=O)N(C)[C@@H](C)C(N)=O",
    "CC(C)C[C@@H]1NC(=O)[C@@H]2CCCN2C(=O)[C@@H](C)NC(=O)CNC1=O",
    "NCC(=O)N[C@@H](Cc1ccccc1)C(=O)N[C@@H](CCCCN)C(=O)O",
)
"""A few peptides as SMILES."""
