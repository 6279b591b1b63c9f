"""Inverse problems: what guidance draws is the enumerated posterior of what was seen."""

import json

import numpy as np
import pytest
import torch

from discdiff.domain import Alphabet, Letters
from discdiff.errors import DataError, InputError, OracleError
from discdiff.guidance.fk import FKSteering
from discdiff.guidance.isir import ISIRGibbs
from discdiff.guidance.split_gibbs import SplitGibbs
from discdiff.inverse import LikelihoodReward, Observed, PairLikelihood, SiteLikelihood
from discdiff.oracle import MemoryCache, stack
from discdiff.reward import Reward
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from tests.exact.laws import (
    LETTERS,
    Law,
    differs,
    dirichlet,
    fits,
    independent,
    model_of,
    two_lengths,
    unbiased,
)

JOINT = dirichlet(3, 3, seed=7, concentration=5.0)
FREE = independent(3, 3, seed=8)
ABC = Alphabet("ABC")
MATRIX = np.array([[0.7, 0.2, 0.1], [0.05, 0.9, 0.05], [0.3, 0.3, 0.4]])
SEEN, PAIRS, BITS = "BCA", [(0, 1), (2, 0)], [True, False]


def by_hand(kind, row):
    """p(y | x) of one design, without the code under test."""
    one = [letter == "B" for letter in row]
    if kind == "hard":
        return float(row[0] == "B")
    if kind == "soft":
        return float(np.prod([0.9 if x == y else 0.05 for x, y in zip(row[:2], "BC", strict=True)]))
    if kind == "channel":
        places = [("ABC".index(x), "ABC".index(y)) for x, y in zip(row, SEEN, strict=True)]
        return float(np.prod([MATRIX[place] for place in places]))
    if kind == "distance":
        far = [abs("ABC".index(x) - 0.8) for x in row]
        return float(
            np.exp(-sum((f - y) ** 2 for f, y in zip(far, [1.0, 0.0], strict=False)) / 0.5)
        )
    made = [(one[i] ^ one[j]) if kind == "xor" else (one[i] and one[j]) for i, j in PAIRS]
    wrong = sum(m != b for m, b in zip(made, BITS, strict=True))
    return float(np.exp(-wrong / 0.64))


def user(tokens):
    """A likelihood that nobody foresaw: twice as many Bs as one would think."""
    return (tokens == 1).sum(1).double() * np.log(2.0)


LIKELIHOODS = {
    "hard": SiteLikelihood.inpainting(ABC, ["B", None, None]),
    "soft": SiteLikelihood.inpainting(ABC, ["B", "C", None], noise=0.1),
    "channel": SiteLikelihood.channel(ABC, SEEN, torch.from_numpy(MATRIX)),
    "distance": SiteLikelihood.distance(3, 0.8, [1.0, 0.0], sigma=0.5),
    "xor": PairLikelihood(PAIRS, BITS, "xor", sigma=0.8),
    "and": PairLikelihood(PAIRS, BITS, "and", sigma=0.8),
    "user": user,
}
SUMS = ("hard", "soft", "channel", "distance")
every = pytest.mark.parametrize("kind", LIKELIHOODS)


def likely(kind, law):
    spelled = ["".join(LETTERS[i] for i in row) for row in law.rows]
    if kind == "user":
        return np.array([2.0 ** s.count("B") for s in spelled])
    return np.array([by_hand(kind, s) for s in spelled])


def posterior(kind, law):
    weight = law.p * likely(kind, law)
    return Law(law.size, law.rows, weight / weight.sum())


@every
def test_a_likelihood_is_what_it_says(kind):
    found = LIKELIHOODS[kind](torch.from_numpy(JOINT.rows))
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found.exp(), likely(kind, JOINT), rtol=1e-12)


@pytest.mark.parametrize("kind", SUMS)
def test_a_sum_over_positions_has_its_terms(kind):
    reward = LikelihoodReward(Letters("ABC"), LIKELIHOODS[kind])
    terms = reward.terms(3)
    found = terms[np.arange(3), JOINT.rows].sum(1)
    np.testing.assert_allclose(found.exp(), likely(kind, JOINT), rtol=1e-12)
    assert reward.terms(5).shape == (5, 3)
    assert reward.terms(2).shape == (2, 3)


@every
def test_isir_draws_the_posterior(kind):
    reward = LikelihoodReward(Letters("ABC"), LIKELIHOODS[kind])
    method = ISIRGibbs(10, 6, (0.5, 1.0), 1.0, "softmax")
    samples = method.run(FirstHitting(model_of(JOINT)), reward, 3000, key=3)
    lucky = ~samples.fallback  # a chain may never have met a design that can have given y
    assert lucky.double().mean() > 0.97
    assert fits(posterior(kind, JOINT), samples.tokens[lucky])
    assert differs(JOINT, samples.tokens[lucky])


@every
def test_particles_are_unbiased_for_the_joint_law_of_x_and_y(kind):
    reward = LikelihoodReward(Letters("ABC"), LIKELIHOODS[kind])
    method = FKSteering(4, scale=1.0, threshold=0.9)
    samples = method.run(FirstHitting(model_of(JOINT)), reward, 2500, key=3)
    assert unbiased(JOINT.p * likely(kind, JOINT), JOINT, samples)
    assert not unbiased(JOINT.p, JOINT, samples)


@pytest.mark.parametrize(
    ("kind", "step"), [(kind, "closed" if kind in SUMS else "gibbs") for kind in LIKELIHOODS]
)
def test_split_gibbs_draws_the_posterior(kind, step):
    reward = LikelihoodReward(Letters("ABC"), LIKELIHOODS[kind])
    method = SplitGibbs(80 if step == "closed" else 32, 3, step, 1.0, 1.0, 0.005)
    samples = method.run(Ancestral(model_of(FREE, "uniform"), steps=1), reward, 2500, key=3)
    assert fits(posterior(kind, FREE), samples.tokens)
    assert differs(FREE, samples.tokens)
    assert samples.valid.all()
    expected = likely(kind, FREE)[FREE.places(samples.tokens)]
    np.testing.assert_allclose(samples.reward.exp(), expected, rtol=1e-12)


def test_the_released_inpainting_is_not_the_conditional():
    """It keeps x elsewhere and copies y with chance 1 - e^-sigma: no law of z given x."""
    t, law = 0.3, FREE
    noise = (1 - t) * np.eye(3) + t / 3
    kernel = np.prod([noise[law.rows[:, None, i], law.rows[None, :, i]] for i in range(3)], 0)
    back = (law.p[:, None] * kernel).T
    back /= back.sum(1, keepdims=True)
    site = np.zeros((3, 3))
    site[:, 1] = t  # the B that was seen
    site += (1 - t) * np.eye(3)
    same = np.eye(3)
    sides = [site, same, same]
    copied = np.prod(
        [side[law.rows[:, None, i], law.rows[None, :, i]] for i, side in enumerate(sides)], 0
    )
    right = kernel * (law.rows[:, 0] == 1)
    right /= right.sum(1, keepdims=True)
    wanted = (law.p @ kernel) * (law.rows[:, 0] == 1)
    wanted /= wanted.sum()
    assert np.abs(wanted @ back @ right - wanted).max() < 1e-14
    assert np.abs(wanted @ back @ copied - wanted).max() > 0.01


def test_positions_that_a_design_does_not_have_were_not_seen():
    law = two_lengths()
    seen = SiteLikelihood.inpainting(Alphabet("AB"), ["A", None, "B"], noise=0.2)
    found = seen(torch.from_numpy(law.rows)).exp().numpy()
    first, last = law.rows[:, 0], law.rows[:, 2]
    expected = np.where(first == 0, 0.8, 0.2) * np.where(
        last == 3, 1, np.where(last == 1, 0.8, 0.2)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert seen(torch.tensor([[0]])).exp().tolist() == [0.8]


def test_what_cannot_have_given_y_is_invalid():
    reward = LikelihoodReward(Letters("ABC"), LIKELIHOODS["hard"])
    found = reward(torch.tensor([[1, 0, 0], [0, 0, 0]]))
    assert found.valid.tolist() == [True, False]
    assert found.reward.tolist()[0] == 0.0
    assert found.scores.reasons[1] == "contradicts what was seen"
    assert reward.counts.evaluated == 2


def test_a_likelihood_is_an_oracle_like_any_other():
    domain = Letters("ABC")
    oracle = stack(Observed(domain, user), domain, budget=2)
    reward = Reward(domain, oracle)
    found = reward.strings(["BB", "AB", "BB", "A"])
    np.testing.assert_allclose(found.reward[:3].exp(), [4.0, 2.0, 4.0])
    assert reward.exhausted
    assert LikelihoodReward(domain, user, budget=3).oracle.exhausted is False


def test_answers_are_kept_by_what_was_seen():
    domain, cache = Letters("ABC"), MemoryCache()
    for kind, likelihood in LIKELIHOODS.items():
        json.dumps(Observed(domain, likelihood).parameters)
        for asked in (1, 0):  # nobody else's answer is taken for its own, and its own is
            reward = LikelihoodReward(domain, likelihood, cache=cache)
            found = float(reward.strings(["BBC"]).reward.exp())
            assert reward.counts.evaluated == asked
            expected = 4.0 if kind == "user" else by_hand(kind, "BBC")
            assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SiteLikelihood(torch.zeros(3)), r"table must be \(W, V\), got shape \(3,\)"),
        (lambda: SiteLikelihood(torch.full((1, 2), torch.nan)), "table must hold log-likelihoods"),
        (
            lambda: SiteLikelihood.inpainting(ABC, ["A"], 1.5),
            r"noise must lie in \[0, 1\], got 1.5",
        ),
        (lambda: SiteLikelihood.channel(ABC, "A", torch.eye(2)), r"matrix must be \(3, 3\) with"),
        (lambda: SiteLikelihood.channel(ABC, "A", torch.ones(3, 3)), "rows that sum to 1"),
        (
            lambda: SiteLikelihood.channel(
                ABC, "A", torch.tensor([[2.0, -1, 0], [0, 1, 0], [0, 0, 1]])
            ),
            "matrix must not be negative, got -1",
        ),
        (lambda: SiteLikelihood.distance(3, 1.0, [0.0], 0.0), "sigma must be greater than 0"),
        (lambda: SiteLikelihood.distance(3, 1.0, [float("nan")], 1.0), "seen must be a finite"),
        (lambda: PairLikelihood([(0, 1)], []), "seen must have a bit for each pair, got 0"),
        (lambda: PairLikelihood([(0, -1)], [True]), "pairs must not be negative"),
        (lambda: PairLikelihood([(0, 1)], [True], "or"), "operation must be one of xor, and"),
        (
            lambda: PairLikelihood([(0, 3)], [True])(torch.zeros(1, 2).long()),
            "pairs must lie in a design of 2 tokens, got position 3",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_a_token_that_is_not_in_the_alphabet_is_refused_by_name():
    with pytest.raises(DataError, match="token 'D' is not in the alphabet"):
        SiteLikelihood.inpainting(ABC, ["D"])


def test_a_likelihood_that_returns_something_else_is_named():
    with pytest.raises(OracleError, match=r"likelihood must return \(1,\), got shape \(1, 2\)"):
        LikelihoodReward(Letters("AB"), lambda tokens: tokens).strings(["AB"])
