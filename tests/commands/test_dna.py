"""DNA on the command line: from FASTA to a model, templates, designs, files of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas
import pytest
import torch
from Bio import SeqIO
from Bio.SeqRecord import SeqRecord

from discdiff.bio.bed import read_bed
from discdiff.bio.domain import DNA
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.process import MaskedProcess
from tests.bio.motifs import jaspar
from tests.campaign.test_report import Page

Run = Callable[..., str]


pytestmark = pytest.mark.usefixtures("no_report")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random model of DNA of 8 to 12 bases."""
    torch.manual_seed(0)
    network = Transformer(4, 12, 16, 1, 2)
    lengths = LengthLaw([0.0] * 8 + [1.0] * 5)
    folder = tmp_path_factory.mktemp("models") / "dna"
    Model(network, MaskedProcess(4), DNA(), lengths).save(folder)
    return folder


def fasta(path: str) -> list[SeqRecord]:
    with open(path) as file:
        return list(SeqIO.parse(file, "fasta"))


class TestSample:
    """Designs without reward."""

    def test_a_template_of_letters(self, discdiff: Run, model: Path):
        lines = discdiff("sample", f"model={model}", "n=20", "template=ACNNRYTT").splitlines()
        assert len(lines) == 20
        assert all(re.fullmatch("AC..[AG][CT]TT", line) for line in lines)

    def test_a_gap_to_fasta(self, discdiff: Run, model: Path):
        discdiff("sample", f"model={model}", "n=20", "template='TATAN{4,8}'", "out=a.fasta")
        found = fasta("a.fasta")
        assert len(found) == 20
        assert all(re.fullmatch("TATA.{4,8}", str(one.seq)) for one in found)
        assert len({len(one.seq) for one in found}) > 1
        assert "confidence=" in found[0].description

    def test_sites_in_flanks_are_left_out(self, discdiff: Run, model: Path):
        lines = discdiff(
            *("sample", f"model={model}", "n=40", "template=TNNNNNNN"),
            *("domain.flank5=GGTC", "constraint.restriction_sites=[BsaI]", "equivariant=true"),
        ).splitlines()
        assert len(lines) == 40
        assert not any("GGTCTC" in "GGTC" + line or "GAGACC" in line for line in lines)

    @pytest.mark.parametrize(
        ("argument", "message"),
        [
            ("template=ACX", "template must be letters of IUPAC, .* got 'X' at position 3"),
            ("domain.flank=A", "has no option 'flank'.* Did you mean 'flank3' or 'flank5'"),
            ("domain=rna", "domain must have the tokens of the model, A C G T, got A C G U"),
            ("points={1: 3}", "points must be null without a template"),
            ("constraint.restriction_sites=EcoR1", "got 'EcoR1'. Did you mean 'EcoR"),
        ],
    )
    def test_mistakes(self, discdiff: Run, model: Path, argument: str, message: str):
        assert re.search(message, discdiff("sample", f"model={model}", argument, code=2))


def test_a_campaign_and_its_files(discdiff: Run, model: Path):
    Path("m.jaspar").write_text(jaspar())
    discdiff(
        *("design", f"model={model}", "guidance=best_of_n", "round_size=8", "budget=40"),
        *("baseline=false", "domain.flank5=GGG", "domain.flank3=CCC", "oracle=[gc,orderable]"),
        *("objective.terms.gc={}", "objective.terms.orderable=null", "out=run"),
    )
    table = pandas.read_csv("run/designs.csv")
    scored = table[table.status == "ok"]
    shares = [(s.count("G") + s.count("C") + 6) / (len(s) + 6) for s in scored.sequence]
    assert scored["gc (raw)"].tolist() == pytest.approx(shares)
    discdiff("export", "run", "out=all.fasta")
    found = fasta("all.fasta")
    assert [str(one.seq) for one in found] == scored.sequence.tolist()
    assert f"Score={float(scored.Score.iloc[0])!r}" in found[0].description
    discdiff("export", "run", "out=hits.bed", "format.motifs=m.jaspar", "format.rate=0.05")
    with open("hits.bed") as file:
        assert {hit.name for hit in read_bed(file)} == {"TBP", "EBOX"}
    message = discdiff("export", "run", "out=b.bed", code=2)
    assert "format must have motifs for a .bed file: give format.motifs=" in message
    message = discdiff("export", "run", "out=b.csv", "format.sep=1", code=2)
    assert "format must have the options of .csv, none, got 'sep'" in message


def test_the_report_is_rebuilt_with_logos_maps_and_marks(discdiff: Run, model: Path):
    name = "<img src=x onerror=alert(1)>"
    Path("m.jaspar").write_text(jaspar(["TBP"]).replace("TBP", name))
    run = Path(name)  # the folder is the title of the page
    discdiff(
        *("design", f"model={model}", "guidance=none", "budget=30", "baseline=false", "length=12"),
        *("oracle=[motif]", "oracle.motif.path=m.jaspar", "oracle.motif.threshold=0"),
        *("objective.terms.motif={}", f"out='{run}'"),
    )
    assert not (run / "report.html").exists()
    before = (run / "campaign.sqlite").read_bytes()
    discdiff("report", str(run))
    assert (run / "campaign.sqlite").read_bytes() == before
    text = (run / "report.html").read_text()
    start = text.index('id="sequences"')
    section = text[start : text.index("</section>", start)]
    assert section.count("<svg") == 2 + 3
    assert "Logo of 10 sequences" in section
    assert "No map" not in section
    best = pandas.read_csv(run / "designs.csv").sort_values("Score", ascending=False).sequence[:3]
    assert all(section.count(f"<title>{string[0]}1") > 0 for string in best)
    page = Page(text)
    assert page.tags.count("script") == 2  # the data and our own
    assert "img" not in page.tags
    assert name in page.text


def test_promoters_of_yeast_are_rewarded_by_bounds_and_judged_by_others(discdiff: Run):
    discdiff(
        *("design", "experiment=promoter_yeast", "budget=12", "round_size=1", "baseline=false"),
        *("guidance.particles=4", "guidance.interval=10", "out=run"),
    )
    table = pandas.read_csv("run/designs.csv")
    scored = table[table.status == "ok"]
    assert len(scored) == 12
    assert (scored.sequence.str.len() == 80).all()
    assert scored.Score.tolist() == pytest.approx(scored["guide (raw)"].tolist())
    assert scored["judge (raw)"].notna().all()
    own = "oracle.judge.path=yeast80_complex_guide"
    message = discdiff("design", "experiment=promoter_yeast", own, "out=other", code=2)
    assert "cannot judge what 'guide' guides" in message


@pytest.mark.parametrize("method", ["drakes", "wdce"])
def test_the_model_of_yeast_promoters_is_tuned_and_judged_by_others(discdiff: Run, method: str):
    short = ("sampler.steps=2", "method.designs=4", "method.every=1", "trainer.max_steps=1")
    short += ("method.window=2",) if method == "drakes" else ()
    given = (f"experiment=promoter_{method}", "method.batch=2", "logger=none", *short)
    discdiff("finetune", *given, "budget=8", "out=run")
    figures = pandas.read_csv("run/figures.csv")
    assert figures.step.tolist() == [0, 1]
    assert figures.judge.notna().all()
    assert (figures.judge - figures.reward).abs().min() > 0
    own = "oracle.judge.path=yeast80_complex_guide"
    assert "cannot judge" in discdiff("finetune", *given, own, "out=other", code=2)


def test_measures_of_a_fasta(discdiff: Run):
    Path("a.fasta").write_text(">a\nACGTACGT\n>b\nACGN\n")
    Path("b.fa").write_text(">a\nACGTACGA\n")
    lines = discdiff("evaluate", "a.fasta", "metrics=dna", "reference=b.fa").splitlines()
    found = {line.split("\t")[1]: line.split("\t")[2] for line in lines}
    assert found["validity"] == "0.5000"
    assert found["edits_to_nearest"] == "1.0000"
    assert {"kmer_3_correlation", "kmer_6_divergence", "gc_mean", "cpg_mean"} <= found.keys()


def test_an_ambiguous_base_is_refused_by_line_and_learnt_around(discdiff: Run):
    Path("a.fasta").write_text(">a\nACGTACGT\n>b\nACGN\n" + ">c\nGGTTACGA\n" * 6)
    short = ("trainer=short", "trainer.max_steps=2", "trainer.precision=32-true", "logger=none")
    common = ("train", "data.path=a.fasta", "data.valid_fraction=0.3", "domain=dna", *short)
    small = ("denoiser.width=16", "denoiser.depth=1", "denoiser.heads=2", "data.augment=true")
    message = discdiff(*common, *small, "out=run", code=2)
    assert "row 2: record 'b' (header in line 3): base 4 is 'N', for an unknown base" in message
    discdiff(*common, *small, "domain.unknown=unobserved", "out=run")
    assert Model.load("run/model").domain.settings()["unknown"] == "unobserved"


def test_the_list_names_the_licence_of_every_oracle(discdiff: Run):
    rows = [line.split("\t") for line in discdiff("oracle", "list").splitlines()]
    licences = {row[1]: row[4] for row in rows if row[0] == "oracles"}
    assert licences["gc"] == "Apache-2.0 (discdiff)"
    assert "JASPAR CC BY 4.0" in licences["motif"]
    own = {"command", "file", "measured", "log_likelihood", "predictor"}  # that of what they ask
    assert [name for name, licence in licences.items() if not licence and name not in own] == []


@pytest.mark.parametrize("name", ["gc", "cpg", "hairpins", "orderable", "restriction_sites"])
def test_the_contract_is_checked_on_bases(discdiff: Run, name: str):
    assert "broken" not in discdiff("oracle", "check", name, "--domain", "dna")
