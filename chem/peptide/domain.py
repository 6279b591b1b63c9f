"""The domain of peptides as SMILES: a string is valid where its residues are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rdkit import Chem
from rdkit.Chem.MolStandardize import rdMolStandardize

from discdiff import _check
from discdiff.chem import grammar, molecule
from discdiff.chem.peptide import EXAMPLES, build
from discdiff.chem.peptide.analyse import read
from discdiff.chem.peptide.helm import Peptide, is_helm, read_helm, write_helm
from discdiff.chem.peptide.spelling import respelt
from discdiff.chem.peptide.summary import sequence
from discdiff.chem.smiles import Smiles
from discdiff.errors import DataError, InputError

CYCLIC = ("allow", "require", "refuse")
ORDER = ("canonical", "residues")
BACKBONE = ("N", "=", "O", "[C@H]", "[C@@H]", "[C@]", "[C@@]")
"""Tokens that stand in the backbone more often than not."""


class PeptideSmiles(Smiles):
    r"""SMILES of peptides: molecules that divide into amino acids and caps of the library.

    A string is valid where it is a valid molecule, every atom belongs to a residue or a cap that is
    allowed, and the bonds between them are amides, esters or disulfides. `prepare` also reads HELM,
    and removes charges that protons can: the library is neutral. Stereochemistry is kept, for it is
    what tells residues apart.

    Args:
        tokens: the alphabet, each a SMILES token.
        cyclic: ``"allow"``, ``"require"`` or ``"refuse"`` a ring of residues.
        dextro: whether D residues are allowed.
        methyl: whether N-methyl residues are allowed.
        unknown: whether residues and caps are allowed that the library does not have.
        max_residues: most amino acids.
        salts: as in `Smiles`.
        max_atoms: largest valid molecule.
        order: in which training data are written: ``"canonical"``, the one of RDKit, or
            ``"residues"``, one residue after the other from its nitrogen to its carbonyl, which is
            easier to learn; peptides that `spelling.spelt` cannot write so stay canonical.

    Raises:
        InputError: if an option is not one of these, or a token is not one SMILES token.

    Example:
        >>> domain = PeptideSmiles.fit(["PEPTIDE1{[ac].A.[dF].G.[am]}$$$$"], cyclic="refuse")
        >>> smiles = domain.prepare("PEPTIDE1{A.G}$$$$")
        >>> smiles, domain.written(smiles, "helm")
        ('C[C@H](N)C(=O)NCC(=O)O', 'PEPTIDE1{A.G}$$$$V2.0')
        >>> domain.invalid_reason("CCO")
        'no peptide: 0 amino acids'
    """

    name = "peptide_smiles"
    notations = ("helm", "sequence")
    options: ClassVar[tuple[str, ...]] = (
        "cyclic",
        "dextro",
        "methyl",
        "unknown",
        "max_residues",
        "salts",
        "max_atoms",
        "order",
    )
    examples = EXAMPLES

    def __init__(
        self,
        tokens: Sequence[str],
        cyclic: str = "allow",
        dextro: bool = True,
        methyl: bool = True,
        unknown: bool = False,
        max_residues: int = 50,
        salts: str = "strip",
        max_atoms: int = molecule.MAX_ATOMS,
        order: str = "canonical",
    ) -> None:
        super().__init__(tokens, "keep", salts, max_atoms)
        self.order = _check.one_of("order", order, ORDER)
        self.cyclic = _check.one_of("cyclic", cyclic, CYCLIC)
        for name, value in (("dextro", dextro), ("methyl", methyl), ("unknown", unknown)):
            if not isinstance(value, bool):
                raise InputError(f"{name} must be true or false, got {value!r}")
        self.dextro, self.methyl, self.unknown = dextro, methyl, unknown
        self.max_residues = _check.positive_int("max_residues", max_residues)

    def invalid_reason(self, string: str) -> str | None:
        reason = super().invalid_reason(string)
        if reason is not None:
            return reason
        found = read(self.canonical(string))
        return f"no peptide: {found}" if isinstance(found, str) else self._refusal(found)

    def prepare(self, string: str) -> str:
        """Return the SMILES of a peptide in SMILES or HELM, neutral, salts and order as set.

        Raises:
            DataError: with the reason, if the row cannot be used for training.
        """
        smiles = super().prepare(_from_helm(string) if is_helm(string) else _neutral(string))
        found = read(smiles) if self.order == "residues" else ""
        return smiles if isinstance(found, str) else respelt(smiles, found)

    def token_classes(self) -> dict[str, tuple[str, ...]]:
        """Return the tokens of `backbone`, which mostly stand in it, and of `side`, the others.

        A class is one of token values, not of places, for what is not seen yet has no place: in
        2,000 generated peptides 76 % of N, 81 % of =, 69 % of O and 91 % of the carbons with a
        configuration were on the backbone, against 31 % of C and none of the others.
        """
        tokens = self.alphabet.tokens
        kinds = {
            "backbone": tuple(token for token in tokens if token in BACKBONE),
            "side": tuple(token for token in tokens if token not in BACKBONE),
        }
        return {name: found for name, found in kinds.items() if found}

    def written(self, string: str, notation: str) -> str | None:
        """Return a valid string in another notation: ``helm``, or ``sequence`` in one letters.

        A sequence is there where the peptide is linear, its ends free and its residues natural.
        """
        _check.one_of("notation", notation, self.notations)
        found = read(self.canonical(string))
        if isinstance(found, str):
            raise DataError(f"{grammar.shown(string)} is no peptide: {found}")
        return write_helm(found) if notation == "helm" else sequence(found)

    def settings(self) -> dict[str, object]:
        return {
            "tokens": list(self.alphabet.tokens),
            **{name: getattr(self, name) for name in self.options},
        }

    def _refusal(self, peptide: Peptide) -> str | None:
        if peptide.unknown and not self.unknown:
            return _unknown(peptide.unknown[0])
        residues = peptide.residues
        if len(residues) > self.max_residues:
            return f"more than {self.max_residues} residues"
        if not self.dextro and any(one.dextro for one in residues):
            return "a D residue"
        if not self.methyl and any(one.methyl for one in residues):
            return "an N-methyl residue"
        if self.cyclic == "refuse" and peptide.rings:
            return "cyclic"
        return "not cyclic" if self.cyclic == "require" and not peptide.rings else None


def _from_helm(text: str) -> str:
    try:
        smiles = build.smiles(read_helm(text))
        if "." in smiles:  # stripping salts would keep one of them
            raise DataError("its chains are not all connected")
    except DataError as error:
        raise DataError(f"cannot use {grammar.shown(text)}: {error}") from None
    return smiles


def _neutral(smiles: str) -> str:
    """Return `smiles` without the charges that protons make; as it is where there are none."""
    mol = molecule.parse(smiles) if "+]" in smiles or "-]" in smiles else None
    if mol is None:
        return smiles
    spelling: str = Chem.MolToSmiles(rdMolStandardize.Uncharger().uncharge(mol))
    return spelling


def _unknown(smiles: str) -> str:
    centres = Chem.FindPotentialStereo(Chem.MolFromSmiles(smiles))
    if any(
        centre.type == Chem.StereoType.Atom_Tetrahedral
        and centre.specified == Chem.StereoSpecified.Unspecified
        for centre in centres
    ):
        return f"no configuration stated for the residue {grammar.shown(smiles)}"
    return f"unknown residue {grammar.shown(smiles)}"
