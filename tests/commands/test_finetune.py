"""`finetune`, and `resume` and `report` of its runs, from the arguments to the model folder."""

from __future__ import annotations

import inspect
import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from discdiff import cli
from discdiff.commands.campaigns import resumable
from discdiff.config import composition
from discdiff.finetuning.run import FineTune
from discdiff.model import Model

Run = Callable[..., str]


@pytest.fixture
def finetune(discdiff: Run, tiny: Path) -> Run:
    """Run `discdiff finetune` with the tiny model and few steps."""

    def run(*arguments: object, code: int = 0) -> str:
        return discdiff(
            *("finetune", f"model={tiny}", "budget=40", "method.designs=8", "logger=none"),
            *("trainer.max_steps=4", "trainer.precision=32-true", "trainer.accelerator=cpu"),
            *arguments,
            code=code,
        )

    return run


def test_a_model_folder_a_record_and_a_report(finetune: Run, discdiff: Run, tmp_path: Path):
    output = finetune(
        *("oracle=[qed,sa]", "objective.terms={qed: {}, sa: null}", "judge={terms: {sa: {}}}"),
        *("method.every=2", "method.batch=4", "out=run"),
    )
    run = tmp_path / "run"
    assert "model: run/model" in output
    assert "ended by max_steps: 4 steps" in output
    assert re.search(r"before\W+kept\W+last", output)
    assert "kept by the highest mean of the judge" in output
    lineage = Model.load(run / "model").card["lineage"]
    assert lineage["method"] == "wdce"
    assert "qed" in lineage["objective"]
    assert "sa" in lineage["judge"]
    told = json.loads((run / "result.json").read_text())
    assert [one["step"] for one in told["figures"]] == [0, 2, 4]
    assert '<section id="tuning">' in (run / "report.html").read_text()
    before = (run / "model" / "model.safetensors").read_bytes()
    discdiff("resume", "run")
    assert (run / "model" / "model.safetensors").read_bytes() == before
    discdiff("sample", "model=run/model", "n=3", "out=drawn.csv")
    assert "resume run" in finetune("out=run", code=1)


def test_a_method_is_chosen_by_its_name():
    composed = composition.compose("finetune", ["method=brain", "method.group=4"])
    assert composed.values["method"]["name"] == "brain"
    assert composed.values["method"]["group"] == 4
    assert composed.origin("method.buffer") == "configs/finetune/brain.yaml"
    names = [
        job.values["method"]["name"] for job in composition.jobs("finetune", ["method=wdce,brain"])
    ]
    assert names == ["wdce", "brain"]


def test_a_run_says_at_once_where_it_is(capsys: pytest.CaptureFixture[str]):
    with resumable(Path("runs/a"), "discdiff resume runs/a"):
        told = capsys.readouterr().err
    assert told == "run folder: runs/a (after a stop, continue with: discdiff resume runs/a)\n"


def test_a_termination_of_the_program_is_an_interruption(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cli, "app", lambda: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(KeyboardInterrupt):
            cli.main()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_python_and_the_command_line_train_as_long():
    composed = composition.compose("finetune", []).values["trainer"]
    assert inspect.signature(FineTune).parameters["max_steps"].default == composed["max_steps"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("method=wcde",), r"method must be one of .*, got 'wcde'. Did you mean 'wdce'"),
        (("method.scael=3",), r"method 'wdce' has no option 'scael'.*scale"),
        (("guidance=svdd",), r"line: unknown key 'guidance'; allowed here: name, model, [^+]*$"),
        (("budget=15",), "budget must be enough for two draws of 8 designs"),
        (("method.scale=inf",), "scale must be"),
        (("trainer.max_steps=0",), r"trainer.max_steps must be a positive integer, got 0"),
        (("judge={terms: {qed: {}}}",), "judge must read outputs that are not trained on, got qed"),
        (("sampler=confidence",), "wdce on a masked process with the plan"),
    ],
)
def test_what_is_wrong_is_said(
    finetune: Run, tmp_path: Path, arguments: tuple[str, ...], message: str
):
    told = finetune(*arguments, "out=run", code=2)
    assert re.search(message, told.replace("\n", " ")), told
    assert not (tmp_path / "run" / "model").exists()
