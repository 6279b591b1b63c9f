"""All measures of a file of molecules at once: what ``discdiff evaluate`` prints."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rdkit.Chem import Mol

from discdiff import _check
from discdiff.chem import molecule
from discdiff.chem.metrics.diversity import (
    internal_diversity,
    nearest_similarity,
    pairwise_diversity,
)
from discdiff.chem.metrics.fcd import activations, package
from discdiff.chem.metrics.kl import kl_score
from discdiff.chem.metrics.profiles import fragment_similarity, scaffold_similarity
from discdiff.chem.oracles.descriptors import QED, LogP
from discdiff.chem.oracles.synthesis import SA
from discdiff.errors import InputError
from discdiff.metrics import (
    Refuse,
    frechet_distance,
    novelty,
    uniqueness,
    valid_unique_novel,
)

Report = dict[str, float | int | None]


def evaluate(
    strings: Sequence[str],
    reference: Sequence[str] | None = None,
    *,
    fcd: bool = False,
    sample: int = 10_000,
    seed: int = 42,
    refuse: Refuse | None = None,
) -> Report:
    """Return every measure of N generated SMILES by name, in a fixed order; None if undefined.

    Always: `requested`, `validity` (our predicate), `rdkit_parse_rate` (not empty, and read by
    RDKit), `uniqueness`, `internal_diversity_1`, `internal_diversity_2` (MOSES),
    `pairwise_diversity` (TDC), and for each of `qed`, `sa` (normalised, 1 = easy) and `logp` the
    mean and median over the valid ones. For `qed` and `sa` also `_top_10_percent`: the 90 %
    quantile over all N, an invalid one being 0.

    With a reference: `novelty`, `valid_unique_novel`, the means over the distinct novel ones, and
    against a random sample of the reference `nearest_similarity` (SNN), `scaffold_similarity`,
    `fragment_similarity`, `kl_score`. With `fcd`: `fcd`, `fcd_floor` (real against real) and
    `fcd_size`, the molecules on either side of both.

    Args:
        strings: N SMILES as drawn, the invalid ones included.
        reference: SMILES of the training set; those that are not valid are left out and counted in
            `reference_invalid`.
        fcd: compute the Fréchet ChemNet distance, minutes for 10,000 molecules.
        sample: most molecules of the reference that are compared one by one.
        seed: of that sample.
        refuse: told of each of `strings` that is not valid, and why.

    Raises:
        InputError: if `strings` is empty, no reference molecule is valid, or `fcd` is asked without
            a reference.
        UnsupportedError: if `fcd` is asked and the package fcd is not installed.

    Example:
        >>> report = evaluate(["CCO", "OCC", "C1CC", "c1ccccc1"], reference=["CCO", "CCN"])
        >>> report["validity"], report["uniqueness"], report["novelty"]
        (0.75, 0.6666666666666666, 0.5)
    """
    if not strings:
        raise InputError("strings must hold at least one SMILES, got none")
    if fcd:
        package()  # say so now, not after minutes, if it is not installed
        if reference is None:
            raise InputError("reference must be given to compute fcd, got None")
    _check.positive_int("sample", sample)
    _check.seed("seed", seed)
    keys = _canonical(strings, refuse)
    molecules = _parsed(keys)
    report: dict[str, float | int] = {
        "requested": len(strings),
        "validity": len(keys) / len(strings),
        "rdkit_parse_rate": sum(map(_rdkit_reads, strings)) / len(strings),
        "uniqueness": uniqueness(keys),
        "internal_diversity_1": internal_diversity(molecules, 1),
        "internal_diversity_2": internal_diversity(molecules, 2),
        "pairwise_diversity": pairwise_diversity(molecules),
    }
    properties = _properties(keys)
    report |= _summary(properties, len(strings))
    if reference is not None:
        known = _canonical(reference)
        if not known:
            raise InputError("reference must hold at least one valid SMILES, got none")
        report["reference_invalid"] = len(reference) - len(known)
        report |= _against(keys, known, properties, len(strings))
        chosen = _draw(known, sample, seed)
        report |= _alike(molecules, _parsed(chosen))
        if fcd:
            report |= _frechet(keys, known, sample, seed)
    return {name: None if math.isnan(value) else value for name, value in report.items()}


def _canonical(strings: Sequence[str], refuse: Refuse | None = None) -> list[str]:
    kept = []
    for place, string in enumerate(strings):
        reason = molecule.invalid_reason(string)
        if reason is None:
            kept.append(molecule.canonical(string))
        elif refuse is not None:
            refuse(place, reason)
    return kept


def _rdkit_reads(string: str) -> bool:
    return string != "" and molecule.rdkit_parses(string)  # RDKit takes "" for a molecule


def _parsed(keys: Sequence[str]) -> list[Mol]:
    return [mol for key in keys if (mol := molecule.parse(key)) is not None]


def _draw(strings: Sequence[str], size: int, seed: int) -> list[str]:
    order = np.random.default_rng(seed).permutation(len(strings))[:size]
    return [strings[i] for i in order.tolist()]


def _properties(keys: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    return {"qed": QED()(keys), "sa": SA()(keys), "logp": LogP()(keys)}


def _summary(properties: dict[str, NDArray[np.float64]], requested: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, values in properties.items():
        found[f"{name}_mean"] = float(values.mean()) if values.size else math.nan
        found[f"{name}_median"] = float(np.median(values)) if values.size else math.nan
        if name != "logp":  # 0 is the worst QED and SA, but an ordinary logP
            everything = np.pad(values, (0, requested - values.size))
            found[f"{name}_top_10_percent"] = float(np.quantile(everything, 0.9))
    return found


def _against(
    keys: Sequence[str],
    known: Sequence[str],
    properties: dict[str, NDArray[np.float64]],
    requested: int,
) -> dict[str, float]:
    training = set(known)
    found = {
        "novelty": novelty(keys, training),
        "valid_unique_novel": valid_unique_novel(keys, training, requested),
    }
    first: dict[str, int] = {}
    for row, key in enumerate(keys):
        if key not in training:
            first.setdefault(key, row)
    for name, values in properties.items():
        novel = values[list(first.values())]
        found[f"{name}_mean_novel"] = float(novel.mean()) if novel.size else math.nan
    return found


def _alike(molecules: Sequence[Mol], reference: Sequence[Mol]) -> dict[str, float]:
    return {
        "nearest_similarity": nearest_similarity(molecules, reference),
        "scaffold_similarity": scaffold_similarity(molecules, reference),
        "fragment_similarity": fragment_similarity(molecules, reference),
        "kl_score": kl_score(molecules, reference),
    }


def _frechet(
    keys: Sequence[str], known: Sequence[str], sample: int, seed: int
) -> dict[str, float | int]:
    size = min(len(keys), len(known) // 2, sample)
    if size < 2:
        return {"fcd": math.nan, "fcd_floor": math.nan, "fcd_size": size}
    drawn = _draw(known, 2 * size, seed)
    ours = activations(_draw(keys, size, seed))
    theirs, others = activations(drawn[:size]), activations(drawn[size:])
    return {
        "fcd": frechet_distance(ours, theirs),
        "fcd_floor": frechet_distance(theirs, others),
        "fcd_size": size,
    }
