import json
import math

import numpy as np
import pytest

from discdiff.chem.filters import ScaffoldMemory, SimilarityMemory
from discdiff.errors import DataError, InputError
from discdiff.objective import Objective, Term
from discdiff.objective.filters import Diversity
from discdiff.oracle import Scores

BENZENES = ["Cc1ccccc1", "CCc1ccccc1", "Oc1ccccc1", "Nc1ccccc1"]
PYRIDINE = "Cc1ccccn1"
KINDS = [ScaffoldMemory, SimilarityMemory]


def follows_the_protocol(memory: Diversity) -> Diversity:
    return memory


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_memory_changes_nothing(kind):
    rewards = np.array([0.9, math.nan, -1.0])
    given = follows_the_protocol(kind()).penalise(["CCO", "C1CC", PYRIDINE], rewards)
    np.testing.assert_array_equal(given, rewards)


def test_a_full_scaffold_loses_its_reward_and_no_other():
    memory = ScaffoldMemory(bucket_size=2)
    memory.update(BENZENES[:1], [0.8])
    assert memory.penalise(BENZENES, [0.9] * 4).tolist() == [0.9] * 4
    memory.update(BENZENES[1:2], [0.8])
    assert memory.penalise([*BENZENES, PYRIDINE], [0.9] * 5).tolist() == [0, 0, 0, 0, 0.9]


def test_penalise_does_not_remember_and_repeats_count_once():
    memory = ScaffoldMemory(bucket_size=2)
    for _ in range(3):
        memory.penalise(BENZENES, [0.9] * 4)
        memory.update([BENZENES[0], BENZENES[0]], [0.9, 0.9])
    assert memory.state() == {"buckets": {"c1ccccc1": [BENZENES[0]]}}


@pytest.mark.parametrize("kind", KINDS)
def test_only_scored_molecules_of_enough_reward_are_remembered(kind):
    memory = kind(min_score=0.5)
    memory.update(["CCO", "CCN", "C1CC", "c1ccccc1"], [0.49, math.nan, 0.9, 0.5])
    assert list(memory.state()["buckets"].values()) == [["c1ccccc1"]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_never_raises_a_reward_and_keeps_nan(kind):
    memory = kind(bucket_size=1, floor=0.2)
    memory.update([BENZENES[0]], [0.9])
    same = [BENZENES[0]] * 4
    given = memory.penalise(same, [0.9, 0.1, -3.0, math.nan])
    np.testing.assert_array_equal(given, [0.2, 0.1, -3.0, math.nan])


def test_molecules_without_a_ring_share_a_bucket():
    memory = ScaffoldMemory(bucket_size=2)
    memory.update(["CCO", "CCN"], [1.0, 1.0])
    assert memory.penalise(["CCCCCC", "C1CC1", "C1CC"], [1.0, 1.0, 1.0]).tolist() == [0, 1, 1]


def test_generic_scaffolds_and_stereo():
    strict, loose = ScaffoldMemory(bucket_size=1), ScaffoldMemory(bucket_size=1, generic=True)
    for memory in (strict, loose):
        memory.update([BENZENES[0]], [1.0])
    assert strict.penalise([PYRIDINE], [1.0]).item() == 1
    assert loose.penalise([PYRIDINE], [1.0]).item() == 0
    strict.update(["O[C@H]1CCC[C@@H]1C1CC1"], [1.0])
    assert strict.penalise(["O[C@@H]1CCC[C@H]1C1CC1"], [1.0]).item() == 0


def test_similarity_follows_the_nearest_leader():
    memory = SimilarityMemory(threshold=0.5, bucket_size=2)
    memory.update(["CCCCCCO", "c1ccncc1", "CCCCCCCO"], [1.0, 1.0, 1.0])
    assert memory.state() == {
        "buckets": {"CCCCCCO": ["CCCCCCO", "CCCCCCCO"], "c1ccncc1": ["c1ccncc1"]}
    }
    given = memory.penalise(["CCCCCCCCO", "c1ccncc1", "O=S(=O)(N)C"], [1.0, 1.0, 1.0])
    assert given.tolist() == [0, 1, 1]


def test_similarity_edges():
    everything = SimilarityMemory(threshold=0.0, bucket_size=1)
    everything.update(["CCO"], [1.0])
    assert everything.penalise(["c1ccncc1"], [1.0]).item() == 0
    identical = SimilarityMemory(threshold=1.0, bucket_size=1)
    identical.update(["CCO"], [1.0])
    assert identical.penalise(["CCO", "CCN"], [1.0, 1.0]).tolist() == [0, 1]


@pytest.mark.parametrize("kind", KINDS)
def test_state_survives_json(kind):
    strings = [*BENZENES, PYRIDINE, "CCO", "C1CC1"]
    memory, copy = kind(bucket_size=3), kind(bucket_size=3)
    memory.update(strings, [0.9] * len(strings))
    copy.update(["CCCCCCCCCC"], [1.0])
    copy.restore(json.loads(json.dumps(memory.state())))
    assert copy.state() == memory.state()
    for m in (memory, copy):
        m.update(["Clc1ccccc1", "C1CCC1"], [0.8, 0.8])
    assert copy.state() == memory.state()
    rewards = np.linspace(0.1, 1, len(strings))
    np.testing.assert_array_equal(
        copy.penalise(strings, rewards), memory.penalise(strings, rewards)
    )


def test_state_is_a_copy():
    memory = ScaffoldMemory()
    memory.update(["CCO"], [1.0])
    memory.state()["buckets"][""].append("CCN")
    assert memory.state() == {"buckets": {"": ["CCO"]}}


@pytest.mark.parametrize(
    "state", [{}, {"buckets": 3}, [], {"buckets": {"C": 3}}, {"buckets": {"C": [3]}}]
)
def test_restore_refuses_what_is_no_state(state):
    with pytest.raises(DataError, match="state of a diversity memory must hold 'buckets'"):
        ScaffoldMemory().restore(state)


def test_refused_arguments():
    with pytest.raises(InputError, match="bucket_size must be a positive integer, got 0"):
        ScaffoldMemory(bucket_size=0)
    with pytest.raises(InputError, match=r"threshold must lie in \[0, 1\], got 1\.5"):
        SimilarityMemory(threshold=1.5)
    with pytest.raises(InputError, match="fingerprint must be one of"):
        SimilarityMemory(fingerprint="x")
    with pytest.raises(InputError, match=r"rewards must be \(2,\), one for each string"):
        ScaffoldMemory().penalise(["C", "CC"], [1.0])
    with pytest.raises(InputError, match="generic must be true or false, got 'no'"):
        ScaffoldMemory(generic="no")
    with pytest.raises(InputError, match="min_score must be a finite number, got nan"):
        ScaffoldMemory(min_score=math.nan)


def test_inside_an_objective():
    memory = ScaffoldMemory(bucket_size=1)
    memory.update([BENZENES[0]], [0.8])
    objective = Objective([Term("qed")], diversity=memory)
    scores = Scores.of(np.array([[0.9], [0.8], [math.nan]]))
    given = objective(scores, ["qed"], [BENZENES[1], PYRIDINE, "C1CC"])
    np.testing.assert_array_equal(given, [0, 0.8, math.nan])
