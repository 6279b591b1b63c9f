"""What a model of natural peptides has learnt: the figures of its card, measured again.

    python benchmarks/peptide_natural_quality.py --data peptide_natural.csv --model NAME [--write]

The file is that of `benchmarks/peptide_natural_tables.py`. Every figure of the samples stands
beside that of the test peptides, which are of other families and show what would be perfect, and of
a Markov chain of the order that suits the validation peptides best, with lengths drawn from the
training peptides. The bound of a peptide is that of its residues, given its length, as is the
chance of a chain.
`--write` puts the figures into the card.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from quality_card import main

from discdiff.bio.metrics.edits import nearest_edits
from discdiff.bio.metrics.kmers import kmer_correlation, kmer_divergence
from discdiff.bio.metrics.markov import Markov
from discdiff.bio.oracles.peptides.charge import Charge
from discdiff.bio.oracles.peptides.gravy import Gravy
from discdiff.bio.residues import AMINO_ACIDS
from discdiff.metrics import novelty, uniqueness
from discdiff.model import Model
from discdiff.oracle.likelihood import ModelLikelihood
from discdiff.samplers.recommended import HEADING, USUAL, recommended

DRAWS = 8  # noise levels a peptide is seen at
ORDERS = range(4)  # of the chains that the card lists
QUARTILES = (0.25, 0.5, 0.75)
Row = Mapping[str, str]
Floats = NDArray[np.float64]


def per_residue(nats: Floats, strings: Sequence[str]) -> tuple[float, float]:
    """Return nats a residue, all residues alike, and the standard error over peptides."""
    sizes = np.array([len(string) for string in strings])
    mean = float(nats.sum() / sizes.sum())
    spread = (nats - mean * sizes).std() / sizes.mean() / len(sizes) ** 0.5
    return mean, float(spread)


def bound(model: Model, strings: Sequence[str]) -> Floats:
    """Return the NELBO of each peptide of at most the length of the model, in nats."""
    return -ModelLikelihood(model, draws=DRAWS)(list(strings)).values[:, 0]


def likelihoods(
    model: Model, chains: Sequence[Markov], order: int, test: Sequence[Row]
) -> dict[str, str]:
    """Return nats a residue of the test peptides: of the model, of chains, and by kind."""
    strings = [row["sequence"] for row in test]
    nats = bound(model, strings)
    chance = {chain.order: chain.nats(strings) for chain in chains}
    mean, error = per_residue(nats, strings)
    gain, gain_error = per_residue(chance[order] - nats, strings)
    found = {
        "test NELBO": f"{mean:.4f} nats a residue ± {error:.4f}, {len(strings)} peptides",
        "chance of every residue 1/20": f"{np.log(20):.4f}",
        "Markov chains on the same rows, by order": ", ".join(
            f"{k}: {per_residue(value, strings)[0]:.4f}" for k, value in chance.items()
        ),
        f"better than the chain of order {order} by": f"{gain:.4f} ± {gain_error:.4f}",
    }
    for kind in sorted({row["kind"] for row in test}):
        rows = np.array([row["kind"] == kind for row in test])
        part = [string for string, here in zip(strings, rows, strict=True) if here]
        own, theirs = (per_residue(each[rows], part)[0] for each in (nats, chance[order]))
        found[f"test NELBO, {kind}"] = f"{own:.4f} ({len(part)} peptides; chain {theirs:.4f})"
    return found


def likeness(
    sets: Mapping[str, Sequence[str]], train: Sequence[str], model: Model
) -> dict[str, str]:
    """Return each measure of each set of peptides, told apart by name."""
    found: dict[str, list[str]] = {}
    for name, strings in sets.items():
        edits = nearest_edits(strings, train)
        sizes = [len(string) for string in strings]
        short = [string for string in strings if len(string) <= model.max_length]
        measures = {
            "length": "quartiles " + ", ".join(f"{q:.0f}" for q in np.quantile(sizes, QUARTILES)),
            "charge at pH 7": f"{float(np.mean(Charge()(strings))):+.2f}",
            "GRAVY": f"{float(np.mean(Gravy()(strings))):+.3f}",
            "uniqueness": f"{uniqueness(strings):.3f}",
            "novelty": f"{novelty(strings, set(train)):.3f}",
            "composition, correlation": f"{kmer_correlation(strings, train, 1):.3f}",
            "words of 2, correlation": f"{kmer_correlation(strings, train, 2):.3f}",
            "words of 3, correlation": f"{kmer_correlation(strings, train, 3):.3f}",
            "words of 2, Jensen-Shannon": f"{kmer_divergence(strings, train, 2):.4f} bits",
            "NELBO under the model": f"{per_residue(bound(model, short), short)[0]:.4f} nats",
            "edits to the nearest training peptide": f"median {np.median(edits):.0f}, "
            f"under 30 % of its length: {np.mean(edits < 0.3 * np.array(sizes)):.1%}",
        }
        for measure, value in measures.items():
            found.setdefault(measure, []).append(f"{name} {value}")
    return {measure: "; ".join(values) for measure, values in found.items()}


def quality(model: Model, rows: Sequence[Row], samples: int, seed: int) -> dict[str, str]:
    """Return the figures of the card."""
    train, valid, test = (
        [row for row in rows if row["split"] == split] for split in ("train", "valid", "test")
    )
    known = [row["sequence"] for row in train]
    chains = [Markov(known, order, letters=AMINO_ACIDS) for order in ORDERS]
    held = [row["sequence"] for row in valid]
    best = min(chains, key=lambda chain: float(chain.nats(held).sum()))
    drawn = recommended(model).sample(samples, generator=torch.Generator().manual_seed(seed))
    rng = np.random.default_rng(seed)
    cut = rng.choice([len(sequence) for sequence in known], samples)
    chained = best.sample(samples, int(cut.max()), seed)
    sets = {
        "samples": drawn.strings,
        "test": [row["sequence"] for row in test],
        f"chain of order {best.order}": [
            s[:size] for s, size in zip(chained, cut.tolist(), strict=True)
        ],
    }
    sampler = model.card.get(HEADING, USUAL[model.process.kind])
    return {
        "samples": f"{samples} by {sampler}, seed {seed}",
        "validity": f"{float(np.mean(drawn.valid)):.3f}",
        **likelihoods(model, chains, best.order, test),
        **likeness(sets, known, model),
    }


if __name__ == "__main__":
    main(quality, __doc__, "peptide_natural_tables.py", "peptide_natural")
