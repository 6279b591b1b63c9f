"""The contract: every built-in keeps it, and each rule catches the oracle that breaks it."""

from __future__ import annotations

import itertools

import pytest

from discdiff import registry
from discdiff.chem.domain import Molecules
from discdiff.errors import InputError
from discdiff.oracle.contract import RULES, ContractError, check_oracle
from discdiff.oracle.plugins import CommandOracle, FileOracle

STRINGS = Molecules.examples
BUILT_IN = [  # a measured value is told, so "measured" itself scores nothing
    entry.name
    for entry in registry.names("oracles")
    if entry.distribution == registry.DISTRIBUTION
    and entry.name != "measured"
    and all(p.default is not p.empty for p in registry.options("oracles", entry.name).values())
]


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_keeps_it(name):
    oracle = registry.build("oracles", {"name": name})
    findings = check_oracle(oracle, getattr(oracle, "examples", STRINGS))
    assert [f for f in findings if f.status != "kept"] == []


def test_commands_and_files_keep_it(tmp_path):
    (tmp_path / "my.py").write_text("def score(x): return [len(s) for s in x]")
    for oracle in (
        CommandOracle(["awk", "{print length($0)}"]),
        FileOracle(f"{tmp_path / 'my.py'}:score"),
    ):
        assert {f.status for f in check_oracle(oracle, STRINGS)} == {"kept"}


class Keeps:
    """An oracle that keeps every rule."""

    name, version = "keeps", "1"

    def __call__(self, strings):
        return [float(len(s)) for s in strings]


class NoVersion(Keeps):
    version = ""


class BadDirection(Keeps):
    direction = "up"


class Short(Keeps):
    def __call__(self, strings):
        return super().__call__(strings[:-1])


class Infinite(Keeps):
    def __call__(self, strings):
        return [float("inf") if "N" in s else 1.0 for s in strings]


class Nothing(Keeps):
    def __call__(self, strings):
        return [float("nan") for s in strings]


class Random(Keeps):
    count = itertools.count()

    def __call__(self, strings):
        return [float(next(self.count)) for s in strings]


class Ranks(Keeps):
    """Its values depend on the batch and the order in it."""

    def __call__(self, strings):
        return [float(i) for i, s in enumerate(strings)]


class Normalised(Keeps):
    """Its values depend on the batch, not on the order."""

    def __call__(self, strings):
        longest = max((len(s) for s in strings), default=1) or 1
        return [len(s) / longest for s in strings]


class NeedsOne(Keeps):
    def __call__(self, strings):
        return [float(len(s)) for s in (strings[0], *strings[1:])]


class Fragile(Keeps):
    def __call__(self, strings):
        if "" in strings:
            raise ValueError("empty string")
        return super().__call__(strings)


class Sorts(Keeps):
    def __call__(self, strings):
        values = super().__call__(strings)
        strings.sort()
        return values


class Unpicklable(Keeps):
    def __init__(self):
        self.made = lambda: None


BROKEN = {
    NoVersion: ("declarations", "version of an oracle must be a non-empty string"),
    BadDirection: ("declarations", "must be one of max, min, got 'up'"),
    Short: ("one row a string", "must return 8 rows, one a sequence, got 7"),
    Infinite: ("numbers or NaN", "what cannot be scored must be NaN, got .*returned inf"),
    Nothing: ("numbers or NaN", "at least one of the strings must have a score, got none of 8"),
    Random: ("determinism", "'CCO' must have one value, got .* the second time"),
    Ranks: ("order independence", "in the opposite order"),
    Normalised: ("batch independence", "must have one value, .* alone"),
    NeedsOne: ("empty input", "an empty list must give an empty reply, it raised IndexError"),
    Fragile: ("invalid input", "raised ValueError: empty string"),
    Sorts: ("input unchanged", "the list of strings must be left as it is"),
    Unpicklable: ("picklable", "must be picklable to run in worker processes"),
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda cls: cls.__name__)
def test_each_rule_catches_its_breach(broken):
    name, message = BROKEN[broken]
    rule = next(rule for rule in RULES if rule.name == name)
    rule(Keeps(), STRINGS)
    with pytest.raises(ContractError, match=message):
        rule(broken(), STRINGS)


def test_a_fault_that_isolation_would_hide_is_reported(tmp_path):
    (tmp_path / "my.py").write_text("def score(x): return [len(s) for s in x][:2]")
    findings = check_oracle(FileOracle(f"{tmp_path / 'my.py'}:score"), STRINGS)
    assert findings[1].status == "broken"
    assert "must return 8 rows, one a sequence, got 2" in findings[1].detail


def test_an_oracle_may_say_that_it_is_random():
    oracle = Random()
    oracle.deterministic = False
    status = {f.rule: f.status for f in check_oracle(oracle, STRINGS)}
    assert status["determinism"] == status["batch independence"] == "does not apply"
    assert status["picklable"] == "kept"


def test_too_few_strings():
    with pytest.raises(InputError, match="strings must hold at least 3 different ones"):
        RULES[0](Keeps(), ["C", "C", "CC"])
