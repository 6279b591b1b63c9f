"""A design depends on its key alone: not on its batch, its shard or the rows beside it."""

import pytest
import torch

from discdiff.class_masked import ClassMaskedProcess
from discdiff.domain import Letters
from discdiff.guidance.beam import Beam
from discdiff.guidance.best_of_n import BestOfN
from discdiff.guidance.correctors import Correctors
from discdiff.guidance.fk import FKSteering
from discdiff.guidance.importance_tilt import ImportanceTilt
from discdiff.guidance.svdd import SVDD
from discdiff.guidance.tds import TDS
from discdiff.guidance.tree_search import TreeSearch
from discdiff.guidance.unguided import Unguided
from discdiff.guidance.value import RolloutValue, SampledValue
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.process import MaskedProcess, UniformProcess
from discdiff.reward import Reward
from discdiff.samplers.adaptive import ConfidenceOrder, EntropyOrder
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.parallel import Parallel
from discdiff.samplers.remdm import ReMDM
from discdiff.schedule import Polynomial

DNA = Letters("ACGT")
N, LONGEST = 9, 12


def network(needs_time):
    torch.manual_seed(3)
    net = Transformer(4, LONGEST, width=32, depth=2, heads=2, needs_time=needs_time).eval()
    with torch.no_grad():
        net.head.weight.mul_(40.0)
    return net


LENGTHS = LengthLaw([0, 0, 0] + [1] * (LONGEST - 2))
MASKED = Model(network(False), MaskedProcess(4), DNA, LENGTHS)
UNIFORM = Model(network(True), UniformProcess(4), DNA, LENGTHS)

BY_CLASS = Model(
    network(True),
    ClassMaskedProcess(4, None, {"late": [1, 2]}, {"late": Polynomial(3.0)}),
    DNA,
    LENGTHS,
    frozen_training=True,
)

SAMPLERS = {
    "first hitting": FirstHitting(MASKED),
    "ancestral": Ancestral(MASKED, steps=6),
    "parallel": Parallel(MASKED, steps=4),
    "entropy": EntropyOrder(MASKED),
    "confidence in blocks": ConfidenceOrder(MASKED, steps=3),
    "remasking": ReMDM(MASKED, steps=8, strategy="cap", eta=0.2),
    "remasking by confidence": ReMDM(MASKED, steps=8, eta=0.5, confidence=True),
    "uniform": Ancestral(UNIFORM, steps=6),
    "by class": FirstHitting(BY_CLASS),
    "by class on a grid": Ancestral(BY_CLASS, steps=6, temperature=0.8),
    "by class in another order": EntropyOrder(BY_CLASS),
    "sharp": FirstHitting(MASKED, temperature=0.7, top_p=0.9),
}
METHODS = {
    "none": Unguided(),
    "best of n": BestOfN(candidates=3),
    "soft best of n": BestOfN(candidates=3, select="soft", scale=2.0),
    "svdd": SVDD(candidates=3, scale=4.0),
    "svdd, rollouts": SVDD(candidates=2, scale=4.0, value=RolloutValue()),
    "svdd, carried": SVDD(candidates=2, scale=4.0, particles=3, carry=True),
    "svdd, every second event": SVDD(candidates=3, scale=4.0, interval=2),
    "fk": FKSteering(particles=4, scale=4.0, threshold=0.9),
    "fk, tempered": FKSteering(particles=4, scale=4.0, ramp=4, threshold=1.0),
    "fk, effort": FKSteering(4, scale=4.0, value=SampledValue(2, most=6, agree=0.1)),
    "svdd, effort": SVDD(6, scale=4.0, fewest=2, agree=0.5),
    "tds": TDS(particles=3, scale=20.0, threshold=0.9),
    "tds, drawn": TDS(particles=3, scale=20.0, relax="gumbel", draws=2, ramp=3),
    "tds, neighbours": TDS(particles=2, scale=4.0, twist="neighbours"),
    "beam": Beam(particles=3, candidates=3),
    "correctors": Correctors(power=1.5, models=[MASKED], powers=[0.5], particles=3, scale=4.0),
    "fk, every third event": FKSteering(particles=4, scale=4.0, interval=3, threshold=1.0),
    "fk, later": FKSteering(particles=4, scale=4.0, skip=2, threshold=1.0),
    "tree search": TreeSearch(children=3, iterations=8, designs=1),
    "fk, max": FKSteering(particles=4, scale=4.0, potential="max", scheme="multinomial"),
}


class Share:
    def __call__(self, strings):
        return [s.count("A") / len(s) for s in strings]

    def relaxed(self, rows):
        return rows[:, :, 0].mean(1)


share_of_a = Share()


def same(whole, part, first):
    rows = slice(first, first + len(part))
    assert part.strings == whole.strings[rows]
    assert torch.equal(part.tokens, whole.tokens[rows])
    torch.testing.assert_close(
        part.log_likelihood, whole.log_likelihood[rows], rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_row_is_the_same_alone_in_a_shard_and_in_smaller_batches(name):
    sampler = SAMPLERS[name]
    whole = sampler.sample(N, key=5)
    assert len({len(s) for s in whole.strings}) > 3
    assert len(set(whole.strings)) > 6
    for first in (0, 4, N - 1):
        same(whole, sampler.sample(1, key=5, first_design=first), first)
    same(whole, sampler.sample(5, key=5, first_design=3), 3)
    same(whole, sampler.sample(N, key=5, batch_size=4), 0)


PAIRS = [(name, sampler) for name in METHODS for sampler in ("first hitting", "uniform")]
PAIRS.remove(("correctors", "uniform"))
PAIRS += [(name, "by class") for name in ("svdd", "tds")]


@pytest.mark.parametrize(("name", "sampler"), PAIRS)
def test_a_guided_row_is_the_same_alone_and_in_a_shard(name, sampler):
    sampler, method = SAMPLERS[sampler], METHODS[name]

    def run(n, first):
        return method.run(sampler, Reward(DNA, share_of_a), n, key=5, first_design=first)

    whole = run(N, 0)
    for first, n in ((0, 1), (4, 1), (N - 1, 1), (3, 5)):
        part = run(n, first)
        same(whole, part, first)
        assert torch.equal(part.reward, whole.reward[first : first + n])
        if whole.log_normaliser is not None:
            torch.testing.assert_close(
                part.log_normaliser, whole.log_normaliser[first : first + n], rtol=1e-4, atol=1e-4
            )


@pytest.mark.parametrize("name", ["first hitting", "entropy", "ancestral", "uniform"])
def test_a_run_that_stops_and_goes_on_is_the_same_alone(name):
    sampler = SAMPLERS[name]

    def run(n, first):
        state = sampler.run(sampler.init(n, key=5, first_design=first), stop=0.5)
        return sampler.run(sampler.run(state, stop=0.25)).tokens

    whole = run(N, 0)
    assert torch.equal(run(1, 4), whole[4:5])
    assert torch.equal(run(3, 6), whole[6:])


def test_a_tilted_row_is_the_same_alone():
    sampler, method = SAMPLERS["first hitting"], ImportanceTilt(draws=3, scale=4.0)
    whole = method.run(sampler, Reward(DNA, share_of_a), N, key=5)
    same(whole, method.run(sampler, Reward(DNA, share_of_a), 1, key=5, first_design=4), 4)
    same(whole, method.run(sampler, Reward(DNA, share_of_a), 5, key=5, first_design=3), 3)


def test_all_particles_of_a_population_are_shards_too():
    method = FKSteering(particles=3, scale=4.0, keep="all")
    reward = Reward(DNA, share_of_a)
    whole = method.run(SAMPLERS["first hitting"], reward, 9, key=5)
    part = method.run(SAMPLERS["first hitting"], reward, 3, key=5, first_design=6)
    same(whole, part, 6)
    torch.testing.assert_close(part.log_weight, whole.log_weight[6:], rtol=1e-4, atol=1e-4)


def test_a_finished_population_does_not_change_while_others_go_on():
    """Values come at event 5; populations of short designs are finished by then."""
    lengths = LengthLaw([0, 0, 0, 0, 1, 0, 1])
    sampler = FirstHitting(Model(MASKED.denoiser, MASKED.process, DNA, lengths))
    method = FKSteering(particles=2, scale=4.0, interval=5, threshold=1.0, keep="all")

    def run(n, first):
        reward = Reward(DNA, lambda strings: [3.0 * s.find("A") + s.count("C") for s in strings])
        return method.run(sampler, reward, n, key=5, first_design=first)

    whole = run(40, 0)
    short = [i for i in range(0, 40, 2) if {len(s) for s in whole.strings[i : i + 2]} == {4}]
    assert 2 < len(short) < 20
    for first in short:
        part = run(2, first)
        same(whole, part, first)
        assert torch.equal(part.log_weight, whole.log_weight[first : first + 2])


def test_another_key_is_another_batch():
    sampler = SAMPLERS["first hitting"]
    assert sampler.sample(N, key=5).strings != sampler.sample(N, key=6).strings


def test_the_key_is_drawn_from_the_generator():
    sampler = SAMPLERS["first hitting"]
    draws = [
        sampler.sample(2, generator=torch.Generator().manual_seed(seed)).strings
        for seed in (1, 1, 2)
    ]
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_finished_batch_steps_to_itself(name):
    sampler = SAMPLERS[name]
    done = sampler.run(sampler.init(4, key=5))
    spent = done.counts["nfe"]
    assert torch.equal(sampler.step(done).tokens, done.tokens)
    children = sampler.step(done, branch=3)
    assert torch.equal(children.tokens, done.tokens.repeat_interleave(3, 0))
    assert done.counts["nfe"] == spent
