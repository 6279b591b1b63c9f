"""`design licence=commercial`: who is refused, by name, and what is let through."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from discdiff.chem.molecule import canonical
from discdiff.chem.smiles import Smiles
from discdiff.predictor.predictor import Predictor
from discdiff.predictor.training import fit

pytestmark = [
    pytest.mark.usefixtures("no_report"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec", "ignore:.*does not have many workers"),
]
SMALL = ("guidance=none", "budget=1", "round_size=1", "licence=commercial")
FILE = "def nitrogens(smiles):\n    return [s.count('N') for s in smiles]\n"


@pytest.fixture
def commercial(discdiff):
    """Design molecules of a cleared model for commercial use."""
    return lambda *arguments, code=0: discdiff(
        "design", "model=qm9_masked", *SMALL, "out=run", *arguments, code=code
    )


@pytest.fixture(scope="module")
def predictor(tmp_path_factory) -> Path:
    """A predictor of molecules from data that may not be used commercially."""
    domain = Smiles(["C", "N", "O"])
    strings = sorted(
        {canonical(f"{a}{'C' * n}{b}") for a in "CNO" for b in "CNO" for n in range(9)}
    )
    values = {"a": [float(s.count("N")) for s in strings]}
    found = fit(strings, values, domain, members=1, steps=2, width=8, depth=1)
    card = found.card | {"data": {"licence": "CC BY-NC 4.0"}}
    parts = (found.outputs, found.task, found.applicability, found.origin)
    folder = tmp_path_factory.mktemp("licences") / "bound"
    Predictor(found.ensemble, *parts, card).save(folder)
    return folder


def test_closed_forms_and_a_cleared_model_are_let_through(commercial, tmp_path):
    commercial("oracle=[qed,sa]", "objective=product")
    assert "licence: commercial" in (tmp_path / "run" / "config.yaml").read_text()


def test_the_model_is_refused_with_its_licence(discdiff, tmp_path):
    said = discdiff("design", *SMALL, "out=run", code=2)
    assert "licence=commercial refuses model 'zinc_smiles' (the repository is MIT; ZINC" in said
    assert re.search(r"Shipped models that are cleared: [^.]*qm9_masked, qm9_uniform", said)
    assert "cleared=[zinc_smiles]" in said
    assert not (tmp_path / "run").exists()


def test_a_plug_in_says_a_licence_or_is_unknown(commercial, tmp_path):
    (tmp_path / "my.py").write_text(FILE)
    asked = ("oracle.path=my.py:nitrogens", "oracle=[]")
    said = commercial(*asked, code=2)
    assert "licence=commercial refuses oracle" in said
    assert "(none stated)" in said
    (tmp_path / "my.py").write_text(f'LICENCE = "ours"\n{FILE}')
    assert "(ours)" in commercial(*asked, code=2)
    (tmp_path / "my.py").write_text(f'LICENCE = "MIT"\n{FILE}')
    commercial(*asked)


def test_a_predictor_has_the_licence_of_its_data(commercial, predictor):
    asked = ("oracle=[]", f"oracle.a={{name: predictor, path: {predictor}, outside: keep}}")
    said = commercial(*asked, code=2)
    assert "licence=commercial refuses predictor 'a' (CC BY-NC 4.0)" in said
    assert "Shipped predictors that are cleared: " in said
    assert "cleared=[a]" in said


def test_the_likelihood_of_a_model_has_its_licence(commercial):
    commercial("oracle=[]", "oracle.l={name: log_likelihood, draws: 1}")
    said = commercial(
        "out=b", "oracle=[]", "oracle.l={name: log_likelihood, model: zinc_smiles}", code=2
    )
    assert "refuses oracle 'l' (the repository is MIT; ZINC" in said


def test_what_the_user_has_cleared_is_let_through(commercial, tmp_path):
    (tmp_path / "my.py").write_text(FILE)
    asked = ("oracle.path=my.py:nitrogens", "oracle=[]")
    commercial(*asked, "cleared=[nitrogens]")
    said = commercial(*asked, "cleared=[nitrogen]", "out=b", code=2)
    assert "cleared must name oracles and models of this design, which are nitrogens, qm9_m" in said


def test_another_use_is_unknown(commercial):
    said = commercial("licence=academic", code=2)
    assert "licence must be one of commercial, or null, got 'academic'" in said
