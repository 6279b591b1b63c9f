"""Similarity to one reference molecule."""

from __future__ import annotations

from rdkit.Chem import Mol

from discdiff.chem.fingerprints import fingerprint, tanimoto
from discdiff.chem.oracles.molecular import PerMolecule, reference_molecule


class Similarity(PerMolecule):
    """Tanimoto similarity to a reference molecule, in [0, 1].

    Args:
        reference: SMILES of the reference.
        fingerprint: ``ecfp4``, ``ecfp6``, ``fcfp4``, ``ap``, ``phco`` or another name that
            `discdiff.chem.fingerprints.fingerprint` knows.

    Raises:
        InputError: if the reference cannot be parsed or the fingerprint is unknown.

    Example:
        >>> Similarity("CC(=O)Oc1ccccc1C(=O)O")(["CC(=O)Oc1ccccc1C(=O)O", "CCO"]).round(3)
        array([1.   , 0.051])
    """

    name = "similarity"

    def __init__(self, reference: str, fingerprint: str = "ecfp4") -> None:
        self._make = _fingerprint(fingerprint)
        self._reference = self._make(reference_molecule("reference", reference))
        super().__init__(reference=reference, fingerprint=fingerprint)

    def value(self, mol: Mol) -> float:
        return tanimoto(self._make(mol), self._reference)


_fingerprint = fingerprint  # the constructor's argument has the same name
