"""What samplers with a constraint refuse, and what becomes of rows that cannot meet it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from discdiff.constraint.constraint import Constraint
from discdiff.domain import Letters, Template
from discdiff.errors import InputError
from discdiff.guidance.fk import FKSteering
from discdiff.guidance.svdd import SVDD
from discdiff.model import LengthLaw, Model
from discdiff.padding import Padded
from discdiff.process import MaskedProcess, UniformProcess
from discdiff.reward import Reward
from discdiff.samplers.adaptive import EntropyOrder
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.recommended import HEADING, recommended
from discdiff.samplers.start import Seeds

DNA = Letters("ACGT")


class Certain(nn.Module):
    """Thinks that everything is A: other tokens have no chance at all."""

    vocab_size, max_length, needs_time = 4, 6, True

    def forward(self, x_t, t, cond=None, at=None):
        log_p = torch.full((*x_t.shape, 4), -torch.inf)
        log_p[..., 0] = 0.0
        return log_p if at is None else log_p[at]


def model(kind="masked", domain=DNA):
    process = {"masked": MaskedProcess, "uniform": UniformProcess}[kind](4)
    return Model(Certain(), process, domain, LengthLaw.fixed(6), frozen_training=True)


@pytest.mark.parametrize("kind", ["masked", "uniform"])
def test_where_the_network_rules_it_out_rows_end_without_weight_and_with_a_reason(kind):
    sampler = Ancestral(model(kind), steps=4, constraint={"required": "G"})
    samples = sampler.sample(5, key=1)
    assert set(samples.strings) == {"AAAAAA"}
    assert not samples.valid.any()
    assert (samples.log_weight == -torch.inf).all()
    assert not samples.log_likelihood.isnan().any()
    reason = sampler.model.domain.invalid_reason(samples.strings[0])
    assert reason == "constraint not met (required)"
    reward = Reward(sampler.model.domain, lambda strings: [1.0 for _ in strings])
    for method in (FKSteering(2), SVDD(2)):
        found = method.run(sampler, reward, 2, key=1)
        assert found.fallback.all()
        assert not found.valid.any()


def test_seeds_that_rule_it_out_do_not_harm_others():
    sampler = FirstHitting(
        Model.tabular(["ACGT", "TTTT", "GGGG"]), constraint={"forbidden": ["TT"]}
    )
    samples = sampler.sample(60, key=2, seeds=Seeds(["ACGT", "TTTT"], level=0.5))
    kept = samples.log_weight > -torch.inf
    assert kept.any()
    assert not kept.all()
    assert (kept.numpy() == samples.valid).all()
    assert not samples.log_weight.isnan().any()


def test_a_length_in_which_it_cannot_be_met_is_refused():
    mixed = Model.tabular(["AC", "ACG", "ACGT"])
    sampler = FirstHitting(mixed, constraint={"required": "ACG"})
    assert {len(s) for s in sampler.sample(30, key=1).strings} == {3, 4}
    with pytest.raises(InputError, match=r"length must be one in which .* got 2: no sequence of 2"):
        sampler.sample(3, key=1, length=2)
    with pytest.raises(InputError, match="length that the model writes, at most 4 tokens"):
        FirstHitting(mixed, constraint={"required": "ACGTA"})


def test_a_template_that_leaves_no_room_is_refused():
    sampler = FirstHitting(model(), constraint={"required": "CG"})
    shut = Template(DNA.alphabet, ["A", {"A", "C"}, "A", "T", None, "T"])
    with pytest.raises(InputError, match="template must leave room for the constraint"):
        sampler.sample(2, key=1, template=shut)


def test_a_model_that_writes_its_end_keeps_to_it():
    strings = ["AC", "ACG", "GT", "GTT"]
    padded = Padded(Letters.fit(strings), 4)
    table = padded.encode_batch(strings)

    class Table(nn.Module):
        vocab_size, max_length, needs_time = len(padded.alphabet), 4, False

        def forward(self, x_t, t, cond=None, at=None):
            seen = (x_t[:, None] == table[None]) | (x_t[:, None] == self.vocab_size)
            weight = seen.all(-1).double()
            mass = torch.einsum("bn,nlv->blv", weight, nn.functional.one_hot(table).double())
            log_p = (mass / weight.sum(-1)[:, None, None]).log()
            return log_p if at is None else log_p[at]

    held = Model(Table(), MaskedProcess(5), padded, LengthLaw.fixed(4))
    sampler = FirstHitting(held, constraint={"regex": ".*[CT]"})
    samples = sampler.sample(50, key=1)
    assert set(samples.strings) == {"AC", "GT", "GTT"}
    assert samples.valid.all()


def test_an_automaton_of_ones_own_is_a_constraint():
    own = Constraint(DNA, {"regex": "G.*"}).automaton
    source = Model.tabular(["ACGT", "GTTA"])
    samples = FirstHitting(source, constraint=own).sample(30, key=1)
    assert {s for s, fine in zip(samples.strings, samples.valid, strict=True) if fine} == {"GTTA"}
    # of a law with two strings, one letter can decide all: the rest have no chance any more
    assert (samples.valid == (samples.log_weight > -torch.inf).numpy()).all()
    wrong = Constraint(Letters("AC"), {"regex": "A.*"}).automaton
    with pytest.raises(InputError, match="must be over the domain's 4 tokens, got 2"):
        FirstHitting(source, constraint=wrong)


def test_a_card_can_ask_for_it_and_options_add_to_it():
    source = Model.tabular(["ACGT", "GTTA", "GTTC"])
    source.card[HEADING] = {"name": "entropy", "constraint": {"regex": "G.*", "homopolymer": 2}}
    sampler = recommended(source)
    assert isinstance(sampler, EntropyOrder)
    assert sampler.constraint.keys == {"regex": "G.*", "homopolymer": 2}
    assert set(sampler.sample(20, key=1).strings) == {"GTTA", "GTTC"}
    more = recommended(source, constraint={"regex": None, "required": "AC"})
    assert more.constraint.keys == {"homopolymer": 2, "required": "AC"}
    assert set(more.sample(9, key=1).strings) == {"ACGT"}
    assert recommended(source, constraint=None).constraint is None
    assert set(recommended(source, constraint=None).sample(40, key=1).strings) == {
        "ACGT",
        "GTTA",
        "GTTC",
    }
