"""Scoring functions of REINVENT: mapped as worked out by hand, and what is not is named."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from discdiff.config import build, composition, reinvent, settings
from discdiff.errors import ConfigError
from discdiff.model import Model
from discdiff.oracle import as_oracle

Run = Callable[..., str]
EXAMPLES = ("scoring", "staged", "components")


@pytest.fixture
def folder(golden_folder: Path, tmp_path: Path) -> Path:
    """A copy of the examples."""
    return Path(shutil.copytree(golden_folder / "reinvent", tmp_path / "reinvent"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples(discdiff: Run, folder: Path, name: str):
    expected = (folder / f"{name}.yaml").read_text()
    out = folder / "mapped.yaml"
    said = discdiff("config", "from-reinvent", folder / f"{name}.toml", out)
    assert out.read_text() == expected
    assert f"discdiff design {out}" in said
    message = "mapped.yaml exists already"
    assert message in discdiff("config", "from-reinvent", folder / f"{name}.toml", out, code=1)


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_was_mapped_runs(design: Run, folder: Path, name: str):
    allowed = ["--allow-code"] if name == "staged" else []
    design(folder / f"{name}.yaml", "budget=6", "round_size=4", "out=run", *allowed)
    rows = (Path("run") / "designs.csv").read_text().splitlines()
    assert len(rows) > 4


def test_the_reward_is_the_published_formula(folder: Path):
    """Aspirin, computed by hand from RDKit's values and the formulas of the paper."""
    composed = composition.compose("design", [], folder / "scoring.yaml")
    scored = build.oracle(composed.values["oracle"], composed, Model.tabular(["C"]))
    filled = settings.fill(settings.Design, composed)
    objective = build.objective(filled.objective, scored, composed)
    aspirin = "CC(=O)Oc1ccccc1C(=O)O"
    scores = as_oracle(scored)([aspirin])
    qed, logp, weight, sa, rings, fluorines, like, alert = scores.values[0].tolist()
    assert (rings, fluorines, like, alert) == (1.0, 0.0, 1.0, 0.0)
    terms = [
        (qed, 2.0),
        (1 / (1 + 10 ** (5 * (logp - 3.5) / 3)), 1.0),
        (1 / (1 + 10 ** (-(weight - 200) * 20 / 500)), 0.5),
        (math.exp(-0.2 * sa), 1.0),
        (1.0, 1.0),
        (1.0, 1.0),
        (1 / (1 + 10 ** (-5 * (1 - 0.3) / 0.6)), 1.0),
    ]
    total = sum(w for _, w in terms)
    expected = math.exp(sum(w * math.log(value) for value, w in terms) / total)
    found = objective(scores, scored.outputs, [aspirin])
    assert found.item() == pytest.approx(expected, rel=1e-6)
    peroxide = as_oracle(scored)(["COOC"])
    assert objective(peroxide, scored.outputs, ["COOC"]).item() == 0.0


def test_a_file_of_components_is_read_beside(folder: Path):
    path = folder / "refers.toml"
    path.write_text("[scoring]\ntype = 'geometric_mean'\nfilename = 'components.toml'\n")
    assert reinvent.read(path).values["oracle"]["donors"] == {"name": "hbd"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = ", "is not valid TOML"),
        ("run_type = 'sampling'", "must hold a scoring function"),
        ("[scoring]\ncomponent = []", "nothing of its scoring function can be mapped: it has no"),
        (
            "[[component]]\n[[component.PMI.endpoint]]\nname = 'x'",
            "can be mapped: PMI 'x' is not mapped: no oracle here computes it",
        ),
        ("[[component]]\n[component.QED]\nname = 'x'", "QED must have a list of endpoints"),
        (
            "type = 'median'\n[[component]]\n[[component.QED.endpoint]]\nname = 'x'",
            "type must be one of .*, got 'median'",
        ),
        ("[scoring]\nfilename = 'absent.toml'", "absent.toml: cannot be read"),
        (
            "[[component]]\n[[component.GroupCount.endpoint]]\nname = 'x'",
            "GroupCount 'x' is not mapped: it has no 'smarts'",
        ),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, text: str, message: str):
    path = tmp_path / "scoring.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        reinvent.read(path)
