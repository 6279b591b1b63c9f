"""A small model of letters, a reward, and fine-tunings of it."""

from __future__ import annotations

import torch

from discdiff.domain import Letters
from discdiff.finetuning.run import FineTune
from discdiff.guidance.finetune.drakes import DRAKES
from discdiff.guidance.finetune.wdce import WDCE
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.process import MaskedProcess, UniformProcess
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting

TRAINING = {"max_steps": 12, "precision": "32-true", "logger": "none", "progress": False}


class CountG:
    """The share of G and that of C; notes what it is asked for."""

    name, version, outputs = "letters", "1", ("g", "c")
    directions = ("max", "max")

    def __init__(self, path=None):
        self.path = path

    def __call__(self, strings):
        if self.path is not None:
            with self.path.open("a") as file:
                file.writelines(f"{s}\n" for s in strings)
        return [[s.count("G") / len(s), s.count("C") / len(s)] for s in strings]


class OnlyG(CountG):
    """The share of G alone."""

    outputs, directions = ("g",), ("max",)

    def __call__(self, strings):
        return [row[0] for row in super().__call__(strings)]


class Gradient(OnlyG):
    """The share of G, of relaxed rows as well."""

    def relaxed(self, rows):
        return rows[..., 2].mean(-1)


def tiny(kind="masked", letters="ACGT"):
    torch.manual_seed(0)
    size = len(letters)
    process = (MaskedProcess if kind == "masked" else UniformProcess)(size)
    network = Transformer(size, 6, 16, 1, 2, needs_time=kind == "uniform", dropout=0.1)
    model = Model(network, process, Letters(letters), LengthLaw([0.0] * 4 + [1.0] * 3))
    network.eval()
    return model


def method(**options):
    return WDCE(**{"designs": 12, "every": 4, "scale": 8.0, "batch": 4, "replicas": 2} | options)


def by_gradient(**options):
    """Return the arguments of `tune` for DRAKES."""
    own = {"designs": 12, "every": 4, "scale": 8.0, "batch": 8, "window": 3, "terms": 2} | options
    return {"method": DRAKES(**own), "sampler": lambda model: Ancestral(model, steps=6)}


def tune(out, oracle=None, **options):
    given = {"budget": 60, "seed": 3, "rate": 3e-3, **TRAINING} | options
    return FineTune(
        out,
        given.pop("model", None) or tiny(),
        given.pop("method", None) or method(),
        given.pop("sampler", FirstHitting),
        oracle or OnlyG(),
        given.pop("objective", None),
        **given,
    )
