"""How different the molecules of a set are, and how near another set is to them.

The two definitions of diversity in use give different numbers; each is named after its origin.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import Mol

from discdiff import _check
from discdiff.chem.fingerprints import Vector, comparer, fingerprint


def internal_diversity(molecules: Sequence[Mol], p: int = 1) -> float:
    r"""Return MOSES' IntDiv_p, `1 - mean_i (mean_j T_ij^p)^(1/p)`; NaN of an empty set.

    T is the Tanimoto similarity of Morgan bits of radius 2 folded to 1,024. Duplicates count, and
    so do the pairs of a molecule with itself.

    Args:
        molecules: N molecules.
        p: 1 or 2 for IntDiv and IntDiv2.

    Raises:
        InputError: if `p` is not a positive integer.

    Source:
        Molecular sets (MOSES) (Polykovskiy et al., 2020, 1811.12823); for p > 1 as computed by its
        code, where the paper takes the root after averaging over i.

    Example:
        >>> from discdiff.chem.molecule import parse
        >>> round(internal_diversity([parse("CCO"), parse("c1ccccc1")]), 3)
        0.5
    """
    _check.positive_int("p", p)
    vectors = vectors_of(molecules, "ecfp4_1024")
    means = [(row**p).mean() ** (1 / p) for row in rows(vectors, vectors)]
    return 1.0 - float(np.mean(means)) if means else math.nan


def pairwise_diversity(molecules: Sequence[Mol]) -> float:
    r"""Return TDC's diversity, `1 - mean_{i<j} T_ij` over distinct molecules; NaN of fewer than 2.

    T is the Tanimoto similarity of Morgan bits of radius 2 folded to 2,048.

    Source:
        Therapeutics data commons (Huang et al., 2021, 2102.09548).

    Example:
        >>> from discdiff.chem.molecule import parse
        >>> round(pairwise_diversity([parse("CCO"), parse("c1ccccc1"), parse("OCC")]), 3)
        1.0
    """
    distinct = list({Chem.MolToSmiles(mol): mol for mol in molecules}.values())
    vectors = vectors_of(distinct, "ecfp4_2048")
    if len(vectors) < 2:
        return math.nan
    # a row holds its pairs with all others, and the pair with itself, which is 1
    means = [(row.sum() - 1.0) / (len(vectors) - 1) for row in rows(vectors, vectors)]
    return 1.0 - float(np.mean(means))


def nearest_similarity(molecules: Sequence[Mol], reference: Sequence[Mol]) -> float:
    r"""Return MOSES' SNN, `mean_i max_j T(i, j)` to the reference; NaN if a set is empty.

    T is the Tanimoto similarity of Morgan bits of radius 2 folded to 1,024.

    Args:
        molecules: N molecules.
        reference: M molecules.

    Source:
        Molecular sets (MOSES) (Polykovskiy et al., 2020, 1811.12823).

    Example:
        >>> from discdiff.chem.molecule import parse
        >>> nearest_similarity([parse("CCO")], [parse("OCC"), parse("CCN")])
        1.0
    """
    if not molecules or not reference:
        return math.nan
    theirs = vectors_of(reference, "ecfp4_1024")
    ours = vectors_of(molecules, "ecfp4_1024")
    return float(np.mean([row.max() for row in rows(ours, theirs)]))


def vectors_of(molecules: Sequence[Mol], name: str) -> list[Vector]:
    """Return the fingerprint called `name` of each molecule."""
    make = fingerprint(name)
    return [make(mol) for mol in molecules]


def rows(vectors: Sequence[Vector], others: Sequence[Vector]) -> Iterator[NDArray[np.float64]]:
    """Yield, for each of `vectors`, float64 `(len(others),)`: its similarity to `others`."""
    return map(comparer(others), vectors)
