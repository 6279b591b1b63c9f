"""Fixed positions condition the law exactly; allow-lists do with the weight."""

import numpy as np
import pytest

from discdiff.domain import Template
from discdiff.errors import InputError, UnsupportedError
from discdiff.guidance.beam import Beam
from discdiff.guidance.best_of_n import BestOfN
from discdiff.guidance.fk import FKSteering
from discdiff.guidance.svdd import SVDD
from discdiff.guidance.tds import TDS
from discdiff.model import Model
from discdiff.samplers.adaptive import ConfidenceOrder, EntropyOrder
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.parallel import Parallel
from discdiff.samplers.remdm import ReMDM
from tests.exact.chains import keeps, masked_law, published_sigma, uniform_law
from tests.exact.laws import (
    Law,
    differs,
    dirichlet,
    drawn,
    fits,
    model_of,
    reward_of,
    rewards,
    two_lengths,
    unbiased,
    words,
)

LAW = dirichlet(3, 3, seed=9, concentration=2.0)
MODEL, UNIFORM = model_of(LAW), model_of(LAW, "uniform")
REWARD = rewards(LAW)
FROZEN = Template(MODEL.domain.alphabet, [None, "B", None])
LISTED = Template(MODEL.domain.alphabet, [{"A", "C"}, None, {"B"}])
BOTH = Template(MODEL.domain.alphabet, ["C", {"A", "B"}, None])
EXACT = [FirstHitting, EntropyOrder, ConfidenceOrder]


def inside(template):
    """Which rows of the table meet a template."""
    tokens, allowed = template.tokens.numpy(), template.allowed.numpy()
    fixed = (LAW.rows == tokens) | (tokens == 3)
    return fixed.all(1) & allowed[np.arange(3), LAW.rows].all(1)


def fixed_part(template):
    """p(x | the fixed tokens)."""
    tokens = template.tokens.numpy()
    p = LAW.p * ((LAW.rows == tokens) | (tokens == 3)).all(1)
    return p / p.sum()


@pytest.mark.parametrize("make", EXACT)
def test_fixed_positions_give_the_conditional_law(make):
    law = Law(3, LAW.rows, fixed_part(FROZEN))
    state = make(MODEL).init(20_000, key=1, template=FROZEN)
    done = make(MODEL).run(state)
    assert fits(law, done.tokens)
    assert (done.log_weight == 0).all()


def rest(law, position, letter):
    """The law of the other positions given one letter."""
    keep = law.rows[:, position] == letter
    p = law.p[keep] / law.p[keep].sum()
    return Law(law.size, np.delete(law.rows[keep], position, 1), p)


def test_fixed_positions_on_a_grid():
    sub = rest(LAW, 1, 1)
    both = ((Ancestral(MODEL, steps=3), masked_law(sub, keeps(3), [0.0] * 3)),)
    both += ((Ancestral(UNIFORM, steps=3), uniform_law(sub, keeps(3))),)
    sigmas = published_sigma("max", 0.0, keeps(3))
    both += ((ReMDM(MODEL, 3, "max"), masked_law(sub, keeps(3), sigmas)),)
    for sampler, law in both:
        tokens = drawn(sampler, template=FROZEN)
        assert (tokens[:, 1] == 1).all()
        assert fits(Law(3, words(3, 2), law.p), tokens[:, [0, 2]])


@pytest.mark.parametrize("template", [LISTED, BOTH], ids=["listed", "listed and fixed"])
@pytest.mark.parametrize("make", EXACT)
def test_allow_lists_are_exact_with_the_weight(make, template):
    samples = make(MODEL).sample(8000, key=1, template=template)
    kept = inside(template)
    assert unbiased(fixed_part(template) * kept, LAW, samples)
    assert kept[LAW.places(samples.tokens)].all()
    if template is LISTED:  # the negative twin: the draws without their weights
        target = np.where(kept, LAW.p, 0)
        assert differs(Law(3, LAW.rows, target / target.sum()), samples.tokens)


GRIDS = {
    "ancestral": (Ancestral(MODEL, steps=3), masked_law(LAW, keeps(3), [0.0] * 3)),
    "uniform": (Ancestral(UNIFORM, steps=3), uniform_law(LAW, keeps(3))),
}


@pytest.mark.parametrize("name", GRIDS)
def test_allow_lists_restrict_the_law_of_a_grid(name):
    sampler, plain = GRIDS[name]
    samples = sampler.sample(8000, key=1, template=LISTED)
    assert unbiased(plain.p * inside(LISTED), LAW, samples)


def test_allow_lists_restrict_the_paths_of_remasking():
    """A token that is masked again had to be allowed too, so this is not the law restricted."""
    sigmas, allowed = published_sigma("cap", 0.4, keeps(3)), LISTED.allowed.numpy()
    paths = masked_law(LAW, keeps(3), sigmas, allowed=allowed).p
    samples = ReMDM(MODEL, 3, "cap", 0.4).sample(8000, key=1, template=LISTED)
    assert unbiased(paths, LAW, samples)
    assert not unbiased(masked_law(LAW, keeps(3), sigmas).p * inside(LISTED), LAW, samples)


@pytest.mark.parametrize(
    "method",
    [
        BestOfN(4, select="soft", scale=1.0),
        FKSteering(4, scale=1.0, threshold=1.0),
        SVDD(3, scale=1.0, particles=2, carry=True),
        TDS(4, scale=1.0, relax="mean", threshold=1.0),
        Beam(2, 3),
    ],
    ids=lambda method: type(method).__name__,
)
@pytest.mark.parametrize("kind", ["masked", "uniform"])
def test_guided_designs_keep_to_the_template(method, kind):
    sampler = FirstHitting(MODEL) if kind == "masked" else Ancestral(UNIFORM, steps=3)
    plain = fixed_part(BOTH)
    if kind == "uniform":
        sub = uniform_law(rest(LAW, 0, 2), keeps(3))
        plain = np.where(LAW.rows[:, 0] == 2, np.tile(sub.p, 3), 0)
    samples = method.run(sampler, reward_of(LAW, REWARD), 5000, key=1, template=BOTH)
    assert inside(BOTH)[LAW.places(samples.tokens)].all()
    if not isinstance(method, Beam):  # which has no law
        assert unbiased(plain * np.exp(REWARD) * inside(BOTH), LAW, samples)


@pytest.mark.parametrize(
    "sampler",
    [FirstHitting(MODEL), Parallel(MODEL, 1), ReMDM(MODEL, 5, "max")],
    ids=lambda sampler: type(sampler).__name__,
)
def test_a_template_without_a_free_position_is_returned_as_it_is(sampler):
    template = Template(MODEL.domain.alphabet, ["A", "B", "C"])
    samples = sampler.sample(3, key=0, template=template)
    assert samples.strings == ["ABC"] * 3
    assert samples.counts.get("nfe", 0) == 0


def test_a_one_letter_list_draws_what_a_fixed_letter_is():
    listed = Template(MODEL.domain.alphabet, [None, {"B"}, None])
    samples = FirstHitting(MODEL).sample(6000, key=1, template=listed)
    assert unbiased(LAW.p * inside(FROZEN), LAW, samples)


def test_a_list_that_the_law_forbids_has_no_weight():
    law = Law(2, words(2, 2), np.array([0.5, 0.5, 0.0, 0.0]))
    template = Template(model_of(law).domain.alphabet, [{"B"}, None])
    samples = FirstHitting(model_of(law)).sample(20, key=0, template=template)
    assert {s[0] for s in samples.strings} == {"B"}
    assert (samples.log_weight == -np.inf).all()


def test_a_template_sets_the_length():
    law = two_lengths()
    model = model_of(law)
    template = Template(model.domain.alphabet, [None, "A"])
    tokens = drawn(FirstHitting(model), template=template)
    p = law.p * ((law.rows[:, 1] == 0) & (law.rows[:, 2] == 3))
    assert fits(Law(2, law.rows, p / p.sum()), tokens)
    with pytest.raises(InputError, match="length must be at least the template's 2, got 1"):
        FirstHitting(model).init(1, length=1, template=template)


def test_positions_beyond_a_template_are_free():
    law = two_lengths()
    model = model_of(law)
    template = Template(model.domain.alphabet, [None, "A"])
    tokens = drawn(FirstHitting(model), template=template, length=3)
    p = law.p * ((law.rows[:, 1] == 0) & (law.rows[:, 2] != 3))
    assert fits(Law(2, law.rows, p / p.sum()), tokens)


def test_a_template_longer_than_the_model_is_refused():
    template = Template(MODEL.domain.alphabet, [None] * 4)
    with pytest.raises(InputError, match="template must have at most 3 positions, .* got 4"):
        FirstHitting(MODEL).init(1, template=template)


def test_a_uniform_model_trained_without_fixed_neighbours_refuses_them():
    plain = Model(UNIFORM.denoiser, UNIFORM.process, UNIFORM.domain, UNIFORM.lengths)
    with pytest.raises(UnsupportedError, match="fixed positions on a uniform process need a model"):
        Ancestral(plain, steps=3).init(1, template=FROZEN)
    Ancestral(plain, steps=3).init(1, template=LISTED)


def test_fixing_nothing_changes_nothing():
    free = Template(MODEL.domain.alphabet, [None] * 3)
    plain, same = (drawn(FirstHitting(MODEL), 200, template=t) for t in (None, free))
    assert (plain == same).all()
