"""Templates with gaps: the law of lengths and tokens, against enumeration."""

from itertools import product

import numpy as np
import pytest
import torch

from discdiff.chem.smiles import Smiles
from discdiff.denoiser import TabularDenoiser
from discdiff.domain import Letters, Template
from discdiff.errors import InputError, UnsupportedError
from discdiff.gapped import Gap, Gapped
from discdiff.guidance.best_of_n import BestOfN
from discdiff.guidance.evolution import Evolution
from discdiff.guidance.fk import FKSteering
from discdiff.guidance.isir import ISIRGibbs
from discdiff.guidance.svdd import SVDD
from discdiff.guidance.unguided import Unguided
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.padding import Padded
from discdiff.process import MaskedProcess, UniformProcess
from discdiff.samplers.adaptive import EntropyOrder
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from tests.exact.laws import (
    Law,
    differs,
    drawn,
    fits,
    model_of,
    reward_of,
    rewards,
    two_lengths,
    unbiased,
    words,
)


def of_lengths(size, shares, seed=0):
    """A random law over all words of several lengths, `shares` by length."""
    width = max(shares)
    draw = np.random.default_rng(seed).dirichlet
    rows, p = [], []
    for length, share in shares.items():
        found = words(size, length)
        rows.append(np.pad(found, ((0, 0), (0, width - length)), constant_values=size + 1))
        p.append(share * draw(np.full(len(found), 2.0)))
    return Law(size, np.vstack(rows), np.concatenate(p))


def conditional(law, parts, may=lambda gap, run: True):
    """The measure of designs from `parts`, ids or ranges of lengths, by going through all splits.

    A length has the law's chance, its splits equal ones; in a split the law is conditioned on the
    fixed ids, and a run of gap number g that `may` refuses has none.
    """
    own = (law.rows < law.size).sum(1)
    ranges = [range(p[0], p[1] + 1) for p in parts if isinstance(p, tuple)]
    splits = list(product(*ranges))
    fixed = sum(not isinstance(part, tuple) for part in parts)
    total = np.zeros(len(law.p))
    chances = {n: law.p[own == n].sum() for n in {fixed + sum(split) for split in splits}}
    for split in splits:
        length = fixed + sum(split)
        equal = sum(sum(other) == sum(split) for other in splits)
        agrees, fine, place, gap = own == length, own == length, 0, 0
        for part in parts:
            if isinstance(part, tuple):
                runs = law.rows[:, place : place + split[gap]]
                fine = fine & np.array([may(gap, tuple(run)) for run in runs])
                place, gap = place + split[gap], gap + 1
            else:
                agrees = agrees & (law.rows[:, min(place, law.width - 1)] == part)
                place += 1
        share = chances[length] / sum(chances.values()) / equal
        if agrees.any():
            total += share * law.p * (agrees & fine) / law.p[agrees].sum()
    return total


LAW = of_lengths(2, {2: 0.2, 3: 0.5, 4: 0.3}, seed=4)
SPLIT = [(1, 2), 0, (1, 2)]


def gaps(model, parts, tokens=None):
    alphabet = model.domain.alphabet
    return Gapped(
        [
            Gap(alphabet, *part, tokens)
            if isinstance(part, tuple)
            else Template(alphabet, alphabet.tokens[part])
            for part in parts
        ]
    )


@pytest.mark.parametrize("make", [FirstHitting, EntropyOrder])
@pytest.mark.parametrize("parts", [SPLIT, [1, (1, 3)], [(1, 3), 0, 1], [0, (1, 2), 1, (1, 1)]])
def test_lengths_and_letters_follow_the_stated_law(make, parts):
    law = Law(2, LAW.rows, conditional(LAW, parts))
    assert law.p.sum() == pytest.approx(1)
    model = model_of(LAW)
    state = make(model).run(make(model).init(20_000, key=1, template=gaps(model, parts)))
    assert fits(law, state.tokens)
    assert (state.log_weight == 0).all()


def test_the_splits_of_a_length_are_equal_and_not_the_splits_of_all():
    """The negative twin: every choice of gap lengths as likely as any other."""
    law = Law(2, LAW.rows, conditional(LAW, SPLIT))
    model = model_of(LAW)
    lists = [
        Template(model.domain.alphabet, letters)
        for letters in ([None, "A", None], [None, None, "A", None], [None, "A", None, None])
    ]
    assert differs(law, drawn(FirstHitting(model), template=lists))
    assert fits(law, drawn(FirstHitting(model), template=gaps(model, SPLIT)))


def test_a_uniform_model_follows_it_too():
    law = two_lengths()
    model = model_of(law, "uniform")
    target = Law(2, law.rows, conditional(law, [0, (1, 2)]))
    tokens = drawn(Ancestral(model, steps=100), 2500, template=gaps(model, [0, (1, 2)]))
    assert fits(target, tokens)
    assert differs(law, tokens)


def test_a_length_can_be_given():
    model = model_of(LAW)
    tokens = drawn(FirstHitting(model), template=gaps(model, SPLIT), length=4)
    p = np.where((LAW.rows < 2).sum(1) == 4, conditional(LAW, SPLIT), 0)
    assert fits(Law(2, LAW.rows, p / p.sum()), tokens)
    with pytest.raises(InputError, match=r"length must lie in \[3, 5\], the template's, got 2"):
        FirstHitting(model).init(1, key=0, template=gaps(model, SPLIT), length=2)
    with pytest.raises(InputError, match=r"length must lie in \[1, 4\], got 5"):
        FirstHitting(model).init(1, key=0, template=gaps(model, SPLIT), length=5)


def test_allow_lists_weigh_across_lengths():
    model = model_of(LAW)
    samples = FirstHitting(model).sample(8000, key=1, template=gaps(model, SPLIT, "B"))
    measure = conditional(LAW, SPLIT, lambda gap, run: set(run) == {1})
    assert unbiased(measure, LAW, samples)
    assert not unbiased(conditional(LAW, SPLIT), LAW, samples)


def test_a_design_is_the_same_in_any_batch():
    model = model_of(LAW)
    template = gaps(model, [(1, 2), 0, (1, 2)], "AB"[:1])
    whole = FirstHitting(model).sample(40, key=3, template=template)
    parts = FirstHitting(model).sample(40, key=3, template=template, batch_size=7)
    later = FirstHitting(model).sample(9, key=3, template=template, first_design=31)
    assert whole.strings == parts.strings
    assert whole.strings[31:] == later.strings
    assert torch.equal(whole.log_weight, parts.log_weight)


def test_slots_of_a_design_share_their_gaps_only_when_asked():
    sampler = FirstHitting(model_of(LAW))
    template = gaps(sampler.model, [(1, 2), 0])
    own = sampler.init(200, particles=4, key=0, template=template)
    shared = sampler.init(200, particles=4, key=0, template=template, length_per_design=True)
    assert (torch.from_numpy(own.lengths).view(-1, 4).diff() != 0).any()
    assert (torch.from_numpy(shared.lengths).view(-1, 4).diff() == 0).all()


# A scaffold in SMILES: the same, with what may stand in a run.

TOKENS = ("=", "C", "O")
SMILES = of_lengths(3, {2: 0.2, 3: 0.35, 4: 0.45}, seed=2)
REWARD = rewards(SMILES)


def smiles_model(kind="masked"):
    process = {"masked": MaskedProcess, "uniform": UniformProcess}[kind](3)
    net = TabularDenoiser(torch.from_numpy(SMILES.rows), torch.from_numpy(SMILES.p), process)
    lengths = LengthLaw([0.0, 0.0, 0.2, 0.35, 0.45])
    return Model(net, process, Smiles(TOKENS), lengths, frozen_training=True)


def trailing(gap, run):
    """No double bond to the scaffold, none that leads nowhere."""
    return run[0] != 0 and run[-1] != 0


HELD = {
    "C[*:1]": ([1, (1, 3)], {}, trailing),
    "[*:1]O": ([(1, 3), 2], {}, trailing),
    "[*:1]C[*:2]": ([(1, 2), 1, (1, 2)], {}, trailing),
    "C=[*:1]": ([1, 0, (1, 2)], {}, trailing),
    "O[*:1]": (
        [2, (2, 3)],
        {1: {"length": [2, 3], "tokens": ["C", "O"], "positions": [None, "C"]}},
        lambda gap, run: 0 not in run and run[1] == 1,
    ),
}


@pytest.mark.parametrize("scaffold", HELD)
def test_a_scaffold_conditions_the_law(scaffold):
    parts, points, may = HELD[scaffold]
    sampler = FirstHitting(smiles_model().with_template(scaffold, points))
    samples = sampler.sample(6000, key=1)
    assert unbiased(conditional(SMILES, parts, may), SMILES, samples)
    assert not unbiased(conditional(SMILES, parts), SMILES, samples)


@pytest.mark.parametrize(
    "method",
    [
        Unguided(),
        BestOfN(4, select="soft", scale=1.0),
        FKSteering(4, scale=1.0, threshold=1.0),
        SVDD(3, scale=1.0, particles=2, carry=True),
    ],
    ids=lambda method: type(method).__name__,
)
def test_guidance_tilts_what_grows(method):
    parts, points, may = HELD["[*:1]C[*:2]"]
    sampler = FirstHitting(smiles_model().with_template("[*:1]C[*:2]", points))
    samples = method.run(sampler, reward_of(SMILES, REWARD), 4000, key=1)
    tilt = 1.0 if isinstance(method, Unguided) else np.exp(REWARD)
    assert unbiased(conditional(SMILES, parts, may) * tilt, SMILES, samples)


@pytest.mark.parametrize(
    "method",
    [
        Unguided(),
        BestOfN(2),
        FKSteering(4),
        SVDD(2),
        ISIRGibbs(sweeps=2),
        Evolution(population=4, children=4, generations=2, initial=8),
    ],
    ids=lambda method: type(method).__name__,
)
def test_guided_uniform_designs_keep_their_scaffold(method):
    model = smiles_model("uniform").with_template("[*:1]C[*:2]")
    samples = method.run(Ancestral(model, steps=4), reward_of(SMILES, REWARD), 40, key=1)
    kept = conditional(SMILES, *[HELD["[*:1]C[*:2]"][i] for i in (0, 2)]) > 0
    assert kept[SMILES.places(samples.tokens)].all()


def test_what_a_model_cannot_do_is_refused():
    law = two_lengths()
    untrained = Model(
        model_of(law, "uniform").denoiser, UniformProcess(2), Letters("AB"), LengthLaw([0, 0, 1, 1])
    )
    with pytest.raises(UnsupportedError, match="fixed positions on a uniform process need"):
        Ancestral(untrained, steps=2).init(1, key=0, template=gaps(untrained, [0, (1, 2)]))
    domain = Padded(Letters("AB"), 3)
    net = Transformer(3, max_length=3, width=8, depth=1, heads=2)
    writes_end = Model(net, MaskedProcess(3), domain, LengthLaw.fixed(3))
    with pytest.raises(UnsupportedError, match="template must be without gaps, because"):
        FirstHitting(writes_end).init(1, key=0, template=gaps(writes_end, [0, (1, 2)]))
    model = model_of(law)
    with pytest.raises(InputError, match="room for a design of 2 to 3 tokens.* it has 6 to 7"):
        FirstHitting(model).init(1, key=0, template=gaps(model, [0, (5, 6)]))
