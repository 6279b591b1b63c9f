"""What the scripts have in common that measure a shipped model again and write its card."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from discdiff import checkpoint
from discdiff.model import Model

Rows = list[dict[str, str]]


def main(
    quality: Callable[..., dict[str, str]], about: str, table: str, usual: str, **further: Any
) -> None:
    """Read the command line, measure a model, print the figures, and write them where asked.

    Args:
        quality: returns the figures of the card, of the model, the rows of the table, the number
            of samples and the seed, and by name of what is `further`.
        about: what the script is for; its first line is shown.
        table: the script whose file is read.
        usual: the model that is measured by default.
        further: numbers that the command line has beside, with their defaults.
    """
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--data", required=True, type=Path, help=f"file of {table}")
    parser.add_argument("--model", default=usual, help="shipped name or folder")
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    for name, default in further.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--write", action="store_true", help="put the figures into the card")
    given = parser.parse_args()
    folder = Path(checkpoint.locate(given.model))
    model = Model.load(folder)
    with given.data.open(encoding="utf-8", newline="") as file:
        rows: Rows = list(csv.DictReader(file))
    more = {name: getattr(given, name) for name in further}
    found = quality(model, rows, given.samples, seed=given.seed, **more)
    print(json.dumps(found, indent=2, ensure_ascii=False))
    if given.write:
        model.card["quality"] = found
        model.save(folder, "bfloat16")
