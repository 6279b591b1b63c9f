"""Temperature and nucleus: the law of one draw, and of a whole design."""

import numpy as np
import pytest
import torch

from discdiff.samplers.adaptive import EntropyOrder
from discdiff.samplers.adjust import nucleus, restrict
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from tests.exact.chains import (
    given,
)
from tests.exact.laws import (
    Law,
    differs,
    dirichlet,
    drawn,
    fits,
    model_of,
    outer,
    words,
)

ONE = dirichlet(5, 1, seed=2)


def sharpened(p, temperature):
    p = p ** (1 / temperature)
    return p / p.sum(-1, keepdims=True)


def cut(p, top_p):
    """Tokens in falling order until their mass reaches `top_p`, the crossing one included."""
    kept = np.zeros_like(p)
    mass = 0.0
    for i in np.argsort(-p):
        if mass >= top_p:
            break
        kept[i], mass = p[i], mass + p[i]
    return kept / kept.sum()


@pytest.mark.parametrize("make", [FirstHitting, EntropyOrder, Ancestral])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"temperature": 0.5}, sharpened(ONE.p, 0.5)),
        ({"temperature": 2.0}, sharpened(ONE.p, 2.0)),
        ({"top_p": 0.8}, cut(ONE.p, 0.8)),
        ({"temperature": 1.5, "top_p": 0.7}, cut(sharpened(ONE.p, 1.5), 0.7)),
    ],
    ids=str,
)
def test_law_of_one_draw(make, options, expected):
    tokens = drawn(make(model_of(ONE), **options))
    assert fits(Law(5, ONE.rows, expected), tokens)
    assert differs(ONE, tokens)


def test_temperature_one_and_all_the_mass_leave_every_design_alone():
    law = dirichlet(3, 3, seed=1)
    plain = drawn(FirstHitting(model_of(law)), 500)
    same = drawn(FirstHitting(model_of(law), temperature=1.0, top_p=1.0), 500)
    assert torch.equal(plain, same)


def test_temperature_acts_on_every_conditional_along_a_random_order():
    law = dirichlet(2, 2, seed=5)
    p = np.zeros(4)
    for i, j in ((0, 1), (1, 0)):
        first = sharpened(given(law, [2, 2]), 0.5)[i]
        for x in words(2, 2):
            z = np.full(2, 2)
            z[i] = x[i]
            second = sharpened(given(law, z), 0.5)[j]
            p[x[0] * 2 + x[1]] += 0.5 * first[x[i]] * second[x[j]]
    tokens = drawn(FirstHitting(model_of(law), temperature=0.5))
    assert fits(Law(2, law.rows, p), tokens)


def test_temperature_of_uniform_noise_acts_on_the_cavity_law():
    law = dirichlet(3, 2, seed=5)
    tokens = drawn(Ancestral(model_of(law, "uniform"), steps=1, temperature=0.5))
    sides = sharpened(given(law, [3, 3]), 0.5)
    assert fits(Law(3, law.rows, outer(sides)), tokens)


@pytest.mark.parametrize("top_p", [0.05, 0.3, 0.5, 0.8, 0.95, 1.0])
def test_nucleus_keeps_the_token_that_crosses(top_p):
    p = np.random.default_rng(0).dirichlet(np.ones(6), 50)
    found = nucleus(torch.from_numpy(p).log(), top_p).exp().numpy()
    np.testing.assert_allclose(found, np.stack([cut(row, top_p) for row in p]), atol=1e-12)


def test_nucleus_of_a_certain_law_is_itself():
    log_p = torch.tensor([[1.0, 0.0, 0.0]]).log()
    assert nucleus(log_p, 0.5).exp().tolist() == [[1.0, 0.0, 0.0]]


def test_restrict_renormalises_and_is_uniform_where_nothing_is_left():
    p = torch.tensor([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]], dtype=torch.float64)
    allowed = torch.tensor([[True, True, False], [False, True, True]])
    found = restrict(p.log(), allowed).exp()
    expected = torch.tensor([[0.4, 0.6, 0.0], [0.0, 0.5, 0.5]], dtype=torch.float64)
    torch.testing.assert_close(found, expected)
