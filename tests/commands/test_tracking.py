"""Weights & Biases for campaigns: what it gets, resuming, offline, unreachable, failing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from discdiff.campaign.progress import Progress as Snapshot
from discdiff.commands.tracking import tracked
from discdiff.commands.wandb_run import RUN_ID
from discdiff.errors import InputError
from discdiff.oracle import Counts

Run = Callable[..., str]
SNAPSHOT = Snapshot(
    arm="guided",
    round=0,
    spent=3,
    budget=10,
    counts=Counts(requested=4, invalid=1, failed=2),
    best=0.5,
    median=0.25,
    seconds=1.0,
)


class Service:
    """A stand-in for the module wandb that notes what it is given; `fails` names what raises."""

    def __init__(self, fails: str = "") -> None:
        self.fails = fails
        self.begun: list[dict[str, Any]] = []
        self.logged: list[dict[str, Any]] = []
        self.metrics: list[tuple[Any, ...]] = []
        self.artifacts: list[Any] = []
        self.summary: dict[str, Any] = {}
        self.ended: list[int] = []
        self.Settings = SimpleNamespace(model_fields={})

    def _act(self, name: str) -> None:
        if name in self.fails.split():
            raise ConnectionError(f"unreachable: {name}")

    def init(self, **options: Any) -> Service:
        self._act("init")
        self.begun.append(options)
        return self

    def define_metric(self, name: str, step_metric: str | None = None) -> None:
        self.metrics.append((name, step_metric))

    def log(self, values: dict[str, Any]) -> None:
        self._act("log")
        self.logged.append(values)

    def log_artifact(self, artifact: Any) -> None:
        self._act("artifact")
        self.artifacts.append(artifact)

    def finish(self, exit_code: int) -> None:
        self.ended.append(exit_code)
        self._act("finish")

    def Table(self, columns: list[str], data: list[list[Any]]) -> SimpleNamespace:
        return SimpleNamespace(columns=columns, data=data)

    def Artifact(self, name: str, type: str) -> SimpleNamespace:
        files: list[str] = []
        return SimpleNamespace(
            name=name,
            type=type,
            files=files,
            add_file=lambda path, name: files.append(name),
            add_dir=lambda path: files.extend(sorted(os.listdir(path))),
        )


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Service]:
    """Put a stand-in in the place of wandb."""

    def make(fails: str = "") -> Service:
        made = Service(fails)
        monkeypatch.setitem(sys.modules, "wandb", made)
        for name in [name for name in os.environ if name.startswith("WANDB")]:
            monkeypatch.delenv(name)
        return made

    return make


def test_an_unknown_logger(tmp_path: Path):
    with pytest.raises(InputError, match="logger must be one of none, wandb, got 'csv'"):
        tracked("csv", tmp_path).__enter__()


def test_figures_are_drawn_against_evaluations(tmp_path: Path, service):
    found = service()
    with tracked("wandb", tmp_path, {"seed": 7}) as log:
        log(SNAPSHOT)
    assert found.logged == [
        {
            "evaluations": 3,
            "guided/best": 0.5,
            "guided/median": 0.25,
            "guided/valid": 0.75,
            "guided/cached": 0,
            "guided/failed": 2,
            "guided/seconds": 1.0,
        }
    ]
    assert ("guided/*", "evaluations") in found.metrics
    assert found.begun[0]["config"] == {"seed": 7}
    assert found.begun[0]["project"] == "discdiff"
    assert found.ended == [0]


def test_a_run_goes_on_under_its_id_wherever_its_folder_is(tmp_path: Path, service):
    found = service()
    (tmp_path / "a").mkdir()
    with tracked("wandb", tmp_path / "a") as log:
        log(SNAPSHOT)
    (tmp_path / "a").rename(tmp_path / "b")
    with pytest.raises(KeyboardInterrupt):
        _interrupted(tmp_path / "b")
    first, second = found.begun
    assert first["id"] == second["id"] == (tmp_path / "b" / RUN_ID).read_text().strip()
    assert (first["resume"], second["resume"]) == ("allow", "allow")
    assert found.ended == [0, 1]
    (tmp_path / "c").mkdir()
    with tracked("wandb", tmp_path / "c") as log:
        log(SNAPSHOT)
    assert found.begun[2]["id"] != first["id"]


def _interrupted(folder: Path) -> None:
    with tracked("wandb", folder) as log:
        log(SNAPSHOT)
        raise KeyboardInterrupt


def test_a_campaign_sends_its_designs_files_and_model(
    design: Run, discdiff: Run, service, tmp_path: Path
):
    found = service()
    design("logger=wandb", "out=run", "budget=20")
    table = found.logged[-1]["designs"]
    assert table.columns[:2] == ["SMILES", "Score"]
    assert len(table.data) == 20
    scores = [row[1] for row in table.data]
    assert scores == sorted(scores, reverse=True)
    files, model = found.artifacts
    assert (files.type, model.type) == ("campaign", "model")
    assert {"config.yaml", "designs.csv", "report.html", "log.txt"} <= set(files.files)
    assert "model.safetensors" in model.files
    assert found.summary["guided/best_10_mean"] == pytest.approx(sum(scores[:10]) / 10)
    assert found.begun[0]["config"]["budget"] == 20
    assert [values["evaluations"] for values in found.logged[:-1]][-1] == 20
    discdiff("resume", "run")
    assert found.begun[1]["id"] == found.begun[0]["id"]


@pytest.mark.parametrize("fails", ["init", "log", "log finish", "artifact", "finish"])
def test_a_failure_is_one_warning_and_the_run_is_whole(
    design: Run,
    service,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    fails: str,
    monkeypatch,
):
    found = service(fails)
    said: list[str] = []
    monkeypatch.setattr("typer.secho", lambda text, **_: said.append(text))
    design("logger=wandb", "out=run", "budget=8")
    first = fails.split()[0]
    assert said == [f"discdiff: wandb cannot be used, going on without it: unreachable: {first}"]
    assert (tmp_path / "run" / "report.html").is_file()
    assert len((tmp_path / "run" / "designs.csv").read_text().splitlines()) == 9
    assert len(found.ended) == (fails != "init")  # whatever was begun is ended


def program(folder: Path, *arguments: object, **environment: str) -> str:
    """Run the program in a process of its own, with the real wandb; return what it said."""
    own = {
        "OMP_NUM_THREADS": "1",
        "WANDB_DATA_DIR": str(folder / "data"),
        "WANDB_CACHE_DIR": str(folder / "cache"),
        "WANDB_CONFIG_DIR": str(folder / "settings"),
        "WANDB_ERROR_REPORTING": "false",
        **environment,
    }
    clean = {key: value for key, value in os.environ.items() if not key.startswith("WANDB")}
    done = subprocess.run(
        [sys.executable, "-c", "from discdiff.cli import main; main()", *map(str, arguments)],
        env={**clean, **own},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


def test_offline_and_then_unreachable(tmp_path: Path, tiny: Path):
    small = ["guidance=best_of_n", "guidance.candidates=2", "round_size=8", "budget=8"]
    begin = ["design", f"model={tiny}", *small, "baseline=false", "logger=wandb", "out=run"]
    assert "cannot be used" not in program(tmp_path, *begin, WANDB_MODE="offline")
    number = (tmp_path / "run" / RUN_ID).read_text().strip()
    (kept,) = (tmp_path / "run" / "wandb").glob(f"offline-run-*-{number}/*.wandb")
    sent = kept.read_bytes()
    for word in (b"guided/best", b"evaluations", b"designs", b"run-campaign", b"run-model"):
        assert word in sent
    (tmp_path / "run" / "report.html").unlink()
    said = program(
        tmp_path,
        *("resume", "run"),
        WANDB_MODE="online",
        WANDB_API_KEY="0" * 40,
        WANDB_BASE_URL="http://127.0.0.1:9",
        WANDB_INIT_TIMEOUT="2",
    )
    assert said.count("discdiff: wandb cannot be used, going on without it") == 1
    assert (tmp_path / "run" / "report.html").is_file()
