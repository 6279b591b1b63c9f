"""What a model of molecules has learnt: the figures of its card, measured again.

    python benchmarks/model_quality.py --data zinc250k.csv.gz [--model zinc_selfies] [--write]

Samples are compared with the training split of the file, and the NELBO is that of its test split.
`--write` puts the figures into the card of the model folder and changes nothing else.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from discdiff import checkpoint, random
from discdiff.chem.metrics.report import evaluate
from discdiff.data.encoded import Encoded
from discdiff.data.encoding import encode_file
from discdiff.data.readers import Columns, read_chunks
from discdiff.loss import nelbo
from discdiff.model import Model
from discdiff.samplers.recommended import HEADING, USUAL, recommended

DRAWS = 2  # noise levels a test row is seen at
MEASURES = (
    "validity",
    "rdkit_parse_rate",
    "uniqueness",
    "novelty",
    "qed_mean",
    "sa_mean",
    "internal_diversity_1",
    "nearest_similarity",
    "scaffold_similarity",
    "kl_score",
)


def split_of(path: str, name: str, columns: Columns) -> list[str]:
    """Return the strings of one split of a file."""
    rows = (row for chunk in read_chunks(path, columns) for row in chunk)
    return [row.string for row in rows if row.split == name and row.string]


@torch.no_grad()
def nats(model: Model, encoded: Encoded, rows: int) -> tuple[float, float]:
    """Return the NELBO of the first `rows` test rows, per row and per token."""
    chosen = encoded.where("test")[:rows]
    lengths = encoded.lengths[chosen]
    total = 0.0
    for length in np.unique(lengths):  # rows of one length need no padding
        same = chosen[lengths == length]
        x_0 = torch.from_numpy(np.stack([encoded.ids(int(row)) for row in same]).astype(np.int64))
        for draw in range(DRAWS):
            keys = random.row_keys(draw, torch.from_numpy(same), torch.zeros(len(same)).long())
            bound = nelbo(model.denoiser, model.process, x_0, x_0 >= 0, keys, form="count")
            total += float(bound.double().sum()) / DRAWS
    return total / len(chosen), total / int(lengths.sum())


def quality(
    model: Model, path: str, columns: Columns, samples: int, rows: int, seed: int
) -> dict[str, str]:
    """Return the figures of the card."""
    by_name = model.card.get(HEADING, USUAL[model.process.kind])
    drawn = recommended(model).sample(samples, generator=torch.Generator().manual_seed(seed))
    report = evaluate(drawn.strings, split_of(path, "train", columns))
    per_row, per_token = nats(model, encode_file(path, model.domain, columns), rows)
    how = ", ".join(f"{key} {value}" for key, value in by_name.items() if key != "name")
    found = {"samples": f"{samples} by {by_name['name']}{f' ({how})' if how else ''}, seed {seed}"}
    found |= {name.replace("_", " "): f"{float(report[name] or np.nan):.3f}" for name in MEASURES}
    return found | {"test NELBO": f"{per_row:.2f} nats a molecule, {per_token:.3f} a token"}


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="file with columns smiles and split")
    parser.add_argument("--model", default="zinc_selfies", help="shipped name or folder")
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=3000, help="test rows for the NELBO")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="put the figures into the card")
    given = parser.parse_args()
    folder = Path(checkpoint.locate(given.model))
    model = Model.load(folder)
    columns = Columns("smiles", "split")
    found = quality(model, given.data, columns, given.samples, given.rows, given.seed)
    print(json.dumps(found, indent=2))
    if given.write:
        model.card["quality"] = found
        model.save(folder, "bfloat16")


if __name__ == "__main__":
    main()
