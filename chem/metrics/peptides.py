"""All measures of a file of peptides at once, in SMILES or HELM."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from discdiff.chem import molecule
from discdiff.chem.metrics import report
from discdiff.chem.peptide import build
from discdiff.chem.peptide.analyse import read
from discdiff.chem.peptide.helm import Peptide, is_helm, read_helm
from discdiff.errors import DataError
from discdiff.metrics import Refuse


def evaluate(
    strings: Sequence[str],
    reference: Sequence[str] | None = None,
    *,
    fcd: bool = False,
    sample: int = 10_000,
    seed: int = 42,
    refuse: Refuse | None = None,
) -> report.Report:
    """Return the measures of molecules, and those of peptides after them; HELM is read too.

    Of all N: `peptides` (divide into residues) and `analysed` (into residues of the library). Of
    the peptides: `cyclic`, `residues_mean`, and the shares of their residues that are `dextro`,
    `n_methyl` and `unknown`. A HELM that cannot be read counts as an invalid molecule.

    Args:
        strings: N SMILES or HELM as drawn, the invalid ones included.
        reference: of the training set.
        fcd: compute the Fréchet ChemNet distance.
        sample: most molecules of the reference that are compared one by one.
        seed: of that sample.
        refuse: told of each of `strings` that is no molecule, and why.

    Raises:
        InputError: as for molecules.
        UnsupportedError: as for molecules.

    Example:
        >>> found = evaluate(["PEPTIDE1{A.[dL]}$$$$", "NCC(=O)N[C@@H](C)C(=O)O", "CCO"])
        >>> found["validity"], found["peptides"], found["dextro"]
        (1.0, 0.6666666666666666, 0.25)
    """
    faults: dict[int, str] = {}

    def told(place: int, reason: str) -> None:
        if refuse is not None:
            refuse(place, faults.get(place, reason))

    smiles = [_smiles(string, place, faults) for place, string in enumerate(strings)]
    known = None if reference is None else [_smiles(s, n, {}) for n, s in enumerate(reference)]
    measures = report.evaluate(smiles, known, fcd=fcd, sample=sample, seed=seed, refuse=told)
    return measures | _of_peptides(smiles)


def _smiles(string: str, place: int, faults: dict[int, str]) -> str:
    if not is_helm(string):
        return string
    try:
        return build.smiles(read_helm(string))
    except DataError as error:
        faults[place] = str(error)
        return string  # not SMILES either, so it counts as invalid


def _of_peptides(strings: Sequence[str]) -> report.Report:
    found = [
        peptide
        for s in strings
        if molecule.invalid_reason(s) is None
        and isinstance(peptide := read(molecule.canonical(s)), Peptide)
    ]
    residues = [one for peptide in found for one in peptide.residues]
    shares = {
        "peptides": len(found) / len(strings),
        "analysed": sum(not peptide.unknown for peptide in found) / len(strings),
        "cyclic": _mean([peptide.rings > 0 for peptide in found]),
        "residues_mean": _mean([len(peptide.residues) for peptide in found]),
        "dextro": _mean([one.dextro for one in residues]),
        "n_methyl": _mean([one.methyl for one in residues]),
        "unknown": _mean(["*" in one.symbol for one in residues]),
    }
    return {name: None if math.isnan(value) else value for name, value in shares.items()}


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan
