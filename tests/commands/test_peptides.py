"""Peptides on the command line: HELM in, a run over them, HELM out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas
import pytest
import torch

from discdiff.campaign import Campaign
from discdiff.chem.peptide.build import smiles
from discdiff.chem.peptide.domain import PeptideSmiles
from discdiff.chem.peptide.generate import Recipe, generated
from discdiff.chem.peptide.helm import read_helm, write_helm
from discdiff.chem.peptide.order import canonical
from discdiff.data.encoding import encode_file
from discdiff.denoiser import TabularDenoiser
from discdiff.guidance.unguided import Unguided
from discdiff.model import LengthLaw, Model
from discdiff.process import MaskedProcess
from discdiff.samplers.first_hitting import FirstHitting

Run = Callable[..., str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run over 20 peptides of one length, drawn from a table of them."""
    recipe = Recipe(4, 4, rings={"head_to_tail": 1}, uncommon=0.0)
    spelt = [smiles(peptide) for peptide in generated(60, 9, recipe)]
    domain = PeptideSmiles.fit(spelt)
    lengths = [len(domain.encode(string)) for string in spelt]
    usual = max(set(lengths), key=lengths.count)
    tokens = domain.encode_batch([s for s, n in zip(spelt, lengths, strict=True) if n == usual])
    process = MaskedProcess(len(domain.alphabet))
    law = LengthLaw([0.0] * usual + [1.0])
    model = Model(TabularDenoiser(tokens, torch.ones(len(tokens)), process), process, domain, law)
    folder = tmp_path_factory.mktemp("runs") / "run"

    def score(strings: list[str]) -> list[float]:
        return [float(len(string)) for string in strings]

    Campaign(folder, FirstHitting(model), Unguided(), score, budget=8, round_size=8, seed=1).run()
    return folder


def test_designs_are_exported_with_their_helm(discdiff: Run, run: Path):
    discdiff("export", run, "out=all.csv")
    table = pandas.read_csv("all.csv")
    assert len(table) >= 2
    for row in table.itertuples():
        assert smiles(read_helm(row.helm)) == row.SMILES
        assert "$PEPTIDE1,PEPTIDE1,1:R1-4:R2$" in row.helm
    assert "sequence" not in table.columns  # none is linear


def test_helm_files_are_written_and_read(discdiff: Run, run: Path):
    discdiff("export", run, "out=all.helm")
    discdiff("export", run, "out=all.csv")
    lines = [line.split("\t") for line in Path("all.helm").read_text().splitlines()]
    table = pandas.read_csv("all.csv", dtype=str)
    assert [line[0] for line in lines] == table["helm"].tolist()
    discdiff("evaluate", "all.helm", "metrics=peptide_smiles", "out=found.json")
    found = json.loads(Path("found.json").read_text())
    assert (found["validity"], found["analysed"], found["cyclic"]) == (1, 1, 1)
    assert found["residues_mean"] == 4


def test_a_batch_that_is_selected_has_helm_too(discdiff: Run, run: Path):
    discdiff("select", run, "n=2", "out=two.helm")
    assert len(Path("two.helm").read_text().splitlines()) == 2


def test_a_column_of_helm_is_evaluated(discdiff: Run):
    peptides = [write_helm(canonical(peptide)) for peptide in generated(5, 3)]
    pandas.DataFrame({"name": range(5), "notation": peptides}).to_csv("mine.csv", index=False)
    discdiff("evaluate", "mine.csv", "metrics=peptide_smiles", "column=notation", "out=found.json")
    assert json.loads(Path("found.json").read_text())["analysed"] == 1


def test_designs_that_are_no_peptides_are_not_written_as_helm(
    discdiff: Run, design: Run, tmp_path: Path
):
    design("out=molecules")
    message = discdiff("export", "molecules", "out=all.helm", code=2)
    assert "a HELM file needs peptides" in message
    assert not (tmp_path / "all.helm").exists()


def test_training_data_is_read_from_helm_and_names_the_row_it_cannot_use(tmp_path: Path):
    rows = [write_helm(peptide) for peptide in generated(20, 6, Recipe(2, 3, rings={"linear": 1}))]
    path = tmp_path / "mine.helm"
    path.write_text("\n".join([*rows, "PEPTIDE1{A.[dLe]}$$$$"]) + "\n")
    encoded = encode_file(path, PeptideSmiles, options={"cyclic": "refuse"}, max_bad_fraction=0.1)
    (bad,) = encoded.report.first
    assert (bad.row, "residue 2" in bad.reason) == (21, True)
    assert encoded.domain.settings()["cyclic"] == "refuse"
    assert encoded.report.rows == 21
