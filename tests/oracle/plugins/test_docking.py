"""The docking recipe of CONTRIBUTING.md, run as it stands there around a stand-in."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path

import pytest
import yaml

from discdiff import registry
from discdiff.campaign import Campaign, InWorkers, Store
from discdiff.guidance.unguided import Unguided
from discdiff.model import Model
from discdiff.objective import Objective, Term
from discdiff.oracle import Combined
from discdiff.samplers.first_hitting import FirstHitting

ROOT = Path(__file__).parents[3]
STAND_IN = Path(__file__).with_name("stand_in.py")
LIGANDS = ("CCO", "CCCN", "CCF", "BrCC", "CCI", "c1ccccc1")
WANTED = {
    "CCO": -1.5,
    "CCCN": -2.0,
    "c1ccccc1": -4.0,
    "CCF": "could not embed the ligand",
    "BrCC": "docking took more than 1 s",
    "CCI": "Segmentation fault (core dumped)",
}


def block(language, head):
    """The fenced block of CONTRIBUTING.md that begins with `head`."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    return re.search(rf"^```{language}\n({re.escape(head)}.*?)^```$", text, re.M | re.S)[1]


@pytest.mark.parametrize("workers", [0, 3])
def test_the_recipe(tmp_path, monkeypatch, workers):
    monkeypatch.chdir(tmp_path)
    script = block("python", "# dock.py").replace("LIMIT = 60.0", "LIMIT = 1.0")
    (tmp_path / "dock.py").write_text(script)
    settings = yaml.safe_load(block("yaml", "# dock.yaml"))
    config = settings["oracle"]["docking"] | {"wait": 0.1, "memory": None}
    program = f"{sys.executable} -I -S {STAND_IN} {tmp_path}"
    command = config["command"].replace("vina_wrapper", program)
    config["command"] = command.replace("python dock.py", f"{sys.executable} -I dock.py")
    oracle = Combined({"docking": registry.build("oracles", config)})
    assert (oracle.outputs, oracle.directions, oracle.units) == (
        ("docking",),
        ("min",),
        ("kcal/mol",),
    )
    sampler = FirstHitting(Model.tabular(LIGANDS))
    rules = {"budget": len(LIGANDS), "round_size": 32, "max_failed": 1}
    objective = Objective([Term("docking", direction="min")], "arithmetic_mean")
    if workers:
        with InWorkers(oracle, workers, timeout=60) as pool:
            Campaign(tmp_path / "run", sampler, Unguided(), pool, objective, **rules).run()
    else:
        Campaign(tmp_path / "run", sampler, Unguided(), oracle, objective, **rules).run()
    with Store.open(tmp_path / "run") as store:
        rows = {row.sequence: row for row in store.rows("guided")}
        assert len(store.rows("guided")) == len(rows) == len(LIGANDS)
    for ligand, wanted in WANTED.items():
        row = rows[ligand]
        if isinstance(wanted, float):
            assert (row.status, row.scores, row.reward) == ("ok", (wanted,), -wanted)
        else:
            assert (row.status, row.reason) == ("failed", wanted)
            assert math.isnan(row.scores[0])
    calls = (tmp_path / "calls").read_text().split()
    assert len(calls) == len(LIGANDS) + 1  # nothing is docked twice, but for the missing licence
