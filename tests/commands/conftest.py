"""A tiny random model and the program, run in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from discdiff.campaign import runner
from discdiff.chem.selfies import Selfies
from discdiff.cli import app
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.process import MaskedProcess

Run = Callable[..., str]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random model of SELFIES with 5 to 10 symbols."""
    torch.manual_seed(0)
    domain = Selfies(["[C]", "[N]", "[O]", "[=C]", "[Ring1]", "[Branch1]"])
    network = Transformer(6, 10, 16, 1, 2)
    model = Model(network, MaskedProcess(6), domain, LengthLaw([0.0] * 5 + [1.0] * 6))
    folder = tmp_path_factory.mktemp("models") / "tiny"
    model.save(folder)
    return folder


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the slow figures."""
    monkeypatch.setattr(runner, "write_report", lambda store, draw: None)


@pytest.fixture
def discdiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the program in an empty folder; return its output, or its one error message."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISCDIFF_DEBUG", raising=False)

    def run(*arguments: object, code: int = 0) -> str:
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        assert result.exit_code == code, (result.output, result.exception)
        return result.stdout if code == 0 else result.stderr.strip()

    return run


@pytest.fixture
def design(discdiff: Run, tiny: Path) -> Run:
    """Run `discdiff design` with the tiny model and cheap guidance."""

    def run(*arguments: object, code: int = 0) -> str:
        return discdiff(
            "design",
            f"model={tiny}",
            "guidance=best_of_n",
            "guidance.candidates=2",
            "round_size=8",
            "budget=40",
            "baseline=false",
            *arguments,
            code=code,
        )

    return run
