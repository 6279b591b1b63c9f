"""What guidance methods take, return and refuse."""

import numpy as np
import pytest
import torch

from discdiff.domain import Letters
from discdiff.errors import InputError
from discdiff.guidance.beam import Beam
from discdiff.guidance.best_of_n import BestOfN
from discdiff.guidance.correctors import Correctors
from discdiff.guidance.fk import FKSteering
from discdiff.guidance.importance_tilt import ImportanceTilt
from discdiff.guidance.isir import ISIRGibbs
from discdiff.guidance.ledger import Ledger
from discdiff.guidance.svdd import SVDD
from discdiff.guidance.tree_search import TreeSearch
from discdiff.guidance.unguided import Unguided
from discdiff.guidance.value import RolloutValue, SampledValue, ZeroValue
from discdiff.model import Model
from discdiff.reward import Reward
from discdiff.samplers.first_hitting import FirstHitting

MODEL = Model.tabular(["AAB", "ABB", "BAB", "BBB"], [4, 3, 2, 1])
SAMPLER = FirstHitting(MODEL)
METHODS = [
    Unguided(),
    BestOfN(3),
    BestOfN(3, select="soft"),
    SVDD(3),
    SVDD(2, particles=2, carry=True),
    FKSteering(4),
    FKSteering(4, keep="all"),
    FKSteering(4, ramp=2),
    Beam(2, 3),
    Beam(4, 2, keep="all"),
    Correctors(2.0, particles=4),
    ImportanceTilt(3),
    TreeSearch(3, 4, designs=4),
    ISIRGibbs(3),
]
by_name = {"ids": lambda method: type(method).__name__}


def count_b(strings):
    return [s.count("B") for s in strings]


@pytest.mark.parametrize("method", METHODS, **by_name)
def test_every_method_returns_what_it_was_asked_for(method):
    samples = method.run(SAMPLER, Reward(MODEL.domain, count_b), 8, key=0)
    assert len(samples) == 8
    assert samples.strings == MODEL.domain.decode_batch(samples.tokens)
    assert samples.reward.tolist() == count_b(samples.strings)
    assert samples.scores.values[:, 0].tolist() == count_b(samples.strings)
    assert samples.valid.all()
    assert samples.counts["nfe"] > 0
    for name in ("log_weight", "log_likelihood", "confidence", "reward"):
        value = getattr(samples, name)
        assert value.dtype == torch.float64, name
        assert value.shape == (8,), name


@pytest.mark.parametrize("method", METHODS[1:-2], **by_name)
def test_progress_sees_every_event(method):
    seen = []
    method.run(
        SAMPLER, Reward(MODEL.domain, count_b), 4, key=0, progress=lambda s: seen.append(s.event)
    )
    assert seen == [1, 2, 3]


def test_progress_sees_every_event_of_every_sweep():
    seen = []
    ISIRGibbs(2, level=1.0).run(
        SAMPLER, Reward(MODEL.domain, count_b), 4, key=0, progress=lambda s: seen.append(s.event)
    )
    assert seen == [1, 2, 3] * 3


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: BestOfN(0), "candidates must be a positive integer, got 0"),
        (lambda: BestOfN(2, select="best"), "select must be one of hard, soft, got 'best'"),
        (lambda: BestOfN(2, scale=float("nan")), "scale must be a finite number, got nan"),
        (lambda: SVDD(0), "candidates must be a positive integer, got 0"),
        (lambda: SVDD(scale=float("inf")), "scale must be a finite number, got inf"),
        (lambda: SVDD(select="soft"), "select must be one of softmax, argmax, got 'soft'"),
        (lambda: SVDD(particles=2), "particles must be 1 without carry, got 2"),
        (lambda: SVDD(select="argmax", carry=True), "carry must be False with select='argmax'"),
        (lambda: SVDD(interval=0), "interval must be a positive integer, got 0"),
        (lambda: SVDD(skip=-1), "skip must be a non-negative integer, got -1"),
        (lambda: FKSteering(0), "particles must be a positive integer, got 0"),
        (lambda: FKSteering(potential="min"), "potential must be one of difference, max, sum"),
        (lambda: FKSteering(scheme="residual"), "scheme must be one of ssp, systematic, multi"),
        (lambda: FKSteering(threshold=1.5), r"threshold must lie in \[0, 1\], got 1.5"),
        (lambda: FKSteering(keep="best"), "keep must be one of one, all, got 'best'"),
        (lambda: FKSteering(ramp=-1), "ramp must be a non-negative integer, got -1"),
        (lambda: Beam(0), "particles must be a positive integer, got 0"),
        (lambda: Beam(candidates=0), "candidates must be a positive integer, got 0"),
        (lambda: Beam(keep="best"), "keep must be one of one, all, got 'best'"),
        (lambda: SVDD(4, fewest=1), r"fewest must lie in \[2, candidates\], got 1 of 4"),
        (lambda: SVDD(4, fewest=5), r"fewest must lie in \[2, candidates\], got 5 of 4"),
        (lambda: SVDD(4, fewest=2, agree=-1.0), r"agree must lie in \[0, inf\], got -1.0"),
        (lambda: SampledValue(1, most=4), r"draws must lie in \[2, most\], got 1 of 4"),
        (lambda: RolloutValue(3, most=2), r"draws must lie in \[2, most\], got 3 of 2"),
        (lambda: SampledValue(2, most=4, agree=-0.1), r"agree must lie in \[0, inf\]"),
        (lambda: ISIRGibbs(0), "sweeps must be a positive integer, got 0"),
        (lambda: ISIRGibbs(candidates=2), "candidates must be 1 with select='metropolis', got 2"),
        (lambda: ISIRGibbs(level=0), r"level must be a time in \(0, 1\] or two of them.* got 0"),
        (lambda: ISIRGibbs(level=(0.5, 0.2)), r"level must be a time .* got \(0.5, 0.2\)"),
        (lambda: ISIRGibbs(level=[0.1, 0.2, 0.3]), "level must be a time in"),
        (lambda: SampledValue(0), "draws must be a positive integer, got 0"),
        (lambda: SampledValue(floor=float("-inf")), "floor must be a finite number, got -inf"),
        (lambda: RolloutValue(draws=-1), "draws must be a positive integer, got -1"),
    ],
)
def test_settings_out_of_range_are_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_all_particles_come_in_whole_populations():
    method = FKSteering(4, keep="all")
    with pytest.raises(InputError, match="must be a multiple of the 4 designs"):
        method.run(SAMPLER, Reward(MODEL.domain, count_b), 6, key=0)
    with pytest.raises(InputError, match="must be a multiple of the 4 designs"):
        method.run(SAMPLER, Reward(MODEL.domain, count_b), 8, key=0, first_design=2)


class Half(Letters):
    def invalid_reason(self, string):
        return "starts with A" if string.startswith("A") else None


def value_of(value, scale=2.0):
    """Log-values of rows that are finished but for one position, which is A or B alike."""
    tokens = torch.tensor([[2, 1, 1], [1, 2, 1], [0, 2, 1]])
    t = torch.full((3,), 0.2, dtype=torch.float64)
    state = SAMPLER.start(tokens, t, tokens >= 0, keys=torch.arange(3))
    return value(SAMPLER, state, Reward(Half("AB"), count_b), scale)


def test_values_leave_invalid_previews_out():
    _, found = value_of(SampledValue(draws=400))
    # row 0 starts with B in a quarter of its previews; the others are left out
    assert found[0].item() == pytest.approx(2.0 * 3)
    # row 1 is BAB in two of three previews
    expected = np.log((2 * np.exp(4.0) + np.exp(6.0)) / 3)
    assert found[1].item() == pytest.approx(expected, abs=0.15)
    # nothing is known of row 2, all of whose previews are invalid
    assert found[2].isnan()


def test_values_can_count_invalid_previews_as_a_floor():
    _, found = value_of(SampledValue(draws=400, floor=-1.0))
    expected = np.log((3 * np.exp(-2.0) + np.exp(6.0)) / 4)
    assert found[0].item() == pytest.approx(expected, abs=0.3)
    assert found[2].item() == pytest.approx(-2.0)


def test_rollouts_agree_with_previews_where_one_position_is_left():
    _, found = value_of(RolloutValue(draws=300))
    assert found[0].item() == pytest.approx(6.0)
    expected = np.log((2 * np.exp(4.0) + np.exp(6.0)) / 3)
    assert found[1].item() == pytest.approx(expected, abs=0.2)
    assert found[2].isnan()


def test_a_sampled_value_leaves_its_pass_for_the_next_step():
    state, _ = value_of(SampledValue())
    assert state.log_p is not None
    spent = state.counts["nfe"]
    assert SAMPLER.step(state).counts["nfe"] == spent


def test_zero_knows_nothing_and_asks_nothing():
    state, found = value_of(ZeroValue())
    assert found.tolist() == [0.0] * 3
    assert state.counts["nfe"] == 0


def test_an_infinite_scale_of_rewards_does_not_overflow():
    reward = Reward(MODEL.domain, lambda strings: [1e4 * s.count("B") for s in strings])
    for method in (FKSteering(8, scale=50.0, threshold=1.0), SVDD(8, scale=50.0)):
        samples = method.run(SAMPLER, reward, 6, key=0)
        assert not samples.log_weight.isnan().any()
        assert samples.reward.mean() > 2e4


def test_ledger_reads_back_what_was_scored_in_any_order():
    domain = Letters("AB")
    ledger = Ledger(Reward(domain, count_b))
    first, _ = ledger.score(domain.encode_batch(["A", "B"], 3))
    second, rewards = ledger.score(domain.encode_batch(["BBB"]))
    assert rewards.tolist() == [3.0]
    found = ledger.read(torch.cat([second, first.flip(0)]))
    assert found.strings == ["BBB", "B", "A"]
    assert found.reward.tolist() == [3.0, 1.0, 0.0]
    assert found.scores.values[:, 0].tolist() == [3.0, 1.0, 0.0]
