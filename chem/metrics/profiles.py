"""How alike two sets are in the pieces their molecules are made of."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from rdkit import Chem
from rdkit.Chem import Mol, rdmolops

from discdiff.chem.scaffolds import murcko


def scaffold_similarity(molecules: Sequence[Mol], reference: Sequence[Mol]) -> float:
    """Return MOSES' Scaf: cosine of the counts of Murcko scaffolds of two or more rings.

    NaN if either set has no such scaffold. Duplicates count.

    Args:
        molecules: N molecules.
        reference: M molecules.

    Source:
        Molecular sets (MOSES) (Polykovskiy et al., 2020, 1811.12823).

    Example:
        >>> from discdiff.chem.molecule import parse
        >>> naphthol, naphthalene = parse("Oc1ccc2ccccc2c1"), parse("c1ccc2ccccc2c1")
        >>> round(scaffold_similarity([naphthol], [naphthalene, parse("C1CCC2CCCCC2C1")]), 3)
        0.707
    """
    return _cosine(_scaffolds(molecules), _scaffolds(reference))


def fragment_similarity(molecules: Sequence[Mol], reference: Sequence[Mol]) -> float:
    """Return MOSES' Frag: cosine of the counts of BRICS fragments; NaN if a set is empty.

    Args:
        molecules: N molecules.
        reference: M molecules.

    Source:
        Molecular sets (MOSES) (Polykovskiy et al., 2020, 1811.12823).

    Example:
        >>> from discdiff.chem.molecule import parse
        >>> fragment_similarity([parse("CCOc1ccccc1")], [parse("c1ccccc1OCC")])
        1.0
    """
    return _cosine(_fragments(molecules), _fragments(reference))


def _scaffolds(molecules: Sequence[Mol]) -> Counter[str]:
    cores = (murcko(mol) for mol in molecules)
    return Counter(Chem.MolToSmiles(c) for c in cores if c.GetRingInfo().NumRings() >= 2)


def _fragments(molecules: Sequence[Mol]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for mol in molecules:
        counts.update(Chem.MolToSmiles(rdmolops.FragmentOnBRICSBonds(mol)).split("."))
    return counts


def _cosine(a: Counter[str], b: Counter[str]) -> float:
    if not a or not b:
        return math.nan
    product = sum(n * b[name] for name, n in a.items())
    norms = math.sqrt(sum(n * n for n in a.values()) * sum(n * n for n in b.values()))
    return product / norms
