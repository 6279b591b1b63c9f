"""Reading molecules: parsing behind a cache, the canonical form, and our own validity predicate.

RDKit reads more than molecules: it drops text after a space, wraps large charges around, takes the
empty string for a molecule and can hang on long or deeply nested input. Validity is therefore
decided here; `rdkit_parses` gives RDKit's own answer, to be reported beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from rdkit import Chem, rdBase

from discdiff import _check
from discdiff.chem import grammar
from discdiff.errors import DataError

MAX_ATOMS = 250
"""Default largest molecule, in the atoms RDKit keeps (hydrogens fold into their neighbours)."""
MAX_CHARGE = 4
"""Largest absolute formal charge of one atom."""

_FORM_FAULTS = (
    (re.compile(r"\*"), "dummy atom"),
    (re.compile(rf"[+-](?:[{MAX_CHARGE + 1}-9]|\d\d+)(?::\d+)?\]"), f"charge beyond ±{MAX_CHARGE}"),
    (re.compile(r":\d+\]"), "atom-map number"),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one string says: why it is no molecule, or its canonical form and size."""

    reason: str | None
    canonical: str = ""
    atoms: int = 0
    fragments: int = 0


def parse(smiles: str) -> Chem.Mol | None:
    """Return the molecule of `smiles`, or None if it is refused or RDKit cannot read it.

    The 4,096 molecules read last are kept and shared: treat them as read-only, copy to edit.
    `invalid_reason` and `canonical` leave the molecule here under its canonical string, so a
    score computed from the canonical string does not parse again.

    Raises:
        InputError: if `smiles` is not a string.

    Example:
        >>> parse("OCC").GetNumAtoms(), parse("C1CC"), parse("C" * 100_000)
        (3, None, None)
    """
    if grammar.hazard(smiles) or grammar.spelling_fault(smiles):
        return None
    return _parse(smiles)


def canonical(smiles: str) -> str:
    """Return the canonical SMILES of `smiles`.

    Raises:
        DataError: if `smiles` is not a molecule; the message gives the reason.

    Example:
        >>> canonical("OCC")
        'CCO'
    """
    reading = read(smiles)
    if reading.reason is not None:
        raise DataError(f"{grammar.shown(smiles)} is not a molecule: {reading.reason}")
    return reading.canonical


def invalid_reason(
    smiles: str,
    *,
    max_atoms: int = MAX_ATOMS,
    max_length: int = grammar.MAX_LENGTH,
    max_fragments: int = 1,
) -> str | None:
    """Return None if `smiles` is a valid molecule, else the reason in a few words.

    Valid means: SMILES and nothing else (non-empty ASCII, no whitespace), at most `max_length`
    characters, branches nested at most 100 deep, accepted by RDKit, 1 to `max_atoms` atoms, at
    most `max_fragments` fragments, no dummy atom, no atom-map number, no unpaired electron, no
    atom charged beyond ±4, and a canonical form that reads back to itself.

    Args:
        smiles: any string.
        max_atoms: most atoms.
        max_length: most characters, at most 2,000.
        max_fragments: most fragments, at most 20.

    Raises:
        InputError: if `smiles` is not a string or a limit is out of range.

    Example:
        >>> invalid_reason("CCO"), invalid_reason("CC.CC"), invalid_reason("C(C)(C)(C)(C)C")
        (None, 'more than 1 fragment', 'impossible valence')
    """
    _check.in_range("max_length", max_length, 1, grammar.MAX_LENGTH)
    _check.in_range("max_fragments", max_fragments, 1, grammar.MAX_FRAGMENTS)
    _check.positive_int("max_atoms", max_atoms)
    reading = read(smiles)
    if reading.reason is not None:
        return reading.reason
    if len(smiles) > max_length:
        return f"more than {max_length} characters"
    if reading.atoms > max_atoms:
        return f"more than {max_atoms} atoms"
    if reading.fragments > max_fragments:
        return f"more than {max_fragments} fragment" + "s" * (max_fragments > 1)
    return None


def saturated(smiles: str) -> str:
    """Return `smiles` with hydrogens in the place of unpaired electrons, itself without those.

    Example:
        >>> saturated("C[CH]C"), saturated("C[N+]C"), saturated("CCO")
        ('CCC', 'C[NH2+]C', 'CCO')
    """
    mol = parse(smiles) if "[" in smiles else None  # other atoms have no unpaired electrons
    if mol is None or not any(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms()):
        return smiles
    filled = Chem.Mol(mol)
    for atom in filled.GetAtoms():
        atom.SetNumExplicitHs(atom.GetNumExplicitHs() + atom.GetNumRadicalElectrons())
        atom.SetNumRadicalElectrons(0)
    spelling: str = Chem.MolToSmiles(filled)
    return spelling


def rdkit_parses(smiles: str) -> bool:
    """Return whether RDKit alone reads `smiles`, for reporting beside `invalid_reason`.

    Strings that could hang RDKit (over 2,000 characters, 100 nested branches or 20 fragments)
    are not tried and count as not read.

    Example:
        >>> rdkit_parses("CC extra"), rdkit_parses(""), rdkit_parses("C1CC")
        (True, True, False)
    """
    return grammar.hazard(smiles) is None and _from_smiles(smiles) is not None


def read(smiles: str) -> Reading:
    """Return what `smiles` says, under the fixed limits only; the last 65,536 are kept."""
    refusal = grammar.hazard(smiles)
    return Reading(refusal) if refusal else _read(smiles)


@lru_cache(maxsize=65_536)
def _read(smiles: str) -> Reading:
    fault = grammar.spelling_fault(smiles)
    if fault is not None:
        return Reading(fault)
    mol = _parse(smiles)
    if mol is None:
        return Reading(_rdkit_reason(smiles))
    form = Chem.MolToSmiles(mol)
    fault = _form_fault(form)
    if fault is not None:
        return Reading(fault)
    if any(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms()):
        return Reading("unpaired electron")
    if form != smiles:
        refusal = grammar.hazard(form)
        if refusal is not None:
            return Reading(refusal)
        again = _parse(form)
        if again is None or Chem.MolToSmiles(again) != form:
            return Reading("unstable canonical form")
    return Reading(None, form, mol.GetNumAtoms(), form.count(".") + 1)


@lru_cache(maxsize=4_096)
def _parse(smiles: str) -> Chem.Mol | None:
    return _from_smiles(smiles)


def _from_smiles(smiles: str, sanitize: bool = True) -> Chem.Mol | None:
    with rdBase.BlockLogs():
        mol: Chem.Mol | None = Chem.MolFromSmiles(smiles, sanitize=sanitize)
    return mol


def _form_fault(form: str) -> str | None:
    """Why a canonical SMILES of RDKit is no definite molecule."""
    return next((reason for pattern, reason in _FORM_FAULTS if pattern.search(form)), None)


def _rdkit_reason(smiles: str) -> str:
    """Why RDKit refuses a string that is spelt as SMILES."""
    mol = _from_smiles(smiles, sanitize=False)
    if mol is None:
        return "syntax error"
    with rdBase.BlockLogs():
        problems = {problem.GetType() for problem in Chem.DetectChemistryProblems(mol)}
    if "AtomValenceException" in problems:
        return "impossible valence"
    if problems & {"KekulizeException", "AtomKekulizeException"}:
        return "cannot be kekulized"
    return "refused by RDKit"
