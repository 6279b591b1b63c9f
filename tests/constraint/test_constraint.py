"""Conditions by name: what they mean, how they are put together, what is refused."""

from __future__ import annotations

from itertools import groupby, pairwise, product

import numpy as np
import pytest
import torch

from discdiff.chem.selfies import Selfies
from discdiff.constraint.acceptance import Acceptance
from discdiff.constraint.constraint import Constraint, merged
from discdiff.constraint.domain import Constrained, constrained
from discdiff.constraint.regex import compiled
from discdiff.domain import Letters
from discdiff.errors import InputError, UnsupportedError
from discdiff.padding import Padded
from tests.exact.laws import p_value

DNA = Letters("ACGT")
WORDS = ["".join(w) for n in range(6) for w in product("ACGT", repeat=n)]


@pytest.mark.parametrize(
    ("keys", "meets"),
    [
        ({"forbidden": ["GA", "CC"]}, lambda s: "GA" not in s and "CC" not in s),
        ({"forbidden": "TT"}, lambda s: "TT" not in s),
        ({"required": ["AT", "TA"]}, lambda s: "AT" in s and "TA" in s),
        ({"required": "AAA"}, lambda s: "AAA" in s),
        ({"homopolymer": 2}, lambda s: all(len(list(g)) <= 2 for _, g in groupby(s))),
        ({"regex": "A.*"}, lambda s: s.startswith("A")),
        ({"regex": ["A.*", ".*T"]}, lambda s: s.startswith("A") and s.endswith("T")),
        (
            {"homopolymer": 1, "required": "AC", "forbidden": None},
            lambda s: all(a != b for a, b in pairwise(s)) and "AC" in s,
        ),
    ],
)
def test_conditions_mean_what_they_say(keys, meets):
    held = Constraint(DNA, keys)
    for word in WORDS:
        assert held.automaton.accepts(DNA.encode(word)) == meets(word)
        assert (held.fault(word) is None) == meets(word)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"forbiden": ["GA"]}, "constraint must be one of .* got 'forbiden'. Did you mean 'forbid"),
        ({"forbidden": ["GA", "AXC"]}, r"forbidden: token 'X' at position 1 of 'AXC'"),
        ({"required": []}, r"constraint.required must be a text or a list of them, got \[\]"),
        ({"required": ["A", 3]}, "required must hold texts that are not empty, got 3"),
        ({"homopolymer": 0}, "constraint.homopolymer must be a positive integer, got 0"),
        ({"regex": "A("}, r"constraint.regex 'A\(' has no '\)'"),
        ({"regex": {"A": object()}}, "constraint.regex must be made of plain values"),
        (
            {"required": "AC", "forbidden": "C"},
            "cannot be met by any sequence: required, forbidden",
        ),
        ({"regex": None}, "must name at least one condition, got none"),
        (["GA"], "must be a mapping of names to values, got"),
        (compiled("A", Letters("AC").alphabet), "must be over the domain's 4 tokens, got 2"),
    ],
)
def test_a_wrong_condition_is_refused(keys, message):
    with pytest.raises(InputError, match=message):
        Constraint(DNA, keys)


def test_a_condition_of_another_kind_of_string_is_refused():
    with pytest.raises(UnsupportedError, match="constraint.smiles must be left out for letters"):
        Constraint(DNA, {"smiles": "closed"})


def test_symbols_that_do_not_spell_a_string_are_refused():
    with pytest.raises(UnsupportedError, match="needs strings that their tokens spell, got"):
        Constraint(Selfies(["[C]", "[O]"]), {"homopolymer": 2})


def test_conditions_are_merged_and_switched_off():
    assert merged({"a": 1, "b": 2}, {"b": None, "c": 3}) == {"a": 1, "b": None, "c": 3}
    assert Constraint.of({"regex": None}, DNA) is None
    assert Constraint.of(None, DNA) is None
    with pytest.raises(InputError, match="constraint must be a mapping of names to values, got 5"):
        merged(5, {})


def test_the_domain_says_what_is_not_met():
    held = Constrained(DNA, Constraint(DNA, {"required": "TATA"}))
    assert held.invalid_reason("TATA") is None
    assert held.invalid_reason("GATA") == "constraint not met (required)"
    assert held.invalid_reason("XATA") == "letter 'X' is not in the alphabet"
    assert held.demands() == {"constraint": {"required": "TATA"}}


def test_a_model_that_writes_its_end_is_held_up_to_there():
    padded = Padded(DNA, 4)
    held = Constraint(padded, {"required": "CG"})
    assert held.automaton.size == 5
    for row in product(range(5), repeat=4):
        assert held.automaton.accepts(row) == ("CG" in padded.decode(list(row)))
    assert isinstance(constrained(padded, held), Padded)
    assert constrained(padded, held).invalid_reason("CC") == "constraint not met (required)"


def laws(rows, width, size, seed=0):
    p = np.random.default_rng(seed).dirichlet(np.full(size, 0.4), (rows, width))
    return torch.from_numpy(p)


def brute(automaton, p, length):
    """Every word of a length with its probability if it is accepted, in numpy."""
    words = np.array(list(product(range(p.shape[1]), repeat=length)))
    mass = np.prod([p[i, words[:, i]] for i in range(length)], axis=0)
    return words, mass * np.array([automaton.accepts(word) for word in words])


@pytest.mark.parametrize("keys", [{"forbidden": "AC"}, {"required": "CA"}, {"regex": "(AB|C)*"}])
def test_the_chance_of_acceptance_is_the_sum_over_all_words(keys):
    held = Constraint(Letters("ABC"), keys)
    p = laws(20, 5, 3)
    lengths = torch.arange(20) % 6
    filled = torch.arange(5) < lengths[:, None]
    found = Acceptance(held.automaton, p.device).log_chance(p, filled).exp()
    expected = [
        brute(held.automaton, row[:n].numpy().reshape(n, 3), n)[1].sum()
        for row, n in zip(p, lengths.tolist(), strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_draws_follow_the_joint_law_given_acceptance():
    held = Constraint(Letters("ABC"), {"forbidden": ["AC"], "homopolymer": 2, "required": "B"})
    p = laws(1, 4, 3, seed=3)
    _, mass = brute(held.automaton, p[0].numpy(), 4)
    u = torch.rand(20_000, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    wide, filled = p.expand(20_000, -1, -1), torch.ones(20_000, 4, dtype=torch.bool)
    acceptance = Acceptance(held.automaton, p.device)
    tokens, chance = acceptance.draw(wide, filled, u)
    counts = np.bincount((tokens @ torch.tensor([27, 9, 3, 1])).numpy(), minlength=81)
    assert p_value(counts, mass / mass.sum()) > 1e-6
    assert acceptance.accepted(tokens, filled).all()
    np.testing.assert_allclose(chance.exp(), mass.sum(), rtol=1e-12)


def test_positions_that_are_certain_are_looked_up(monkeypatch):
    held = Constraint(Letters("ABC"), {"forbidden": ["AC"], "homopolymer": 2, "required": "B"})
    p, filled = laws(30, 6, 3, seed=5), torch.ones(30, 6, dtype=torch.bool)
    row = torch.arange(30)
    p[:, 1:3] = torch.eye(3, dtype=p.dtype)[torch.stack([row % 3, row // 3 % 3], dim=1)]
    filled[::3, 4:] = False
    u = torch.rand(30, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    acceptance = Acceptance(held.automaton, p.device)
    tokens, chance = acceptance.draw(p, filled, u)
    monkeypatch.setattr("discdiff.constraint.acceptance._certain", lambda p: [False] * 6)
    summed, expected = acceptance.draw(p, filled, u)
    assert torch.equal(tokens, summed)
    assert chance.isinf().any()
    assert torch.equal(chance, expected)


def test_small_automata_are_added_up_as_large_ones_are(monkeypatch):
    held = Constraint(Letters("ABC"), {"forbidden": ["AC"], "homopolymer": 2, "required": "B"})
    p, filled = laws(30, 6, 3, seed=5), torch.ones(30, 6, dtype=torch.bool)
    filled[::3, 4:] = False
    small = Acceptance(held.automaton, p.device).log_chance(p, filled)
    monkeypatch.setattr("discdiff.constraint.acceptance._SMALL", 0)
    large = Acceptance(held.automaton, p.device).log_chance(p, filled)
    assert small.isfinite().all()
    torch.testing.assert_close(small, large, rtol=1e-13, atol=0)


def test_a_long_row_does_not_underflow():
    """The chance is far below the smallest float; the answer is in its logarithm."""
    held = Constraint(Letters("AC"), {"regex": "A*"})
    p = torch.tensor([1e-12, 1.0], dtype=torch.float64).expand(1, 400, 2)
    found = Acceptance(held.automaton, p.device).log_chance(p, torch.ones(1, 400).bool())
    np.testing.assert_allclose(found, 400 * np.log(1e-12), rtol=1e-12)


def test_rows_are_the_same_in_any_batch(monkeypatch):
    held = Constraint(Letters("ABC"), {"forbidden": ["AC"], "required": "B"})
    p, filled = laws(50, 6, 3, seed=5), torch.ones(50, 6, dtype=torch.bool)
    u = torch.rand(50, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    acceptance = Acceptance(held.automaton, p.device)
    tokens, chance = acceptance.draw(p, filled, u)
    monkeypatch.setattr("discdiff.constraint.acceptance._MOST", 1)  # each row by itself
    alone, own = acceptance.draw(p, filled, u)
    assert torch.equal(tokens, alone)
    torch.testing.assert_close(chance, own, rtol=1e-13, atol=0)
