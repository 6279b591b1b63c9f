"""Beam search keeps the best of all children, each once."""

import torch

from discdiff.guidance.beam import Beam
from discdiff.guidance.ledger import Ledger
from discdiff.guidance.population import Particles
from discdiff.guidance.svdd import SVDD
from discdiff.model import Model
from discdiff.reward import Reward
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting

WORDS = [a + b + c + d for a in "ACGT" for b in "ACGT" for c in "ACGT" for d in "ACGT"]
MASKED = FirstHitting(Model.tabular(WORDS))
UNIFORM = Ancestral(Model.tabular(WORDS, kind="uniform"), steps=4)


def rugged(strings):
    """One best word, and none that looks like it is nearly as good."""
    return [float((sum(map(ord, s)) * 7919 + len(set(s)) * 104729) % 97) for s in strings]


REWARD = Reward(MASKED.model.domain, rugged)


class Told:
    """The same value for the same tokens, whoever asks."""

    def __call__(self, sampler, state, reward, scale):
        code = state.tokens @ torch.tensor([125, 25, 5, 1])
        return state, ((code * 2654435761) % 101).double()


def test_the_kept_are_the_best_of_all_children_each_once():
    group, branch = 3, 5
    for sampler in (MASKED, UNIFORM):
        loop = Beam(group, branch, value=Told()).loop
        parents = Particles.begin(sampler.init(4, particles=group, key=2), "difference")
        for _ in range(2):  # the plan of two events leaves all rows unfinished
            children = sampler.step(parents.state, branch=branch)
            _, value = Told()(sampler, children, REWARD, 1.0)
            kept = loop._advance(sampler, Ledger(REWARD), parents)
            for g in range(4):
                rows = slice(g * group * branch, (g + 1) * group * branch)
                pairs = zip(map(tuple, children.tokens[rows].tolist()), value[rows], strict=True)
                ranked = sorted({x: v.item() for x, v in pairs}.items(), key=lambda pair: -pair[1])
                mine = slice(g * group, (g + 1) * group)
                assert len(ranked) >= group
                assert kept.potential[mine].tolist() == [v for _, v in ranked[:group]]
                assert torch.equal(kept.state.keys, parents.state.keys)
            parents = kept


def test_equal_children_are_taken_where_there_are_no_others():
    sampler = FirstHitting(Model.tabular(["A"]))
    reward = Reward(sampler.model.domain, rugged)
    samples = Beam(3, 2, keep="all").run(sampler, reward, 6, key=0)
    assert samples.strings == ["A"] * 6


def test_a_beam_of_one_is_the_greedy_choice():
    for sampler in (MASKED, UNIFORM):
        beam = Beam(1, 5).run(sampler, REWARD, 20, key=3)
        greedy = SVDD(5, scale=1.0, select="argmax").run(sampler, REWARD, 20, key=3)
        assert beam.strings == greedy.strings


def test_the_best_of_the_beam_is_returned():
    every = Beam(4, 4, keep="all").run(MASKED, REWARD, 40, key=3)
    best = Beam(4, 4).run(MASKED, REWARD, 10, key=3)
    assert best.reward.tolist() == every.reward.view(10, 4).amax(1).tolist()
    assert len(set(every.strings)) > 10
    assert (every.log_weight == 0).all()
    assert every.log_normaliser is None


def test_wider_beams_find_better_designs():
    means = [Beam(k, 4).run(MASKED, REWARD, 60, key=5).reward.mean() for k in (1, 3, 9)]
    unguided = torch.tensor(rugged(MASKED.sample(60, key=5).strings)).mean()
    assert unguided < means[0] < means[1] < means[2]
