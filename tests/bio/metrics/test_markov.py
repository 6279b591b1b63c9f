"""Markov chains, against counts by hand and sums over all sequences."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from discdiff.bio.metrics.markov import Markov
from discdiff.errors import DataError, InputError

DATA = ["ACGTTGCA", "AACC", "G", "TTTTACG"]


def by_hand(sequence, order, pseudocount):
    total = 0.0
    for i, base in enumerate(sequence):
        context = sequence[max(0, i - order) : i]
        after = dict.fromkeys("ACGT", pseudocount)
        for row in DATA:
            for j in range(len(context), len(row)):
                if row[j - len(context) : j] == context:
                    after[row[j]] += 1
        total -= np.log(after[base] / sum(after.values()))
    return total


@pytest.mark.parametrize("order", [0, 1, 2, 5])
def test_the_chance_of_a_sequence_is_that_of_its_words(order):
    asked = ["ACGTAC", "T", "GG", "CACACACA"]
    found = Markov(DATA, order, pseudocount=0.3).nats(asked)
    np.testing.assert_allclose(found, [by_hand(s, order, 0.3) for s in asked], rtol=1e-12)


@pytest.mark.parametrize("order", [0, 2, 3])
def test_chances_add_up_to_one(order):
    every = ["".join(letters) for letters in itertools.product("ACGT", repeat=4)]
    assert np.exp(-Markov(DATA, order).nats(every)).sum() == pytest.approx(1, abs=1e-12)


def test_rna_is_read_as_dna():
    assert Markov(["ACGU"], 1).nats(["UUG"]).tolist() == Markov(["ACGT"], 1).nats(["TTG"]).tolist()


def test_samples_have_the_law():
    chain = Markov(["AAAAAACAAAAAC", "CGCGTTTT"], order=1)
    drawn = chain.sample(20_000, 2, seed=1)
    every = ["".join(letters) for letters in itertools.product("ACGT", repeat=2)]
    expected = np.exp(-chain.nats(every))
    seen = np.array([drawn.count(word) for word in every]) / len(drawn)
    # five standard errors of the likeliest cell
    assert np.abs(seen - expected).max() < 5 * np.sqrt(0.25 / len(drawn))
    assert np.abs(seen - 1 / 16).max() > 0.05


def test_the_best_order_is_found():
    rng = np.random.default_rng(0)
    second = ["".join("ACGT"[(i * i + k) % 4] for i in range(k, k + 40)) for k in range(20)]
    noise = ["".join(rng.choice(list("ACGT"), 40)) for _ in range(20)]
    assert Markov.best(second, second).order > 0
    assert Markov.best(noise[:10], noise[10:]).order == 0


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="order must be at most 10, got 11"):
        Markov(DATA, 11)
    with pytest.raises(InputError, match="pseudocount"):
        Markov(DATA, 1, pseudocount=0)
    with pytest.raises(DataError, match="sequence 2: 'ACN' is no DNA or RNA"):
        Markov(["A", "ACN"], 1)
    with pytest.raises(DataError, match="sequence 1: '' is no DNA or RNA"):
        Markov(DATA, 1).nats([""])


def test_other_letters_are_counted_as_bases_are():
    swapped = str.maketrans("ACGT", "KLWC")
    theirs = Markov([row.translate(swapped) for row in DATA], 2, letters="KLWC")
    asked = ["ACGTAC", "T", "CACACACA"]
    expected = Markov(DATA, 2).nats(asked)
    assert theirs.nats([row.translate(swapped) for row in asked]).tolist() == expected.tolist()
    assert set("".join(theirs.sample(5, 9))) <= set("KLWC")
    with pytest.raises(InputError, match="order must be at most 4, got 5"):
        Markov(["AC"], 5, letters="ACDEFGHIKLMNPQRSTVWY")
    with pytest.raises(InputError, match="letters must be two or more distinct ones, got 'AA'"):
        Markov(["A"], 0, letters="AA")
    with pytest.raises(DataError, match="sequence 1: 'KB' is not of KLWC"):
        Markov(["KB"], 0, letters="KLWC")
