"""A small run of molecules, and strings that try to act."""

from __future__ import annotations

import random

from discdiff.campaign.rows import Draw, Row

CORES = ("c1ccc({0})cc1", "c1cc({0})ncc1", "C1CCN({0})CC1", "C({0})")
GROUPS = ("F", "Cl", "Br", "C", "CC", "CCC", "OC", "C#N", "NC", "C(F)F", "CO", "CCO", "SC", "CCF")
MOLECULES = tuple(core.format(group) for core in CORES for group in GROUPS)
NAN = float("nan")

HOSTILE = (
    "</script><script>window.hit = 1</script>",
    "<!--<script>window.hit = 2",
    "--></style></template></title><img src=x onerror='window.hit = 3'>",
    '" onmouseover="window.hit = 4" x=\'',
    "javascript:window.hit=5",
    "\u2028window.hit = 6\u2029",
    "{{ window.hit = 7 }}${window.hit = 7}`\\",
    "<svg onload=window.hit=8><a href=javascript:window.hit=8>x</a>",
    "]]>&lt;&#60;b onclick=window.hit=9>",
    "<iframe srcdoc='<script>top.hit=10</script>'></iframe>",
)


def settings(**changes):
    terms = [{"output": "qed", "direction": "max"}, {"output": "sa", "direction": "min"}]
    base = {
        "config": {"model": "some_model", "budget": 28},
        "oracle": "qed+sa@1#abc",
        "outputs": ["qed", "sa"],
        "domain": {"name": "smiles", "tokens": ["C"]},
        "column": "SMILES",
        "network": "0123",
        "methods": {"guided": {}, "unguided": {}},
        "objective": {"terms": terms},
        "rules": {"budget": 28, "charge": "evaluated", "patience": 3, "seed": 0},
        "used": {
            "outputs": [
                {"name": "qed", "direction": "max", "units": ""},
                {"name": "sa", "direction": "min", "units": "au"},
            ],
            "oracle_licences": {"qed": "BSD-3-Clause (RDKit)"},
            "model": {
                "name": "some_model",
                "card": {"use": "tests", "data": {"licence": "CC0-1.0"}},
            },
            "packages": {"discdiff": "Apache-2.0"},
        },
    }
    return {**base, **changes}


def rows():
    """28 evaluations an arm: two are rejected, one failed, one invalid, and many are equal."""
    rng = random.Random(5)
    found = []
    for place, smiles in enumerate(MOLECULES):
        arm = "guided" if place % 2 == 0 else "unguided"
        scores = (round(rng.random(), 2), round(1 + 4 * rng.random(), 1))
        status, reason, reward = "ok", "", round(scores[0], 1)
        if place in (3, 10):
            reason, reward = "rejected by alerts", 0.0
        elif place == 7:
            status, reason, scores, reward = "failed", "no pose", (NAN, scores[1]), NAN
        elif place == 12:
            status, reason, scores, reward = "invalid", "too large", (NAN, NAN), NAN
        seconds = 0.1
        found.append(
            Row(
                place + 1, arm, place // 20, smiles, smiles, status, reason, scores, seconds, reward
            )
        )
    return found


def fill(store, found=None):
    found = rows() if found is None else found
    for arm in ("guided", "unguided"):
        own = [row for row in found if row.arm == arm]
        for number in sorted({row.round for row in own}):
            new = [row for row in own if row.round == number]
            store.begin_round(arm, number)
            store.record(new)
            store.reward(arm, {row.sequence: row.reward for row in new if row.reward == row.reward})
            draws = [Draw(r.raw, r.sequence, 1, log_likelihood=-r.id / 3) for r in new[::3]]
            counts = {"requested": len(new) + 4, "invalid": 3, "cached": 1, "evaluated": len(new)}
            store.finish_round(arm, number, draws, counts)
