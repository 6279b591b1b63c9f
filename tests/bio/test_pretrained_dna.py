"""The shipped models of yeast promoters, and the oracles of their expression."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from discdiff.bio.domain import DNA
from discdiff.model import Model
from discdiff.predictor.oracle import PredictorOracle
from discdiff.samplers.recommended import recommended

FLANKS = ("TGCATTTTTTTCACATC", "GGTTACGGCTGTT")
HEADINGS = {"use", "data", "recipe", "hardware", "licence_of_the_weights", "quality"}


@pytest.mark.parametrize("name", ["yeast80_masked", "yeast80_uniform"])
def test_a_model_loads_and_writes_cores(name):
    model = Model.load(name)
    assert model.process.kind == name.removeprefix("yeast80_")
    assert model.domain.flanks == FLANKS
    assert model.handles_frozen
    assert set(model.card) >= HEADINGS
    assert "CC BY 4.0" in model.card["data"]["licence"]
    options = {"steps": 8} if model.process.kind == "uniform" else {}
    sampler = recommended(model, **options)
    drawn = sampler.sample(4, generator=torch.Generator().manual_seed(0)).strings
    assert all(model.domain.invalid_reason(core) is None for core in drawn)
    assert len(set(drawn)) == 4


# Expression in complex and in defined medium.

MEDIA = ("complex", "defined")
HALVES = ("guide", "judge")


def random_cores(count):
    rng = np.random.default_rng(0)
    return ["".join(rng.choice(list("ACGT"), 80)) for _ in range(count)]


@pytest.fixture(scope="module")
def oracles():
    named = itertools.product(MEDIA, HALVES)
    return {(m, h): PredictorOracle(f"yeast80_{m}_{h}", outside="keep") for m, h in named}


@pytest.mark.parametrize("medium", MEDIA)
def test_guide_and_judge_share_no_rows_and_no_weights(oracles, medium):
    guide, judge = (oracles[medium, half].predictor for half in HALVES)
    assert guide.outputs == judge.outputs == (medium,)
    assert (guide.origin.half, judge.origin.half) == HALVES
    assert guide.origin.data == judge.origin.data
    assert not guide.origin.overlaps(judge.origin)
    assert guide.fingerprint != judge.fingerprint
    cores = random_cores(50)
    said = [oracles[medium, half](cores).values[:, 0] for half in HALVES]
    assert np.corrcoef(said)[0, 1] > 0.3  # strangers to both, of the random library's kind
    assert np.abs(said[0] - said[1]).max() > 1e-3


@pytest.mark.parametrize(("medium", "half"), list(itertools.product(MEDIA, HALVES)))
def test_a_card_compares_with_words_and_names_the_licence(oracles, medium, half):
    card = oracles[medium, half].predictor.card
    assert "CC BY 4.0" in oracles[medium, half].licence
    held_out = card["held-out families"]
    assert {"oracle", "ridge on GC", "ridge on GC and words"} <= held_out.keys()
    pearson = {
        name: float(text.split()[1].rstrip(",")) for name, text in held_out.items() if "Pe" in text
    }
    assert pearson["oracle"] > pearson["ridge on GC and words"] > pearson["ridge on GC"]


def test_relaxed_one_hots_are_the_values(oracles):
    cores = random_cores(4)
    domain = DNA(length=80, flank5=FLANKS[0], flank3=FLANKS[1])
    oracle = PredictorOracle(
        "yeast80_complex_guide", columns=["lower"], outside="keep", domain=domain
    )
    rows = torch.nn.functional.one_hot(domain.encode_batch(cores), 4).float().requires_grad_()
    soft = oracle.relaxed(rows)
    np.testing.assert_allclose(soft.detach(), oracle(cores).values, atol=1e-4)
    assert torch.autograd.grad(soft.sum(), rows)[0].abs().sum() > 0
    assert not oracle.sees_flanks  # they are constant, and were left out in training
