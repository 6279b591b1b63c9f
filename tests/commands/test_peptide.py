"""Peptides on the command line: from FASTA to a model, templates, designs, measures."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas
import pytest
import torch
from Bio import SeqIO
from Bio.SeqUtils.ProtParam import ProteinAnalysis

from discdiff.bio.peptide import Peptide
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.process import MaskedProcess

Run = Callable[..., str]
ORACLES = (
    *("aliphatic_index", "aromaticity", "boman", "charge", "gravy", "hydrophobic_moment"),
    *("instability", "isoelectric_point", "liabilities", "peptide_weight", "spps_difficulty"),
)


pytestmark = pytest.mark.usefixtures("no_report")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random model of peptides of 6 to 12 residues."""
    torch.manual_seed(0)
    network = Transformer(20, 12, 16, 1, 2)
    lengths = LengthLaw([0.0] * 6 + [1.0] * 7)
    folder = tmp_path_factory.mktemp("models") / "peptide"
    Model(network, MaskedProcess(20), Peptide(), lengths).save(folder)
    return folder


def test_a_template_of_residues(discdiff: Run, model: Path):
    command = ("sample", f"model={model}", "n=20")
    lines = discdiff(*command, "template='CX{2,5}[KR]{2}[^CM]GC'").splitlines()
    assert len(lines) == 20
    assert all(re.fullmatch("C.{2,5}[KR]{2}[^CM]GC", line) for line in lines)
    assert len(set(map(len, lines))) > 1
    kept = discdiff(*command, "constraint.required=[KR]", "constraint.forbidden=[NG,DG]")
    assert all("KR" in line and not re.search("[ND]G", line) for line in kept.splitlines())
    message = discdiff(*command, "template='GU{3}'", code=2)
    assert "template must be amino acids, each with an optional {n} or {n,m}, got 'U'" in message


def test_ranges_beyond_the_model_are_said_to_be_cut(discdiff: Run, model: Path, caplog):
    discdiff("sample", f"model={model}", "n=2", "template='CX{5,80}C'")
    assert "ranges allow up to 82 tokens, but the model writes at most 12" in caplog.text
    caplog.clear()
    discdiff("sample", f"model={model}", "n=2", "template='CX{5,10}C'")
    assert not caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["template=X{13}"], "command line: template must have at most 12 positions, .* got 13"),
        (["length=[7,9]"], r"length must be an integer, got \[7, 9\]; a template with a range"),
        (["template=CkC"], r"got 'k' at position 2 .*lower case may mean D residues"),
        (["seeds=a.fasta"], r"a.fasta, record 'b' \(header in line 3\): residue 6 is 'J', ambig"),
    ],
)
def test_mistakes(discdiff: Run, model: Path, arguments: list[str], message: str):
    Path("a.fasta").write_text(">a\nYGGFLK\n>b\nGIGKL\nJKK\n")
    for command in ("sample", "design"):
        fixed = ["oracle=[gravy]", "out=run"] if command == "design" else []
        found = discdiff(command, f"model={model}", *fixed, *arguments, code=2)
        assert re.search(message, found)
        assert "configs/" not in found


def test_a_campaign_and_its_files(discdiff: Run, model: Path):
    discdiff(
        *("design", f"model={model}", "guidance=tds", "guidance.particles=4", "round_size=8"),
        *("budget=40", "baseline=false", "oracle=[charge,gravy]", "oracle.charge.amide=true"),
        *("objective.terms.charge={transform:{name:band,low:2,high:6,width:2}}",),
        *("objective.terms.gravy={transform:{name:sigmoid,low:-2,high:2}}", "out=run"),
    )
    table = pandas.read_csv("run/designs.csv")
    scored = table[table.status == "ok"]
    assert len(scored) > 0
    known = [ProteinAnalysis(s).gravy() for s in scored.sequence]
    assert scored["gravy (raw)"].tolist() == pytest.approx(known, abs=1e-5)
    discdiff("export", "run", "out=all.fasta")
    with open("all.fasta") as file:
        found = list(SeqIO.parse(file, "fasta"))
    assert [str(one.seq) for one in found] == scored.sequence.tolist()
    assert "charge" in found[0].description


def test_measures_of_a_fasta(discdiff: Run):
    Path("a.fasta").write_text(">a\nYGGFL\n>b\nRRWQWR\n>c\nGIXK\n>d\nGI-K\n")
    Path("b.fa").write_text(">a\nYGGFM\n>b\nRRWQWR\n")
    lines = discdiff("evaluate", "a.fasta", "metrics=peptide", "reference=b.fa").splitlines()
    found = {line.split("\t")[1]: line.split("\t")[2] for line in lines}
    assert found["validity"] == "0.5000"
    assert found["edits_to_nearest"] == "0.5000"
    assert {"kmer_1_correlation", "kmer_3_divergence", "charge_mean", "gravy_mean"} <= found.keys()


def test_what_is_no_peptide_is_refused_by_line(discdiff: Run):
    Path("a.fasta").write_text(">a\nYGGFL\n>b\nGI*K\n" + ">c\nRRWQWR\n" * 6)
    short = ("trainer=short", "trainer.max_steps=2", "trainer.precision=32-true", "logger=none")
    small = ("denoiser.width=16", "denoiser.depth=1", "denoiser.heads=2")
    common = ("train", "data.path=a.fasta", "data.valid_fraction=0.3", "domain=peptide")
    message = discdiff(*common, *short, *small, "out=run", code=2)
    assert "row 2: record 'b' (header in line 3): residue 3 is '*', a stop" in message
    Path("a.fasta").write_text(">a\nYGGFL\n>b\ngiXk\n" + ">c\nRRWQWR\n" * 6)
    options = ("domain.unknown=unobserved", "domain.lower=upper")
    discdiff(*common, *short, *small, *options, "out=run")
    assert Model.load("run/model").domain.settings() == {
        "length": None,
        "lower": "upper",
        "unknown": "unobserved",
    }


def test_the_list_names_the_licence_of_every_oracle(discdiff: Run):
    rows = [line.split("\t") for line in discdiff("oracle", "list").splitlines()]
    licences = {row[1]: row[4] for row in rows if row[0] == "oracles"}
    assert {licences[name] for name in ("boman", "liabilities")} == {"Apache-2.0 (discdiff)"}
    assert all("Biopython License" in licences[name] for name in ("charge", "gravy"))
    assert all(licences[name] for name in (*ORACLES, "nearest_peptide"))


@pytest.mark.parametrize("name", ORACLES)
def test_the_contract_is_checked_on_residues(discdiff: Run, name: str):
    assert "broken" not in discdiff("oracle", "check", name, "--domain", "peptide")
