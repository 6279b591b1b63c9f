"""A small model of a pool: trained once, as its arguments say, and the same each time."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from discdiff.data.encoded import Encoded
from discdiff.domain import Letters
from discdiff.errors import DataError, InputError
from discdiff.samplers.recommended import recommended
from discdiff.training.prior import prior

POOL = ["ACAC", "GTGT"] * 50
SMALL = {"width": 16, "depth": 1, "heads": 2, "batch_tokens": 128}


def train(folder, steps=40, pool=POOL, **options):
    return prior(pool, Letters("ACGT"), folder, steps=steps, **SMALL, **options)


def files(folder):
    return {path: os.stat(path).st_mtime_ns for path in Path(folder).rglob("*.safetensors")}


@pytest.mark.parametrize("kind", ["masked", "uniform"])
def test_it_learns_the_pool(kind, tmp_path):
    model = train(tmp_path, kind=kind, steps=120)
    assert model.process.kind == kind
    assert model.handles_frozen
    drawn = recommended(model).sample(40, key=1).strings
    assert sum(string in POOL for string in drawn) > 20  # 2 of 256 strings


def test_what_is_there_is_not_trained_again(tmp_path):
    first = train(tmp_path)
    before = files(tmp_path)
    again = train(tmp_path)
    assert files(tmp_path) == before != {}
    for one, two in zip(first.denoiser.parameters(), again.denoiser.parameters(), strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize("change", [{"seed": 1}, {"kind": "uniform"}, {"pool": ["CACA"] * 60}])
def test_what_is_there_serves_no_other_arguments(change, tmp_path):
    train(tmp_path, steps=2)
    train(tmp_path, steps=2, **change)
    assert len(list(tmp_path.iterdir())) == 2


def test_the_same_arguments_train_the_same_model_whatever_came_before(tmp_path):
    torch.manual_seed(5)
    first = train(tmp_path / "one", steps=5)
    torch.manual_seed(6)
    second = train(tmp_path / "two", steps=5)
    for one, two in zip(first.denoiser.parameters(), second.denoiser.parameters(), strict=True):
        assert torch.equal(one, two)


def test_strings_become_rows():
    encoded = Encoded.of(["GATT", "A"], Letters("ACGT"))
    assert [encoded.ids(row).tolist() for row in range(len(encoded))] == [[2, 0, 3, 3], [0]]
    assert np.array_equal(encoded.where("train"), [0, 1])
    assert encoded.length_law(4) == [0.0, 0.5, 0.0, 0.0, 0.5]


def test_refusals(tmp_path):
    with pytest.raises(DataError, match="token 'X' at position 1"):
        train(tmp_path, pool=["AX"])
    with pytest.raises(DataError, match="strings must be one or more with tokens, got 0"):
        train(tmp_path, pool=[])
    with pytest.raises(InputError, match="kind must be one of masked, uniform"):
        train(tmp_path, kind="mask")
    with pytest.raises(InputError, match="max_steps must be a positive integer, got 0"):
        train(tmp_path, steps=0)
