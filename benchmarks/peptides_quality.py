"""What a model of peptides as SMILES has learnt: the figures of its card, measured again.

    python benchmarks/peptides_quality.py --data peptides.csv [--model peptides] [--write]

Samples are compared with the training split of the table of `peptides_table.py`, peptide by peptide
in HELM; the NELBO is that of its test split. `--write` puts the figures into the card of the model
folder and changes nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from quality_card import main

from discdiff import random
from discdiff.chem import molecule
from discdiff.chem.peptide.analyse import read
from discdiff.chem.peptide.helm import Peptide, read_helm, write_helm
from discdiff.chem.peptide.summary import linkage
from discdiff.data.encoded import Encoded
from discdiff.loss import nelbo
from discdiff.model import Model
from discdiff.samplers.recommended import HEADING, USUAL, recommended

ROUND_TRIPS = 300


@torch.no_grad()
def nats(model: Model, rows: list[str]) -> tuple[float, float]:
    """Return the NELBO of `rows`, each at one noise level: per row and per token."""
    encoded = Encoded.of(rows, model.domain)
    total = 0.0
    for length in np.unique(encoded.lengths):  # rows of one length need no padding
        same = np.flatnonzero(encoded.lengths == length)
        x_0 = torch.from_numpy(np.stack([encoded.ids(int(row)) for row in same]).astype(np.int64))
        keys = random.row_keys(0, torch.from_numpy(same), torch.zeros(len(same)).long())
        bound = nelbo(model.denoiser, model.process, x_0, x_0 >= 0, keys, form="count")
        total += float(bound.double().sum())
    return total / len(rows), total / int(encoded.lengths.sum())


def shape(peptide: Peptide) -> str:
    """Return how a peptide is closed."""
    kinds = sorted({linkage(peptide, link) for link in peptide.links})
    return " and ".join(kinds) or "linear"


def shares(found: Iterable[str]) -> dict[str, float]:
    """Return the share of each."""
    counts = Counter(found)
    return {name: count / counts.total() for name, count in counts.items()}


def divergence(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Return the Jensen-Shannon divergence of two sets of shares, in nats."""
    total = 0.0
    for name in {*one, *other}:
        p, q = one.get(name, 0.0), other.get(name, 0.0)
        middle = (p + q) / 2
        total += sum(x * np.log(x / middle) / 2 for x in (p, q) if x > 0)
    return float(total)


def compared(peptides: list[Peptide], training: list[Peptide]) -> dict[str, str]:
    """Return residues, shapes and lengths of peptides beside those of training."""
    residues, shapes, lengths = (
        [shares(of(peptide_set)) for peptide_set in (peptides, training)]
        for of in (
            lambda every: (one.symbol for peptide in every for one in peptide.residues),
            lambda every: map(shape, every),
            lambda every: (str(len(peptide.residues)) for peptide in every),
        )
    )
    listed = ", ".join(
        f"{name} {shapes[0].get(name, 0):.2f} ({shapes[1].get(name, 0):.2f})"
        for name in sorted({*shapes[0], *shapes[1]}, key=lambda name: -shapes[1].get(name, 0))
    )
    forms = []
    for every in (peptides, training):
        known = [one for peptide in every for one in peptide.residues]
        forms.append([np.mean([getattr(one, f) for one in known]) for f in ("dextro", "methyl")])
    return {
        "compared with training": f"{len(peptides)} peptides of the library",
        "shapes (training)": listed,
        "residues": f"{divergence(*residues):.3f} nats Jensen-Shannon from training",
        "lengths": f"{divergence(*lengths):.3f} nats Jensen-Shannon from training, in residues",
        "D residues (training)": f"{forms[0][0]:.3f} ({forms[1][0]:.3f})",
        "N-methyl residues (training)": f"{forms[0][1]:.3f} ({forms[1][1]:.3f})",
    }


def quality(
    model: Model, table: list[dict[str, str]], samples: int, seed: int, rows: int
) -> dict[str, str]:
    """Return the figures of the card, the bound over as many `rows` of the test split."""
    by_name = model.card.get(HEADING, USUAL[model.process.kind])
    drawn = recommended(model).sample(samples, generator=torch.Generator().manual_seed(seed))
    molecules = [s for s in drawn.strings if molecule.invalid_reason(s) is None]
    valid = [s for s in drawn.strings if model.domain.invalid_reason(s) is None]
    found = [read(molecule.canonical(s)) for s in molecules]
    divided = [one for one in found if isinstance(one, Peptide)]
    peptides = [one for one in divided if not one.unknown]
    names = {write_helm(one) for one in peptides}
    known = {row["helm"] for row in table if row["split"] == "train"}
    training = [read_helm(row["helm"]) for row in table[:5_000] if row["split"] == "train"]
    test = [row for row in table if row["split"] == "test"][:rows]
    again = [read(molecule.canonical(row["smiles"])) for row in test[:ROUND_TRIPS]]
    back = [
        isinstance(one, Peptide) and write_helm(one) == row["helm"]
        for one, row in zip(again, test, strict=False)
    ]
    how = ", ".join(f"{key} {value}" for key, value in by_name.items() if key != "name")
    per_row, per_token = nats(model, [row["smiles"] for row in test])
    return {
        "samples": f"{samples} by {by_name['name']}{f' ({how})' if how else ''}, seed {seed}",
        "molecules": f"{len(molecules) / samples:.3f} are a molecule",
        "coverage": f"{len(divided)} of {len(molecules)} molecules divide into amino acids and "
        f"caps, {len(peptides)} into those of the library",
        "validity": f"{len(valid) / samples:.3f} by the predicate of `peptide_smiles`",
        "uniqueness": f"{len(names) / max(len(peptides), 1):.3f} of those of the library",
        "novelty": f"{len(names - known) / max(len(names), 1):.3f}",
        **compared(peptides, training),
        "test NELBO": f"{per_row:.2f} nats a peptide, {per_token:.3f} a token ({len(test)} rows)",
        "analysis": f"{sum(back)} of {len(back)} test peptides come back from SMILES as the HELM "
        "they were made from",
        "measured by": "`python benchmarks/peptides_quality.py --data FILE`",
    }


if __name__ == "__main__":
    main(quality, __doc__, "peptides_table.py", "peptides", rows=1000)
