"""The wrappers one by one, and the whole stack against a model that takes requests one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from discdiff.domain import Letters
from discdiff.errors import InputError, OracleError
from discdiff.oracle import (
    Batched,
    Budgeted,
    Cached,
    Canonical,
    Checked,
    Combined,
    Counts,
    Entry,
    MemoryCache,
    Metered,
    Scores,
    Validated,
    stack,
)


class Sorted(Letters):
    """Letters whose order does not matter."""

    def canonical(self, string):
        return "".join(sorted(string))


class Recording:
    """An oracle that notes every batch it is asked."""

    name, version, outputs = "recording", "1", ("length",)

    def __init__(self, fails_at=None):
        self.batches = []
        self.fails_at = fails_at

    def __call__(self, sequences):
        self.batches.append(sequences)
        if len(self.batches) == self.fails_at:
            raise RuntimeError("out of licences")
        return [float(len(s)) for s in sequences]

    @property
    def seen(self):
        return [s for batch in self.batches for s in batch]


AB = Sorted("AB")


def test_the_order_of_the_wrappers():
    layers, kinds = stack(Recording(), AB, budget=5), []
    while not isinstance(layers, Checked):
        kinds.append(type(layers))
        layers = layers.oracle
    assert kinds == [Metered, Validated, Canonical, Cached, Budgeted, Batched]
    assert type(stack(Recording(), AB, budget=5, charge="all").oracle) is Budgeted


def test_the_oracle_sees_unique_valid_canonical_sequences():
    oracle = Recording()
    scores = stack(oracle, AB)(["BA", "", "AB", "X", "BA", "A"])
    assert oracle.batches == [["AB", "A"]]
    np.testing.assert_array_equal(scores.values[:, 0], [2, np.nan, 2, np.nan, 2, 1])
    assert scores.status == ("ok", "invalid", "ok", "invalid", "ok", "ok")
    assert scores.valid.tolist() == [True, False, True, False, True, True]
    assert scores.canonical == ("AB", "", "AB", "", "AB", "A")
    assert scores.reasons[1:4] == ("empty", "", "letter 'X' is not in the alphabet")
    assert scores.origin == ("oracle", "", "cache", "", "cache", "oracle")


def test_counts_say_what_became_of_each_request():
    metered = stack(Recording(), AB, budget=2)
    metered(["BA", "", "AB", "A", "B", "BA", "B"])
    assert metered.counts == Counts(requested=7, invalid=1, cached=2, evaluated=2, not_evaluated=2)
    assert (metered.left, metered.exhausted) == (0, True)


def test_failures_are_counted_and_known_afterwards():
    calls = []
    metered = stack(lambda s: calls.append(s) or [float("nan")] * len(s), AB)
    metered(["A", "B"])
    again = metered(["A"])
    assert metered.counts == Counts(requested=3, cached=1, evaluated=2, failed=2)
    assert (again.status, len(calls)) == (("failed",), 1)
    assert again.reasons == ("oracle returned nan for oracle",)


def test_what_is_known_is_answered_after_the_budget_is_spent():
    metered = stack(Recording(), AB, budget=1)
    metered(["A"])
    assert metered(["B", "A"]).status == ("not_evaluated", "ok")


def test_charge_all_charges_invalid_and_known_requests():
    oracle = Recording()
    metered = stack(oracle, AB, budget=4, charge="all")
    scores = metered(["", "A", "A", "B", "AB"])
    assert scores.status == ("invalid", "ok", "ok", "ok", "not_evaluated")
    assert scores.reasons[4] == "the budget of 4 is spent"
    assert not scores.valid[4]
    assert (oracle.seen, metered.exhausted) == (["A", "B"], True)


def test_a_run_continues_from_its_counts():
    before = Counts(requested=9, invalid=2, cached=3, evaluated=3, not_evaluated=1)
    assert stack(Recording(), AB, budget=5, counts=before).left == 2
    assert stack(Recording(), AB, budget=10, charge="all", counts=before).left == 2
    assert stack(Recording(), AB, budget=2, counts=before).exhausted
    assert stack(Recording(), AB, counts=before).counts == before
    assert stack(Recording(), AB).left is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": 0}, "budget must be a positive integer, got 0"),
        ({"budget": 1.5}, "budget must be a positive integer, got 1.5"),
        ({"batch_size": 0}, "batch_size must be a positive integer, got 0"),
        ({"charge": "al"}, "charge must be one of evaluated, all, got 'al'. Did you mean 'all'"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(InputError, match=message):
        stack(Recording(), AB, **options)


def test_an_error_keeps_what_came_before_it():
    oracle, cache, told = Recording(fails_at=3), MemoryCache(), []
    metered = stack(
        oracle, AB, cache, budget=9, batch_size=1, on_scored=lambda s, _: told.extend(s)
    )
    with pytest.raises(OracleError, match="'recording' raised RuntimeError: out of licences"):
        metered(["A", "BA", "B", "BB"])
    assert told == ["A", "BA"]
    assert metered.counts == Counts(requested=2, evaluated=2)
    assert metered.left == 7
    metered(["A", "BA", "B", "BB"])
    assert oracle.seen == ["A", "AB", "B", "B", "BB"]
    assert metered.left == 5


def test_nothing_counts_before_it_is_stored():
    def full(sequences, scores):
        raise OSError("disk full")

    metered = stack(Recording(), AB, on_scored=full)
    with pytest.raises(OSError, match="disk full"):
        metered(["A"])
    assert metered.counts == Counts()


def test_nothing_counts_that_the_cache_could_not_keep():
    class Full(MemoryCache):
        def put(self, oracle, entries):
            raise OSError("disk full")

    metered = stack(Recording(), AB, Full())
    with pytest.raises(OSError, match="disk full"):
        metered(["A"])
    assert metered.counts == Counts()


def test_on_scored_sees_raw_sequences_with_their_canonical_forms():
    told = []
    stack(Recording(), AB, on_scored=lambda s, scores: told.append((s, scores.canonical)))(["BA"])
    assert told == [(["BA"], ("AB",))]


def test_a_cache_that_is_shared_keeps_oracles_apart():
    cache, other = MemoryCache(), Recording()
    other.version = "2"
    stack(Recording(), AB, cache)(["A"])
    known = Recording()
    stack(known, AB, cache)(["A"])
    stack(other, AB, cache)(["A"])
    assert (known.seen, other.seen) == ([], ["A"])


def test_the_cache_keeps_what_an_oracle_calls_invalid():
    def refusing(sequences):
        nothing = np.full((len(sequences), 1), np.nan)
        return Scores(nothing, np.zeros(len(sequences), bool), ("invalid",) * len(sequences))

    metered = stack(refusing, AB, budget=5)
    assert metered(["A", "A"]).status == metered(["A"]).status * 2 == ("invalid", "invalid")
    assert metered.counts == Counts(requested=3, cached=2, evaluated=1)
    assert metered.left == 4


def test_entries_are_put_once_with_their_time():
    class Slow(MemoryCache):
        put_entries = ()

        def put(self, oracle, entries):
            self.put_entries += tuple(entries.items())
            super().put(oracle, entries)

    cache = Slow()
    stack(Recording(), AB, cache)(["A", "B", "A"])
    assert [key for key, _ in cache.put_entries] == ["A", "B"]
    assert all(entry.seconds > 0 and entry.values == (1.0,) for _, entry in cache.put_entries)
    assert isinstance(cache.put_entries[0][1], Entry)


def test_an_oracle_that_streams_gets_the_whole_request():
    class Pool:
        name, version, outputs, parameters, directions = "pool", "1", ("n",), {}, ("max",)
        units, licences = ("",), {}

        def stream(self, sequences):
            for i in reversed(range(len(sequences))):  # the last is ready first
                yield np.array([i]), Scores.of(np.array([[float(i)]]), "oracle")

        def __call__(self, sequences):
            raise NotImplementedError

    scores = stack(Pool(), AB, batch_size=1)(["A", "B", "A", "AB"])
    assert scores.values[:, 0].tolist() == [0.0, 1.0, 0.0, 2.0]


requests = st.lists(st.lists(st.text("ABX", max_size=2), max_size=8), max_size=5)


@given(requests, st.none() | st.integers(1, 6), st.booleans(), st.integers(1, 3))
def test_a_batch_is_answered_as_its_members_in_turn(batches, budget, charge_all, size):
    oracle = Recording()
    metered = stack(oracle, AB, None, budget, "all" if charge_all else "evaluated", size)
    known, left = [], float("inf") if budget is None else budget
    for batch in batches:
        expected = []
        for string in batch:
            form = "".join(sorted(string))
            valid = bool(string) and "X" not in string
            new = valid and form not in known
            out = left == 0 and (charge_all or new)
            left -= 0 if out else int(charge_all or new)
            known += [form] if new and not out else []
            expected.append("not_evaluated" if out else "ok" if valid else "invalid")
        assert list(metered(batch).status) == expected
        counts = metered.counts
        parts = (counts.invalid, counts.cached, counts.evaluated, counts.not_evaluated)
        assert counts.requested == sum(parts)
    assert oracle.seen == known
    assert metered.exhausted == (left == 0)
    assert all(len(batch) <= size for batch in oracle.batches)


@given(st.lists(st.text("AB", min_size=1, max_size=3), max_size=12), st.integers(1, 5))
def test_each_wrapper_alone_answers_in_order(strings, size):
    expected = [float(len(s)) for s in strings]
    for wrapper in (
        Batched(Recording(), size),
        Cached(Recording()),
        Budgeted(Recording(), 12),
        Validated(Recording(), AB),
        Canonical(Recording(), AB),
        Metered(Recording()),
    ):
        assert wrapper(strings).values[:, 0].tolist() == expected
        assert (wrapper.name, wrapper.version, wrapper.outputs) == ("recording", "1", ("length",))


def test_combined_puts_columns_side_by_side():
    both = Combined({"n": Recording(), "a": lambda s: [x.count("A") for x in s]})
    scores = stack(both, AB)(["AAB", "B"])
    assert both.outputs == ("n", "a")
    assert scores.values.tolist() == [[3.0, 2.0], [1.0, 0.0]]


def test_combined_names_the_outputs_of_several():
    pair = Checked(lambda s: [[1, 2]] * len(s), "pair", outputs=["x", "y"])
    assert Combined({"p": pair, "n": Recording()}).outputs == ("p.x", "p.y", "n")
    assert Combined([pair, Recording()]).outputs == ("x", "y", "length")


def test_combined_keeps_the_outputs_that_are_there():
    both = Combined({"a": lambda s: [np.nan] * len(s), "n": Recording()})
    scores = both(["A"])
    assert scores.status == ("failed",)
    np.testing.assert_array_equal(scores.values, [[np.nan, 1.0]])


@pytest.mark.parametrize(
    ("oracles", "message"),
    [
        ([], "at least one oracle"),
        ({}, "at least one oracle"),
        ([Recording(), Recording()], "outputs must be distinct, got 'length' twice"),
    ],
)
def test_combined_needs_distinct_outputs(oracles, message):
    with pytest.raises(InputError, match=message):
        Combined(oracles)


def test_combined_is_known_by_all_its_parts():
    class Other(Recording):
        version = "2"

    def key(oracle):
        return Cached(Combined({"n": oracle})).identity

    assert key(Recording()) == key(Recording()) != key(Other())
