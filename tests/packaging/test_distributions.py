"""The sdist and the wheel: what they carry, and that what they install works away from the tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LINKED = ("bio", "chem", "configs", "guidance")
SMALL = ["budget=8", "round_size=2", "guidance.population=2", "guidance.initial=4"]
DESIGN = ["design", "experiment=qed_sa", *SMALL, "out=run"]


@dataclass(frozen=True)
class Distributions:
    """The sdist made from a copy of the tree, and the wheel made from that sdist."""

    sdist: Path
    wheel: Path

    @property
    def sdist_files(self) -> list[str]:
        """File names below the sdist's top folder."""
        with tarfile.open(self.sdist) as archive:
            members = [member for member in archive.getmembers() if not member.isdir()]
        return [member.name.split("/", 1)[1] for member in members]

    @property
    def wheel_files(self) -> list[str]:
        """File names in the wheel."""
        with zipfile.ZipFile(self.wheel) as archive:
            return archive.namelist()


def run(*command: object, **options: object) -> str:
    """The standard output of a command that must succeed."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    folder = tmp_path_factory.mktemp("distributions")
    lines = (ROOT / ".gitignore").read_text().splitlines()
    ignored = [line.strip("/") for line in lines if line and not line.startswith("#")]
    names = shutil.ignore_patterns(".git", *ignored)
    shutil.copytree(ROOT, folder / "tree", symlinks=True, ignore=names)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, folder / "tree")
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return Distributions(sdist, wheel)


@pytest.fixture(scope="module")
def unpacked(distributions: Distributions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the contents of the wheel, as pip would lay them out."""
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(distributions.wheel) as archive:
        archive.extractall(folder)
    return folder


def test_sdist_holds_each_file_once(distributions: Distributions):
    files = distributions.sdist_files
    assert len(files) == len(set(files))
    assert not [name for name in files if name.split("/")[:2] in [["discdiff", x] for x in LINKED]]


def test_wheel_carries_every_tracked_file_of_the_library(distributions: Distributions):
    expected = {
        (Path("discdiff") / path.relative_to(ROOT)).as_posix()
        for part in LINKED
        for path in (ROOT / part).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert expected <= set(distributions.wheel_files)


def test_wheel_carries_configs_and_models(distributions: Distributions):
    files = set(distributions.wheel_files)
    assert "discdiff/py.typed" in files
    assert "discdiff/configs/experiment/qed_sa.yaml" in files
    for part in ("bio", "chem"):
        start = f"discdiff/{part}/pretrained/"
        models = {name.split("/")[3] for name in files if name.startswith(start)}
        models.discard("__init__.py")
        assert models
        for model in models:
            for name in ("config.json", "model.safetensors", "README.md"):
                assert f"{start}{model}/{name}" in files


def test_wheel_holds_the_library_and_nothing_else(distributions: Distributions):
    tops = {name.split("/")[0] for name in distributions.wheel_files}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"discdiff"}


def test_every_part_imports_from_the_wheel(unpacked: Path, tmp_path: Path):
    code = (
        "import discdiff, discdiff.bio, discdiff.chem, discdiff.configs, discdiff.guidance\n"
        "print(*{m.__file__.split('discdiff')[0] for m in (discdiff, discdiff.chem)})"
    )
    environment = os.environ | {"PYTHONPATH": str(unpacked)}
    out = run(sys.executable, "-c", code, cwd=tmp_path, env=environment)
    assert out.strip() == f"{unpacked}/"


def test_design_runs_from_the_wheel(unpacked: Path, tmp_path: Path):
    environment = os.environ | {"PYTHONPATH": str(unpacked), "OMP_NUM_THREADS": "1"}
    code = "import sys, discdiff.cli; sys.exit(discdiff.cli.main())"
    run(sys.executable, "-c", code, *DESIGN, cwd=tmp_path, env=environment)
    assert (tmp_path / "run" / "campaign.sqlite").is_file()


@pytest.mark.slow
def test_design_runs_in_a_fresh_environment(distributions: Distributions, tmp_path: Path):
    """sdist → wheel → new environment with the pinned dependencies → the main job."""
    venv.create(tmp_path / "venv", with_pip=True)
    binaries = tmp_path / "venv" / "bin"
    constraints = ROOT / "constraints.txt"
    run(binaries / "pip", "install", "--quiet", "-c", constraints, distributions.wheel)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    run(binaries / "discdiff", *DESIGN, cwd=elsewhere, env=environment)
    assert (elsewhere / "run" / "campaign.sqlite").is_file()
    assert (elsewhere / "run" / "report.html").is_file()
