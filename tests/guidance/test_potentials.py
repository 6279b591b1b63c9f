"""Potentials steer by differences of rewards, and finished rows are asked about once."""

import pytest

from discdiff.guidance.fk import FKSteering
from discdiff.guidance.svdd import SVDD
from discdiff.model import Model
from discdiff.reward import Reward
from discdiff.samplers.first_hitting import FirstHitting

WORDS = [a + b + c for a in "ACG" for b in "ACG" for c in "ACG"]


@pytest.mark.parametrize("potential", ["difference", "max", "sum"])
def test_a_constant_added_to_the_reward_changes_nothing(potential: str) -> None:
    sampler = FirstHitting(Model.tabular(WORDS))

    def run(shift: float) -> list[str]:
        reward = Reward(sampler.model.domain, lambda s: [x.count("G") + shift for x in s])
        method = FKSteering(particles=8, scale=2.0, potential=potential, threshold=1.0)
        return method.run(sampler, reward, 50, key=4).strings

    shifts = {shift: sum(s.count("G") for s in run(shift)) / 50 for shift in (0.0, -6.0, -20.0)}
    unguided = sum(s.count("G") for s in sampler.sample(50, key=4).strings) / 50
    assert min(shifts.values()) > unguided + 1.0
    if potential == "difference":
        assert run(0.0) == run(-20.0)


def test_a_design_that_finished_between_selections_is_requested_once() -> None:
    sampler = FirstHitting(Model.tabular(["A", "C", "AAAAAA", "CCCCCC"]))
    reward = Reward(sampler.model.domain, lambda s: [float(len(x)) for x in s])
    samples = SVDD(candidates=5, interval=5).run(sampler, reward, 10, key=0)
    short = sum(len(s) == 1 for s in samples.strings)
    assert 0 < short < 10
    # long rows: 5 previews at the fifth event, then their end; short rows: their end
    assert reward.counts.requested == short + (10 - short) * 6
