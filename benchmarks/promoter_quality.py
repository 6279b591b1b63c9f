"""What a model of promoters has learnt: the figures of its card, measured again.

    python benchmarks/promoter_quality.py --data yeast80.csv --model yeast80_masked [--write]

The file is that of `benchmarks/yeast80_table.py`. Every figure of the samples stands beside that of
two other sets: the test cores, which are of other families and show what would be perfect, and
sequences of a Markov chain, of the order that suits the valid cores best, which show what short
words alone give. `--write` puts the figures into the card.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from quality_card import main
from scipy.stats import spearmanr

from discdiff import random
from discdiff.bio.metrics.edits import nearest_edits
from discdiff.bio.metrics.kmers import kmer_correlation, kmer_divergence
from discdiff.bio.metrics.markov import Markov
from discdiff.bio.metrics.pattern_counts import YEAST_ELEMENTS, pattern_counts
from discdiff.bio.oracles.gc import GC
from discdiff.loss import nelbo
from discdiff.metrics import uniqueness
from discdiff.model import Model
from discdiff.samplers.recommended import HEADING, USUAL, recommended

DRAWS = 8  # noise levels a sequence is seen at
ROWS = 64  # of a pass of the network
ORDERS = range(6)  # of the chains that the card lists
NEAR = 25  # edits within which a design is a relative of a training core
Row = Mapping[str, str]


@torch.no_grad()
def nats(model: Model, sequences: Sequence[str]) -> NDArray[np.float64]:
    """Return the NELBO of each sequence of one length, per base."""
    x_0 = model.domain.encode_batch(sequences)
    total = torch.zeros(len(x_0), dtype=torch.float64)
    for draw in range(DRAWS):
        keys = random.row_keys(draw, torch.arange(len(x_0)), torch.zeros(len(x_0)).long())
        for start in range(0, len(x_0), ROWS):
            rows = slice(start, start + ROWS)
            part = x_0[rows]
            active = torch.ones_like(part, dtype=torch.bool)
            bound = nelbo(model.denoiser, model.process, part, active, keys[rows], form="count")
            total[rows] += bound.double()
    return (total / DRAWS / x_0.shape[1]).numpy()


def likelihoods(
    model: Model, chains: Sequence[Markov], order: int, test: Sequence[Row]
) -> dict[str, str]:
    """Return nats a base of the test cores: of the model, of chains, and by library."""
    cores = [row["core80"] for row in test]
    library = np.array([row["library"] for row in test])
    bound = nats(model, cores)
    chance = {chain.order: chain.nats(cores) / len(cores[0]) for chain in chains}
    gain = chance[order] - bound
    found = {
        "test NELBO": f"{bound.mean():.4f} nats a base ± {bound.std() / len(bound) ** 0.5:.4f}",
        "chance of every base 1/4": f"{np.log(4):.4f}",
        "Markov chains on the same rows, by order": ", ".join(
            f"{k}: {value.mean():.4f}" for k, value in chance.items()
        ),
        f"better than the chain of order {order} by": (
            f"{gain.mean():.4f} ± {gain.std() / len(gain) ** 0.5:.4f}"
        ),
    }
    for name in sorted(set(library)):
        rows = library == name
        found[f"test NELBO, {name}"] = (
            f"{bound[rows].mean():.4f} ({rows.sum()} cores; chain {chance[order][rows].mean():.4f})"
        )
    return found


def likeness(
    sets: Mapping[str, Sequence[str]], train: Sequence[str], near: Sequence[str], model: Model
) -> dict[str, str]:
    """Return each measure of each set of sequences, told apart by name."""
    elements = list(YEAST_ELEMENTS.values())
    reference = pattern_counts(train, elements)
    found: dict[str, list[str]] = {}
    for name, strings in sets.items():
        edits = nearest_edits(strings, near)
        rank = spearmanr(pattern_counts(strings, elements), reference).statistic
        measures = {
            "GC content": f"{float(np.mean(GC()(strings))):.3f}",
            "uniqueness": f"{uniqueness(strings):.3f}",
            "words of 3, correlation": f"{kmer_correlation(strings, train, 3):.3f}",
            "words of 6, correlation": f"{kmer_correlation(strings, train, 6):.3f}",
            "words of 3, Jensen-Shannon": f"{kmer_divergence(strings, train, 3):.5f} bits",
            "words of 6, Jensen-Shannon": f"{kmer_divergence(strings, train, 6):.4f} bits",
            "promoter elements, rank correlation": f"{rank:.3f}",
            "NELBO under the model": f"{nats(model, strings).mean():.4f} nats a base",
            "edits to the nearest training core": f"median {np.median(edits):.0f}, "
            f"least {edits.min()}, within {NEAR}: {(edits <= NEAR).mean():.1%}",
        }
        for measure, value in measures.items():
            found.setdefault(measure, []).append(f"{name} {value}")
    return {measure: "; ".join(values) for measure, values in found.items()}


def quality(model: Model, rows: Sequence[Row], samples: int, seed: int) -> dict[str, str]:
    """Return the figures of the card."""
    train, valid, test = (
        [row for row in rows if row["split"] == split] for split in ("train", "valid", "test")
    )
    by_family = {row["family"] for row in train}
    cores = [row["core80"] for row in train]
    near = [row["core80"] for row in rows if row["family"] in by_family]
    chains = [Markov(cores, order) for order in ORDERS]
    best = Markov.best(cores, [row["core80"] for row in valid], most=max(ORDERS))
    drawn = recommended(model).sample(samples, generator=torch.Generator().manual_seed(seed))
    sets = {
        "samples": drawn.strings,
        "test cores": [row["core80"] for row in test],
        f"Markov chain of order {best.order}": best.sample(samples, len(cores[0]), seed),
    }
    sampler = model.card.get(HEADING, USUAL[model.process.kind])
    return {
        "samples": f"{samples} by {sampler}, seed {seed}",
        **likelihoods(model, chains, best.order, test),
        **likeness(sets, cores, near, model),
    }


if __name__ == "__main__":
    main(quality, __doc__, "yeast80_table.py", "yeast80_masked")
