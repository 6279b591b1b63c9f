"""What is counted equals the cost formulas: network rows and requests to the oracle."""

import pytest

from discdiff.guidance.beam import Beam
from discdiff.guidance.best_of_n import BestOfN
from discdiff.guidance.correctors import Correctors
from discdiff.guidance.fk import FKSteering
from discdiff.guidance.importance_tilt import ImportanceTilt
from discdiff.guidance.isir import ISIRGibbs
from discdiff.guidance.svdd import SVDD
from discdiff.guidance.tds import TDS
from discdiff.guidance.unguided import Unguided
from discdiff.guidance.value import RolloutValue, SampledValue, ZeroValue
from discdiff.oracle import stack
from discdiff.reward import Reward
from discdiff.samplers.adaptive import ConfidenceOrder, EntropyOrder
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.parallel import Parallel
from discdiff.samplers.remdm import ReMDM
from tests.exact.laws import counted_reward, dirichlet, model_of, rewards, two_lengths

N, L, T, M, K = 10, 5, 4, 3, 6
LAW = dirichlet(2, L, seed=0)
MASKED, UNIFORM = model_of(LAW), model_of(LAW, "uniform")


@pytest.mark.parametrize(
    ("sampler", "rows"),
    [
        (FirstHitting(MASKED), L),
        (EntropyOrder(MASKED), L),
        (ConfidenceOrder(MASKED, steps=2), 2),
        (Parallel(MASKED, steps=3), 3),
        (Parallel(MASKED, steps=50), L),
        (Ancestral(MASKED, steps=1), 1),
        (Ancestral(UNIFORM, steps=7), 7),
    ],
    ids=lambda x: type(x).__name__,
)
def test_rows_of_the_network_for_each_design(sampler, rows):
    assert sampler.sample(N, key=0).counts["nfe"] == rows * N


@pytest.mark.parametrize("steps", [2, 8, 1000])
def test_ancestral_never_pays_for_a_step_that_reveals_nothing(steps):
    sampler = Ancestral(MASKED, steps=steps)
    for key in range(20):
        nfe = sampler.sample(1, key=key).counts["nfe"]
        assert 1 <= nfe <= min(steps, L)
    # at many steps two positions almost never share one
    total = sampler.sample(200, key=0).counts["nfe"] / 200
    expected = steps * (1 - (1 - 1 / steps) ** L)
    assert total == pytest.approx(expected, abs=0.3)


def test_remasking_pays_for_the_steps_that_reveal_something():
    nfe = ReMDM(MASKED, 30, "cap", 0.1).sample(N, key=0).counts["nfe"]
    assert L < nfe / N < 30


def run(method, sampler=None):
    sampler = FirstHitting(MASKED) if sampler is None else sampler
    reward = counted_reward(LAW, rewards(LAW))
    samples = method.run(sampler, reward, N, key=0)
    return samples.counts["nfe"] / N, reward.counts.requested / N


FORMULAS = {
    "none": (Unguided(), L, 1),
    "best of n": (BestOfN(K), K * L, K),
    "svdd": (SVDD(M), 1 + (L - 1) * M, (L - 1) * M + M),
    "svdd, 2 draws": (SVDD(M, value=SampledValue(2)), 1 + (L - 1) * M, 2 * (L - 1) * M + M),
    "svdd, no value": (SVDD(M, value=ZeroValue()), L, M),
    "fk": (FKSteering(K), K * L, K * (L - 1) + K),
    "fk, 2 draws": (FKSteering(K, value=SampledValue(2)), K * L, 2 * K * (L - 1) + K),
    "fk, every second event": (FKSteering(K, interval=2), K * L, K * (L // 2) + K),
    "tds": (TDS(K), K * L, K),
    "tds, neighbours": (
        TDS(K, twist="neighbours"),
        K * (L + (L - 1) * 2),
        K * (L + (L - 1) * 2 + 2 + 1),  # previews, those of neighbours, whole neighbours, ends
    ),
    "tds, a value of its own": (TDS(K, value=SampledValue()), K * L, K * (L - 1) + K),
    "beam": (Beam(K, M), K + (L - 1) * K * M, (L - 1) * K * M + K * M),
    "annealing": (Correctors(2.0, particles=K, scale=0.0), K * L, K),
    "product": (Correctors(models=[MASKED] * 2, particles=K, scale=0.0), 3 * K * L, K),
    "product, reward": (Correctors(models=[MASKED], particles=K), 2 * K * L, K * (L - 1) + K),
    "importance tilt": (ImportanceTilt(M), L, L * M + 1),
    "isir": (ISIRGibbs(T, M, 1.0, select="softmax"), L + T * M * L, 1 + T * M),
    "isir, one candidate": (ISIRGibbs(T, level=1.0), L + T * L, 1 + T),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_cost_of_a_guided_design(name):
    method, nfe, requests = FORMULAS[name]
    assert run(method) == (nfe, requests)


def test_cost_of_rollouts():
    # a child with n masks is rolled out in n passes; the parent's own pass feeds its children
    nfe, requests = run(SVDD(M, value=RolloutValue()))
    assert nfe == L + M * sum(range(L))
    assert requests == (L - 1) * M + M


def test_a_sweep_redraws_as_many_positions_as_its_level_hides():
    n, sweeps, level = 400, 5, 0.3
    samples = ISIRGibbs(sweeps, level=level).run(
        FirstHitting(MASKED), counted_reward(LAW, rewards(LAW)), n, key=0
    )
    redrawn = samples.counts["nfe"] - n * L
    mean, spread = n * sweeps * L * level, (n * sweeps * L * level * (1 - level)) ** 0.5
    assert abs(redrawn - mean) < 5 * spread


def test_a_design_that_finished_between_selections_is_scored_once():
    law = two_lengths()
    sampler, reward = FirstHitting(model_of(law)), counted_reward(law, rewards(law))
    samples = SVDD(M, interval=3).run(sampler, reward, 40, key=0)
    short = sum(len(s) == 2 for s in samples.strings)
    assert 5 < short < 35
    assert reward.counts.requested == short + M * (40 - short)


@pytest.mark.parametrize("select", ["softmax", "argmax"])
def test_cost_on_uniform_noise(select):
    sampler = Ancestral(UNIFORM, steps=T)
    assert run(SVDD(M, select=select), sampler) == (1 + (T - 1) * M, (T - 1) * M + M)
    assert run(FKSteering(K), sampler) == (K * T, K * (T - 1) + K)
    assert run(BestOfN(K), sampler) == (K * T, K)


def test_a_spent_budget_ends_the_guidance_and_finishes_the_designs():
    table = rewards(LAW)
    spell = ["".join("AB"[i] for i in row) for row in LAW.rows]
    values = dict(zip(spell, table.tolist(), strict=True))
    oracle = stack(lambda strings: [values[s] for s in strings], MASKED.domain, budget=7)
    reward = Reward(MASKED.domain, oracle)
    samples = FKSteering(K).run(FirstHitting(MASKED), reward, N, key=0)
    assert len(samples) == N
    assert reward.exhausted
    assert reward.counts.evaluated == 7
