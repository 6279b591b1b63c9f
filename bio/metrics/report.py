"""All measures of a file of sequences at once: what ``discdiff evaluate`` prints."""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from discdiff import _check
from discdiff.bio.domain import DNA, RNA
from discdiff.bio.linear import Sequences
from discdiff.bio.metrics.edits import nearest_edits
from discdiff.bio.metrics.kmers import kmer_correlation, kmer_divergence
from discdiff.bio.oracles.cpg import CpG
from discdiff.bio.oracles.gc import GC
from discdiff.bio.oracles.homopolymer import Homopolymer
from discdiff.bio.oracles.peptides.charge import Charge
from discdiff.bio.oracles.peptides.gravy import Gravy
from discdiff.bio.oracles.peptides.liabilities import Liabilities
from discdiff.bio.oracles.peptides.moment import HydrophobicMoment
from discdiff.bio.oracles.sequence import PerSequence
from discdiff.bio.peptide import Peptide
from discdiff.errors import DataError, InputError
from discdiff.metrics import Refuse, novelty, uniqueness, valid_unique_novel

Report = dict[str, float | int | None]


@dataclass(frozen=True)
class _Kind:
    """What is measured of sequences of one kind."""

    domain: Sequences
    words: tuple[int, ...]
    oracles: tuple[PerSequence, ...]


def evaluate_dna(
    strings: Sequence[str],
    reference: Sequence[str] | None = None,
    *,
    fcd: bool = False,
    sample: int = 10_000,
    seed: int = 42,
    refuse: Refuse | None = None,
) -> Report:
    """Return every measure of N generated DNA sequences by name; None if undefined.

    Always: `requested`, `validity` (only A, C, G, T), `uniqueness`, and the means of length, GC
    content, CpG observed over expected and longest homopolymer. With a reference also `novelty`,
    `valid_unique_novel`, and for words of 3 and 6 letters their Pearson correlation and their
    Jensen-Shannon divergence in bits; against a random sample of it `edits_to_nearest`, the mean
    edit distance to the nearest sequence, for which the package rapidfuzz must be installed.

    Args:
        strings: N sequences as drawn, the invalid ones included; case does not matter.
        reference: sequences of the training set; those that are not valid are left out and counted
            in `reference_invalid`.
        fcd: must be False; it is a measure of molecules.
        sample: most sequences of the reference that are compared one by one.
        seed: of that sample.
        refuse: told of each of `strings` that is not valid, and why.

    Raises:
        InputError: if `strings` is empty, no reference sequence is valid, or `fcd` is asked.

    Example:
        >>> report = evaluate_dna(["ACGT", "acgt", "ACGN", "GGCC"], reference=["ACGT", "ACGA"])
        >>> report["validity"], report["gc_mean"], report["edits_to_nearest"]
        (0.75, 0.6666666666666666, 1.3333333333333333)
    """
    return _evaluate(_of_bases(DNA()), strings, reference, fcd, sample, seed, refuse)


def evaluate_rna(
    strings: Sequence[str],
    reference: Sequence[str] | None = None,
    *,
    fcd: bool = False,
    sample: int = 10_000,
    seed: int = 42,
    refuse: Refuse | None = None,
) -> Report:
    """Return every measure of N generated RNA sequences by name; see `evaluate_dna`.

    Example:
        >>> evaluate_rna(["ACGU", "ACGT"])["validity"]
        0.5
    """
    return _evaluate(_of_bases(RNA()), strings, reference, fcd, sample, seed, refuse)


def evaluate_peptides(
    strings: Sequence[str],
    reference: Sequence[str] | None = None,
    *,
    fcd: bool = False,
    sample: int = 10_000,
    seed: int = 42,
    refuse: Refuse | None = None,
) -> Report:
    """Return every measure of N generated peptides by name; None if undefined.

    As `evaluate_dna`, with the means of charge at pH 7, GRAVY, hydrophobic moment (helix) and score
    of liabilities, and words of 1, 2 and 3 residues; those of 1 are the composition. Lower case,
    which may mean D residues, is not valid.

    Example:
        >>> report = evaluate_peptides(["YGGFL", "GIXK"], reference=["YGGFM"])
        >>> report["validity"], report["edits_to_nearest"]
        (0.5, 1.0)
    """
    oracles = (Charge(), Gravy(), HydrophobicMoment(), Liabilities())
    return _evaluate(
        _Kind(Peptide(), (1, 2, 3), oracles), strings, reference, fcd, sample, seed, refuse
    )


def _of_bases(domain: Sequences) -> _Kind:
    return _Kind(domain, (3, 6), (GC(), CpG(), Homopolymer()))


def _evaluate(
    kind: _Kind,
    strings: Sequence[str],
    reference: Sequence[str] | None,
    fcd: bool,
    sample: int,
    seed: int,
    refuse: Refuse | None,
) -> Report:
    if not strings:
        raise InputError("strings must hold at least one sequence, got none")
    if fcd:
        raise InputError("fcd must be false for sequences: it measures molecules")
    _check.positive_int("sample", sample)
    _check.seed("seed", seed)
    keys = _valid(kind.domain, strings, refuse)
    report: dict[str, float | int] = {
        "requested": len(strings),
        "validity": len(keys) / len(strings),
        "uniqueness": uniqueness(keys),
        "length_mean": float(np.mean([len(key) for key in keys])) if keys else math.nan,
    }
    for oracle in kind.oracles:
        report[f"{oracle.name}_mean"] = float(oracle(keys).mean()) if keys else math.nan
    if reference is not None:
        known = _valid(kind.domain, reference)
        if not known:
            raise InputError("reference must hold at least one valid sequence, got none")
        report["reference_invalid"] = len(reference) - len(known)
        report |= _against(keys, known, len(strings), kind.words)
        order = np.random.default_rng(seed).permutation(len(known))[:sample]
        report["edits_to_nearest"] = _edits(keys, [known[i] for i in order.tolist()])
    return {name: None if math.isnan(value) else value for name, value in report.items()}


def _valid(domain: Sequences, strings: Sequence[str], refuse: Refuse | None = None) -> list[str]:
    kept = []
    for place, string in enumerate(strings):
        try:
            kept.append(domain.prepare(string))
        except DataError as error:
            if refuse is not None:
                refuse(place, str(error))
    return kept


def _against(
    keys: Sequence[str], known: Sequence[str], requested: int, words: tuple[int, ...]
) -> dict[str, float]:
    training = set(known)
    found = {
        "novelty": novelty(keys, training),
        "valid_unique_novel": valid_unique_novel(keys, training, requested),
    }
    for k in words:
        long = all(any(len(s) >= k for s in group) for group in (keys, known))
        found[f"kmer_{k}_correlation"] = kmer_correlation(keys, known, k) if long else math.nan
        found[f"kmer_{k}_divergence"] = kmer_divergence(keys, known, k) if long else math.nan
    return found


def _edits(keys: Sequence[str], known: Sequence[str]) -> float:
    if importlib.util.find_spec("rapidfuzz") is None:
        warnings.warn(
            "edits_to_nearest is left out: pip install 'discdiff[edit]'", UserWarning, stacklevel=2
        )
        return math.nan
    return float(nearest_edits(keys, known).mean()) if keys else math.nan
