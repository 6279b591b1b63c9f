"""What Weights & Biases gets of a fine-tuning when it ends, and what happens where it fails."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytorch_lightning.loggers import CSVLogger, WandbLogger

from discdiff.commands.handover import Handover
from tests.commands.test_tracking import Service


class Curves(WandbLogger):
    """A logger whose run is a stand-in."""

    def __init__(self, service: Service) -> None:
        self.service = service

    @property
    def experiment(self) -> Any:
        return self.service


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "my run"
    (folder / "model").mkdir(parents=True)
    for name in ("model/model.safetensors", "model/config.json", "figures.csv", "result.json"):
        (folder / name).write_text("")
    return folder


def handed(run: Path, *loggers: object) -> None:
    handover = Handover()
    handover.setup(SimpleNamespace(loggers=list(loggers)), None, "fit")  # type: ignore[arg-type]
    handover.send(run, run / "model")


def test_the_model_and_the_figures(run: Path, monkeypatch: pytest.MonkeyPatch):
    service = Service()
    monkeypatch.setitem(sys.modules, "wandb", service)
    handed(run, CSVLogger(run), Curves(service))
    files, model = service.artifacts
    assert (files.name, files.type) == ("my_run-finetuning", "campaign")
    assert {"figures.csv", "result.json"} <= set(files.files)
    assert (model.name, model.type) == ("my_run-model", "model")
    assert model.files == ["config.json", "model.safetensors"]


def test_a_service_that_fails_is_one_warning(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    service = Service(fails="artifact")
    monkeypatch.setitem(sys.modules, "wandb", service)
    handed(run, Curves(service))
    assert capsys.readouterr().err.count("wandb cannot be used") == 1


def test_without_it_nothing_is_sent(run: Path, capsys: pytest.CaptureFixture[str]):
    handed(run, CSVLogger(run))
    assert capsys.readouterr().err == ""
