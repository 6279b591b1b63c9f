import itertools

import numpy as np
import pytest
import torch

from discdiff.denoiser import TabularDenoiser
from discdiff.domain import Letters
from discdiff.errors import InputError
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.objective import Objective, Term
from discdiff.objective.transform import Band
from discdiff.oracle import as_oracle, identity
from discdiff.oracle.likelihood import ModelLikelihood
from discdiff.padding import Padded
from discdiff.process import MaskedProcess, UniformProcess
from discdiff.reward import Reward

LAW = {"AAA": 0.4, "ABB": 0.3, "BAB": 0.2, "BBA": 0.1}


def exact(process, law=LAW, **options):
    table = Letters("AB").encode_batch(list(law))
    net = TabularDenoiser(table, torch.tensor(list(law.values())), process)
    return Model(net, process, Letters("AB"), LengthLaw.fixed(table.shape[1]), **options)


def small(seed=0, **options):
    torch.manual_seed(seed)
    net = Transformer(4, max_length=8, width=16, depth=1, heads=2, **options)
    return Model(net, MaskedProcess(4), Letters("ACGT"), LengthLaw.fixed(8))


# The spread of one draw on this law, rounded up; tolerances are four standard errors.
SPREAD = {"count": 0.6, "level": 4.0, "time": 4.0, "uniform": 7.0}


@pytest.mark.parametrize("form", ["count", "level", "time"])
def test_it_meets_the_log_likelihood_of_an_exact_masked_model(form):
    scores = ModelLikelihood(exact(MaskedProcess(2)), draws=4000, form=form)(list(LAW))
    tolerance = 4 * SPREAD[form] / np.sqrt(4000)
    np.testing.assert_allclose(scores.values[:, 0], np.log(list(LAW.values())), atol=tolerance)


def test_it_meets_the_log_likelihood_of_an_exact_uniform_model():
    scores = ModelLikelihood(exact(UniformProcess(2)), draws=20_000)(list(LAW))
    tolerance = 4 * SPREAD["uniform"] / np.sqrt(20_000)
    np.testing.assert_allclose(scores.values[:, 0], np.log(list(LAW.values())), atol=tolerance)


def test_it_is_exact_where_every_order_and_count_costs_the_same():
    law = {"".join(s): 1 / 8 for s in itertools.product("AB", repeat=3)}
    scores = ModelLikelihood(exact(MaskedProcess(2), law), draws=3)(list(law))
    np.testing.assert_allclose(scores.values[:, 0], -3 * np.log(2), rtol=1e-12)
    per_token = ModelLikelihood(exact(MaskedProcess(2), law), draws=3, per_token=True)(["AAA"])
    assert per_token.values[0, 0] == pytest.approx(-np.log(2))


def test_a_sequence_has_one_value_in_any_batch():
    oracle = ModelLikelihood(small(), draws=4)
    strings = ["ACGT", "AC", "GGTT", "A", "TTTTTTTT", "CA"]
    together = oracle(strings).values[:, 0]
    alone = [oracle([s]).values[0, 0] for s in reversed(strings)][::-1]
    np.testing.assert_allclose(together, alone, rtol=1e-6)
    assert np.isfinite(together).all()
    assert len(set(together)) == len(strings)


def test_seed_and_draws_change_the_estimate():
    values = [
        ModelLikelihood(small(), draws=draws, seed=seed)(["ACGT"]).values[0, 0]
        for draws, seed in [(2, 0), (2, 1), (3, 0)]
    ]
    assert len(set(values)) == 3


def test_dropout_is_off_and_the_mode_comes_back():
    model = small(dropout=0.5)
    model.denoiser.train()
    oracle = ModelLikelihood(model, draws=2)
    assert oracle(["ACGT"]).values.tolist() == oracle(["ACGT"]).values.tolist()
    assert model.denoiser.training


def test_what_the_model_cannot_write_is_failed_with_the_reason():
    scores = as_oracle(ModelLikelihood(small(), draws=1))(["AX", "ACGTACGTA", "", "A"])
    assert scores.status == ("failed", "failed", "failed", "ok")
    assert np.isnan(scores.values[:3]).all()
    assert "token 'X' at position 1" in scores.reasons[0]
    assert scores.reasons[1:] == ("9 tokens, the model writes 8", "no tokens", "")


def test_identity_follows_the_weights_and_the_settings():
    def key(model, **options):
        return identity(as_oracle(ModelLikelihood(model, **options)))

    assert key(small()) == key(small())
    others = {key(small()), key(small(1)), key(small(), draws=2), key(small(), seed=1)}
    assert len(others) == 4


def test_a_band_makes_it_a_reward():
    objective = Objective([Term("log_likelihood", Band(-1.0, -0.5, width=1.0))])
    law = {"A": 0.25, "B": 0.75}
    model = exact(MaskedProcess(2), law)
    reward = Reward(model.domain, ModelLikelihood(model), objective).strings(["A", "B"]).reward
    expected = np.exp(-0.5 * np.array([np.log(4) - 1, 0.5 - np.log(4 / 3)]) ** 2)
    np.testing.assert_allclose(reward, expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draws": 0}, "draws must be a positive integer, got 0"),
        ({"form": "counts"}, "form must be one of level, time, count, got 'counts'"),
        ({"seed": -1}, r"seed must be an integer in \[0, 2\*\*63\), got -1"),
        ({"model": 3}, "model must be a Model, a folder or a name, got 3"),
    ],
)
def test_arguments_are_checked(options, message):
    with pytest.raises(InputError, match=message):
        ModelLikelihood(**{"model": small(), **options})


def test_an_end_that_the_model_writes_is_part_of_the_likelihood():
    domain, process = Padded(Letters("AB"), 3), MaskedProcess(3)
    law = {"A": 0.1, "AB": 0.5, "BAB": 0.4}
    net = TabularDenoiser(domain.encode_batch(list(law)), torch.tensor(list(law.values())), process)
    scores = ModelLikelihood(Model(net, process, domain, LengthLaw.fixed(3)), draws=4000)(list(law))
    tolerance = 4 * SPREAD["count"] / np.sqrt(4000)
    np.testing.assert_allclose(scores.values[:, 0], np.log(list(law.values())), atol=tolerance)


def test_a_network_with_scalar_buffers_has_an_identity_of_its_own():
    model = small()
    model.denoiser.register_buffer("count", torch.tensor(3))
    first = ModelLikelihood(model).parameters["model"]
    model.denoiser.count += 1
    assert ModelLikelihood(model).parameters["model"] != first
