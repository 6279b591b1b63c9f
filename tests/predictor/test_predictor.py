"""Predictors as wholes: what they learn, store, say and refuse."""

from __future__ import annotations

import json
import math
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from discdiff import registry
from discdiff.bio.domain import DNA as DNAStrands
from discdiff.bio.domain import RNA
from discdiff.bio.peptide import Peptide
from discdiff.chem.smiles import Smiles
from discdiff.domain import Letters
from discdiff.errors import CheckpointError, DataError, InputError
from discdiff.model import Model
from discdiff.objective import Objective, Term
from discdiff.oracle import Combined, stack
from discdiff.oracle.contract import check_oracle
from discdiff.predictor import quality
from discdiff.predictor.features import Features
from discdiff.predictor.judging import refuse_own_judge
from discdiff.predictor.oracle import PredictorOracle
from discdiff.predictor.predictor import Origin, Predictor
from discdiff.predictor.table import TableColumns, read_table
from discdiff.predictor.training import fit
from discdiff.reward import Reward
from tests.predictor import toy
from tests.predictor.test_parts import model
from tests.predictor.toy import DNA, motif, strings

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec", "ignore:.*does not have many workers")
FAR = "G" * 40


@pytest.fixture(scope="module")
def trained() -> Predictor:
    """A predictor of a known linear model of motifs, and of another of which half is unknown."""
    table = strings(500)
    values = {
        "motif": [motif(s) for s in table],
        "minus": [-motif(s) if i % 2 else math.nan for i, s in enumerate(table)],
    }
    options = {"steps": 350, "members": 3, "width": 16, "depth": 1, "rate": 5e-3}
    return fit(table, values, DNA, half="all", **options)


@pytest.fixture(scope="module")
def halves() -> tuple[Predictor, Predictor]:
    """A guide and a judge of few steps."""
    return toy.small(None, half="guide"), toy.small(None, half="judge", seed=1)


class TestLearning:
    """What is recovered."""

    def test_it_recovers_a_linear_model_of_motifs(self, trained):
        known = set(strings(500))
        fresh = [s for s in strings(200, seed=5) if s not in known]
        truth = np.array([motif(s) for s in fresh])
        found = trained(fresh).mean
        for j, sign in enumerate((1.0, -1.0)):  # the second learnt from half of the values
            error = ((found[:, j] - sign * truth) ** 2).mean()
            assert 1.0 - error / truth.var() > 0.9
        assert trained.quality["motif"]["predictor"]["R2"] > 0.9
        assert trained.quality["motif"]["composition only"]["R2"] < 0.85  # blind to pairs
        assert trained.quality["minus"]["predictor"]["rows"] < 40

    def test_mean_and_sd_are_those_of_the_members(self, trained):
        members, _ = trained.members(strings(5))
        found = trained(strings(5))
        assert members.shape == (3, 5, 2)
        assert np.allclose(found.mean, members.mean(0))
        assert np.allclose(found.sd, members.std(0, ddof=1))

    def test_classification(self):
        table = strings(300)
        label = {"rich": [float(s.count("G") + s.count("C") > len(s) / 2) for s in table]}
        options = {"task": "classification", "steps": 120, "members": 2, "width": 8, "depth": 1}
        found = fit(table, label, DNA, rate=5e-3, **options)
        said = found(strings(100, seed=5)).mean
        assert ((said >= 0) & (said <= 1)).all()
        assert found.quality["rich"]["predictor"]["length-matched AUC"] > 0.9
        assert abs(found.quality["rich"]["length only"]["length-matched AUC"] - 0.5) < 1e-9

    @pytest.mark.parametrize("task", ["regression", "classification"])
    def test_few_values_on_frozen_features(self, task):
        table = strings(70)
        g = np.array([s.count("G") / len(s) for s in table])
        label = {"g": (g > np.median(g)).astype(float) if task == "classification" else g}
        found = fit(table, label, DNA, task=task, representation=Features(model()), members=3)
        fresh = strings(100, seed=5)
        rich = np.array([float(s.count("G") / len(s) > np.median(g)) for s in fresh])
        assert quality.auc(found(fresh).mean[:, 0], rich) > 0.95
        assert (found(fresh).sd > 0).all()

    def test_bfloat16(self):
        found = toy.small(None, precision="bf16-mixed")
        assert np.isfinite(found(strings(5)).mean).all()
        assert np.allclose(found(strings(5)).mean, toy.small(None)(strings(5)).mean, atol=0.2)

    def test_augmentation_reads_the_other_strand(self):
        table = strings(60)
        values = {"g": [s.count("G") + s.count("C") for s in table]}
        options = {"steps": 2, "members": 1, "width": 8, "depth": 1}
        found = [fit(table, values, DNAStrands(), augment=on, **options) for on in (True, False)]
        assert found[0].fingerprint != found[1].fingerprint

    def test_too_few_rows_are_refused(self):
        with pytest.raises(DataError, match="there must be rows to train on"):
            fit(["AC"], {"a": [1.0]}, DNA)
        table = strings(40)
        with pytest.raises(DataError, match="'b' must have different values to train on, got 0"):
            fit(table, {"a": range(40), "b": [math.nan] * 40}, DNA)
        with pytest.raises(DataError, match="must have both classes to train on"):
            fit(table, {"a": [1.0] * 40}, DNA, task="classification")
        with pytest.raises(DataError, match="different values to train on, got .* rows, all 2.5"):
            fit(table, {"a": [2.5] * 40}, DNA)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"values": {}}, "values must have an output, got none"),
            ({"values": {"a": [1.0] * 9}}, "a must have 40 rows, got 9"),
            ({"values": {"a": [math.inf] * 40}}, r"a must be numbers of at most 1e\+18, got inf"),
            ({"values": {"a": [-1e30] * 40}}, r"a must be numbers of at most 1e\+18, got 1e\+30"),
            ({"groups": ["x"]}, "groups must have 40 rows, got 1"),
            ({"strings": ["AC"] * 40}, "strings must be distinct"),
            ({"values": {"a": [2.0] * 40}, "task": "classification"}, "a must be 0 or 1 for a cl"),
        ],
    )
    def test_columns_that_no_file_may_have_are_refused(self, change, message):
        usual = {"strings": strings(40), "values": {"a": range(40)}, "domain": DNA}
        with pytest.raises(InputError, match=message):
            fit(**usual | change)


class TestRealData:
    """Tables as they come."""

    def test_promoters_in_two_media(self, data_folder):
        columns = TableColumns(("expression",), "core80", condition="medium")
        table = read_table(data_folder / "yeast_promoters_vaishnav.csv.gz", DNA, columns)
        assert (len(table.strings), table.outputs) == (29994, ("complex", "defined"))
        assert int((~np.isnan(table.values)).sum()) == 39100

    def test_hemolysis_is_half_explained_by_composition(self, data_folder):
        peptide = Letters("ACDEFGHIKLMNPQRSTVWY")
        columns = TableColumns(("label",), "sequence", split="split")
        path = data_folder / "peptide_hemolysis.csv.gz"
        table = read_table(path, peptide, columns, task="classification")
        test = np.array(table.splits) == "test"
        parts = [
            quality.Rows([s for s, t in zip(table.strings, test, strict=True) if t == here], v)
            for here, v in ((False, table.values[~test]), (True, table.values[test]))
        ]
        found = quality.measured(
            ["label"], "classification", peptide, *parts, np.zeros((int(test.sum()), 1))
        )["label"]
        assert found["predictor"]["AUC"] == 0.5
        assert found["length only"]["length-matched AUC"] == 0.5
        assert 0.55 < found["length only"]["AUC"] < found["composition only"]["AUC"] < 0.85


class TestFolder:
    """What is stored, and what is refused."""

    def test_what_is_loaded_says_the_same(self, trained, tmp_path):
        trained.save(tmp_path / "p")
        found = Predictor.load(tmp_path / "p")
        asked = [*strings(10, seed=3), FAR]
        for name in ("mean", "sd", "similarity", "inside"):
            assert np.array_equal(getattr(found(asked), name), getattr(trained(asked), name))
        assert (found.origin, found.quality, found.card) == (
            trained.origin,
            trained.quality,
            trained.card,
        )
        card = (tmp_path / "p" / "README.md").read_text()
        assert "| motif | composition only |" in card

    def test_features_bring_their_network(self, tmp_path):
        table = strings(60)
        values = {"g": [s.count("G") for s in table]}
        owner = model()
        owner.card = {"title": "mine", "data": {"licence": "CC BY-NC 4.0"}}
        made = fit(table, values, DNA, representation=Features(owner), members=2)
        assert made.card["made_with"] == {"model mine": "CC BY-NC 4.0"}
        made.save(tmp_path / "p")
        assert Predictor.load(tmp_path / "p").card["made_with"] == made.card["made_with"]
        found = Predictor.load(tmp_path / "p")(table[:9])
        assert np.array_equal(found.mean, made(table[:9]).mean)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"representation": {"name": "os.system"}}, "representation must be one of features"),
            ({"representation": {"name": "features", "model": "/x"}}, "not the place of a model"),
            ({"representation": {"name": "onehot", "width": -1}}, "width must be a positive"),
            ({"members": 10**9}, "members must be at most 1000"),
            ({"members": 4}, "missing"),
            ({"outputs": ["a", "a"]}, "outputs must be 2 distinct names"),
            ({"outputs": "ab"}, "outputs must be a list of names"),
            ({"task": "sort"}, "task must be one of"),
            ({"applicability": {"references": [], "threshold": 0, "percentile": 1}}, "references"),
            ({"applicability": {"references": [1], "threshold": 0, "percentile": 1}}, "be strings"),
            ({"applicability": {"no": 1}}, "unexpected keyword"),
            ({"origin": {"data": "x", "half": "third"}}, "half must be one of"),
            ({"domain": {"name": "letters", "letters": "AC"}}, "must have shape"),
            ({"kind": "discrete"}, "must describe a predictor model, got a discrete one"),
        ],
    )
    def test_a_hostile_folder_is_refused(self, trained, tmp_path, change, message):
        trained.save(tmp_path / "p")
        path = tmp_path / "p" / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
        with pytest.raises(CheckpointError, match=message):
            Predictor.load(tmp_path / "p")

    def test_what_is_no_predictor_is_named(self, trained, tmp_path):
        with pytest.raises(InputError, match="path must be a folder"):
            Predictor.load("nothing")
        trained.save(tmp_path / "run" / "guide")
        with pytest.raises(CheckpointError, match="holds the predictors guide: name one"):
            Predictor.load(tmp_path / "run")
        with pytest.raises(CheckpointError, match=r"is read by discdiff\.predictor"):
            Model.load(tmp_path / "run" / "guide")

    def test_a_shipped_one_is_found_by_name(self, trained, tmp_path, monkeypatch):
        trained.save(tmp_path / "shipped_here" / "mine")
        (tmp_path / "shipped_here" / "__init__.py").write_text("")
        info = tmp_path / "shipped_here-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shipped\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[discdiff.predictors]\nmine = shipped_here\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        registry._read.cache_clear()
        try:
            assert Predictor.load("mine").fingerprint == trained.fingerprint
            found = {entry.name: entry.status for entry in registry.names("predictors", load=True)}
            assert found["mine"] == "ok"
        finally:
            registry._read.cache_clear()

    def test_a_training_goes_on_after_a_kill(self, tmp_path):
        root = Path(__file__).parents[2]
        command = [sys.executable, "-m", "tests.predictor.toy", str(tmp_path / "run"), "8"]
        done = subprocess.run(command, cwd=root, check=False, capture_output=True)
        assert done.returncode == -signal.SIGKILL, done.stderr
        checkpoint = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)
        assert checkpoint["global_step"] == 6
        onward = toy.small(tmp_path / "run", snapshot_steps=3)
        whole = toy.small(None)
        assert onward.fingerprint == whole.fingerprint
        assert onward.fingerprint != toy.small(None, seed=1).fingerprint


class TestOracle:
    """What an oracle makes of a predictor."""

    def test_it_keeps_the_contract(self, trained):
        findings = check_oracle(PredictorOracle(trained), strings(8))
        assert [f for f in findings if f.status != "kept"] == []

    def test_columns(self, trained):
        asked = strings(4)
        said = trained(asked)
        oracle = PredictorOracle(trained, ["mean", "sd", "lower", "upper", "inside"], k=2.0)
        assert oracle.outputs == (
            *("motif", "motif_sd", "motif_lower", "motif_upper"),
            *("minus", "minus_sd", "minus_lower", "minus_upper", "inside"),
        )
        values = oracle(asked).values
        assert np.allclose(values[:, 2], said.mean[:, 0] - 2 * said.sd[:, 0])
        assert np.allclose(values[:, 5], said.sd[:, 1])
        assert np.allclose(values[:, 7], said.mean[:, 1] + 2 * said.sd[:, 1])
        assert values[:, 8].tolist() == [1.0] * 4

    def test_what_is_outside_is_refused_or_kept(self, trained):
        refused = PredictorOracle(trained)([strings(1)[0], FAR])
        assert refused.status == ("ok", "invalid")
        assert np.isnan(refused.values[1]).all()
        assert "outside of the applicability domain: similarity to" in refused.reasons[1]
        kept = PredictorOracle(trained, ["mean", "inside"], outside="keep")([FAR])
        assert kept.status == ("ok",)
        assert kept.values[0, 2] == 0.0
        assert np.isfinite(kept.values).all()

    def test_a_reward_takes_what_is_outside_for_invalid(self, trained):
        low = Objective([Term("motif"), Term("minus")], "arithmetic_mean")
        found = Reward(DNA, PredictorOracle(trained), low).strings([FAR, strings(1)[0]])
        assert found.valid.tolist() == [False, True]
        assert math.isnan(float(found.reward[0]))

    def test_relaxed_one_hots_are_the_values(self, trained):
        oracle = PredictorOracle(trained, ["upper", "mean", "lower"])
        tokens = DNA.encode_batch([s for s in strings(60) if len(s) == 8][:6])
        rows = torch.nn.functional.one_hot(tokens, 4).float()
        soft = oracle.relaxed(rows)
        assert np.allclose(soft.detach(), oracle(DNA.decode_batch(tokens)).values, atol=1e-4)

    def test_relaxed_rows_of_another_alphabet_are_reordered(self, trained):
        other = Letters("TGC")
        oracle = PredictorOracle(trained, domain=other)
        tokens = other.encode_batch(["TGCCGTTG"])
        rows = torch.nn.functional.one_hot(tokens, 3).float().requires_grad_()
        hard = PredictorOracle(trained, outside="keep")(["TGCCGTTG"]).values
        soft = oracle.relaxed(rows)
        assert np.allclose(soft.detach(), hard, atol=1e-4)
        assert torch.autograd.grad(soft.sum(), rows)[0].shape == rows.shape
        assert PredictorOracle(trained, domain=Letters("ACGTN")).relaxed is None
        assert PredictorOracle(trained, ["inside"]).relaxed is None

    def test_a_copy_is_the_same_oracle(self, trained):
        oracle = PredictorOracle(trained)
        oracle(strings(1))
        copy = pickle.loads(pickle.dumps(oracle))
        assert np.array_equal(copy(strings(3)).values, oracle(strings(3)).values)
        other = PredictorOracle(trained, k=2.0)
        assert other.parameters != oracle.parameters

    def test_refusals(self, trained):
        for columns in ("mean", [], ["mean", "mean"], ["median"]):
            with pytest.raises(InputError, match="columns must"):
                PredictorOracle(trained, columns)
        with pytest.raises(InputError, match="outside must be one of refuse, keep"):
            PredictorOracle(trained, outside="punish")

    def test_what_reads_other_strings_is_refused(self, trained):
        stack(PredictorOracle(trained), Peptide())  # letters may be anything

        peptides = fit(strings(40), {"a": range(40)}, Peptide(), steps=1, members=1, width=4)
        stack(PredictorOracle(peptides), Peptide())
        for domain in (DNAStrands(), RNA(), Smiles(["C", "O"])):
            message = f"'predictor' must read what the model writes, {domain.kind}, got one of pep"
            with pytest.raises(InputError, match=message):
                stack(PredictorOracle(peptides), domain)


class TestJudging:
    """A judge must not have seen what the guide was trained on."""

    def judged(self, guide: Predictor, judge: Predictor) -> None:
        scored = Combined({"activity": PredictorOracle(guide), "judge": PredictorOracle(judge)})
        refuse_own_judge(scored, Objective([Term("activity")], "arithmetic_mean"))

    def test_halves_may_judge_each_other(self, halves):
        guide, judge = halves
        self.judged(guide, judge)
        self.judged(judge, guide)

    def test_the_guide_may_not_judge_itself(self, halves):
        with pytest.raises(InputError, match="'judge' cannot judge what 'activity' guides"):
            self.judged(halves[0], halves[0])

    def test_what_knows_all_rows_may_not_judge(self, halves):
        with pytest.raises(InputError, match=r"same table \(all\) as the other \(guide\)"):
            self.judged(halves[0], toy.small(None, half="all", seed=2))

    def test_rows_are_known_again_where_the_table_changed(self, halves):
        changed = toy.small(None, half="all", seed=2)
        changed.origin = Origin("another", "all")
        with pytest.raises(InputError, match="'judge' cannot judge what 'activity' guides"):
            self.judged(halves[0], changed)
        changed.outputs = ("another",)  # other labels of the same strings
        self.judged(halves[0], changed)

    def test_several_that_guide_are_no_judges(self, halves):
        scored = Combined({"a": PredictorOracle(halves[0]), "b": PredictorOracle(halves[0])})
        refuse_own_judge(scored, Objective([Term("a"), Term("b")], "arithmetic_mean"))

    def test_what_is_known_of_other_tables(self):
        assert not Origin("x", "guide").overlaps(Origin("y", "guide"))
