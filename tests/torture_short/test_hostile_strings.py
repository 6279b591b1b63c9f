"""A thousand hostile strings: each gets a status, and none harms another or the process."""

from __future__ import annotations

import random
import sys

import numpy as np
import pytest

from discdiff import registry
from discdiff.chem.smiles import Smiles
from discdiff.oracle import Combined, stack
from discdiff.oracle.plugins import CommandOracle
from tests.oracle.plugins.test_command import SCORER

COUNT = 1000
FIXED = (
    *("", " ", "\n", "\0", "\r\n", "\t", "\u2028", "\ud800", "\udfff\ud800", "\ufeffC", "Cé", "é"),
    *("C" * 100_000, "(" * 50_000, "C(" * 50_000, "C" * 3000, "[" * 5000, "C.C" * 5000, "*"),
    *("C1CC", "[C+999999]", "C%99", "[Xx]", "c1cccc1", "CC extra", "C\0C", "N#N#N", "C/C=C\\C/"),
    *("$(touch harmed)", "; touch harmed", "`touch harmed`", "| touch harmed", "> harmed", "&"),
    *("'; DROP TABLE evaluation; --", '{"score": 99}', '{"index": 0, "score": 99}', "NaN", "null"),
    *("=cmd|' /C calc'!A0", "<script>alert(1)</script>", "%s%s%n", "{0.__class__}", "../../etc"),
    *("-1e999", "0x41", "--help", "-c 'import os'", "\x1b[2J", "\x7f", "\u202e", "\U0001f4a5"),
)
PIECES = (
    *("C", "c1", "N", "(", ")", "[", "]", "=", "#", "@@", "%12", ".", "*", "+", "-1", "/", "\\"),
    *("\n", "\r", "\0", " ", "é", "\u2029", "\ud812", '"', "'", "{", "}", "$", "`", ";", "\x1c"),
)


def hostile():
    rng = random.Random(0)
    made = ["".join(rng.choices(PIECES, k=rng.randrange(1, 40))) for _ in range(COUNT - len(FIXED))]
    return [*FIXED, *made]


@pytest.fixture(scope="module")
def strings():
    found = hostile()
    assert len(found) == COUNT
    return found


def test_what_is_no_molecule_never_reaches_an_oracle(strings):
    seen = []

    def recording(sequences):
        seen.extend(sequences)
        return [1.0] * len(sequences)

    qed = registry.build("oracles", {"name": "qed"})
    domain = Smiles(["C"])
    metered = stack(Combined({"qed": qed, "seen": recording}), domain)
    scores = metered([*strings, "CCO"])
    counts = metered.counts
    assert counts.requested == COUNT + 1
    assert counts.requested == counts.invalid + counts.cached + counts.evaluated
    assert scores.status[-1] == "ok"
    assert all(domain.invalid_reason(sequence) is None for sequence in seen)
    for status, reason, valid in zip(scores.status, scores.reasons, scores.valid, strict=True):
        assert status in ("ok", "invalid")
        assert bool(reason) == (status == "invalid") == (not valid)
    assert counts.invalid > 0.9 * COUNT


def test_a_command_gets_each_as_it_is_or_not_at_all(strings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-I", "-S", "-X", "utf8", str(SCORER), "lines"]
    oracle = CommandOracle(command, timeout=60)
    sent = [text for text in strings if not any(map(_ends_a_line, text))]
    scores = oracle(sent)
    assert set(scores.status) == {"ok"}
    np.testing.assert_array_equal(scores.values[:, 0], [len(text) for text in sent])
    refused = [text for text in strings if text not in set(sent)]
    assert len(refused) > 100
    alone = oracle(refused[:20])
    assert set(alone.status) == {"failed"}
    assert all("cannot be sent as a line of text" in reason for reason in alone.reasons)
    assert list(tmp_path.iterdir()) == []  # no shell read any of them


def _ends_a_line(character):
    """Whether some program takes it for the end of a line, or it has no UTF-8."""
    return character in "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029" or "\ud800" <= character <= "\udfff"
