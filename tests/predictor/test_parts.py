"""The parts of a predictor against independent computations."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import scipy.stats
import torch

from discdiff.domain import Letters
from discdiff.errors import DataError, InputError
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.predictor import linear, quality
from discdiff.predictor.applicability import Applicability
from discdiff.predictor.ensemble import Ensemble
from discdiff.predictor.features import Features
from discdiff.predictor.onehot import ConvNet, OneHot
from discdiff.predictor.splits import HALVES, split
from discdiff.predictor.table import TableColumns, read_table
from discdiff.process import MaskedProcess
from discdiff.similarity import shared_runs
from tests.predictor.toy import DNA, strings


def model(width: int = 16) -> Model:
    torch.manual_seed(3)
    network = Transformer(4, 16, width=width, depth=1, heads=2)
    return Model(network, MaskedProcess(4), DNA, LengthLaw.fixed(16))


class TestRepresentations:
    """What the networks read."""

    @pytest.fixture(params=["onehot", "features"])
    def ensemble(self, request):
        torch.manual_seed(1)
        one = OneHot(DNA, 8, 2, 5)
        return Ensemble(one if request.param == "onehot" else Features(model()), 2, 3, False).eval()

    def test_padding_changes_nothing(self, ensemble):
        several = ["ACGTACGT", "GAT", "CCGATTACAGATTACA"]
        read = ensemble.representation
        together = ensemble.values(read.collate(read.items(several)))
        for i, string in enumerate(several):
            alone = ensemble.values(read.collate(read.items([string])))
            assert torch.allclose(together[:, [i]], alone, atol=1e-5)

    def test_relaxed_one_hots_are_the_tokens(self, ensemble):
        tokens = DNA.encode_batch(["ACGTACGT", "TTGATTAC"])
        rows = torch.nn.functional.one_hot(tokens, 4).float().requires_grad_()
        read = ensemble.representation
        soft = ensemble.values(read.relaxed(rows))
        hard = ensemble.values(read.collate(read.items(DNA.decode_batch(tokens))))
        assert torch.allclose(soft, hard, atol=1e-5)
        (slope,) = torch.autograd.grad(soft.sum(), rows)
        assert bool((slope != 0).any())

    def test_the_slope_is_that_of_differences(self):
        torch.manual_seed(2)
        net = ConvNet(4, 1, 8, 2, 3, 0.0).double().eval()
        rows = torch.rand(1, 6, 4, dtype=torch.float64)
        rows = (rows / rows.sum(-1, keepdim=True)).requires_grad_()
        assert torch.autograd.gradcheck(net, rows)

    def test_features_are_the_mean_over_positions(self):
        owner = model()
        found = Features(owner).items(["GATTACA", "AC"])
        tokens = DNA.encode_batch(["GATTACA"])
        whole = owner.denoiser.features(tokens, torch.zeros(1))[0]
        assert torch.allclose(found[0], whole.mean(0), atol=1e-6)

    def test_what_cannot_be_read_says_why(self):
        for read in (OneHot(DNA), Features(model())):
            assert "is not in the alphabet" in read.items(["AXC"])[0].reason
        assert "tokens, the model reads 1 to 16" in Features(model()).items(["A" * 17])[0].reason

    def test_refusals(self):
        with pytest.raises(InputError, match="kernel must be odd, got 4"):
            OneHot(DNA, kernel=4)
        with pytest.raises(InputError, match="exactly one of model and denoiser"):
            Features()
        with pytest.raises(InputError, match="model must have a transformer"):
            Features(Model.tabular(["AC", "GT"]))


class TestLinear:
    """Regressions against refits and scipy."""

    @pytest.fixture
    def data(self):
        generator = np.random.default_rng(0)
        x = generator.normal(size=(25, 3)) * [1.0, 5.0, 0.2] + [0.0, 3.0, 1.0]
        return x, x @ [1.0, -0.5, 2.0] + generator.normal(size=25)

    def test_ridge_minimises(self, data):
        x, y = data
        found = linear.ridge(x, y, penalty=2.5)
        scale = x.std(0)

        def loss(at):
            return ((y - x @ at[:3] - at[3]) ** 2).sum() + 2.5 * ((at[:3] * scale) ** 2).sum()

        best = scipy.optimize.minimize(loss, np.zeros(4), tol=1e-12).x
        assert np.allclose([*found.weight, found.bias], best, atol=1e-4)

    def test_the_penalty_is_the_best_of_refits(self, data):
        x, y = data
        z = (x - x.mean(0)) / x.std(0)  # the standardisation is not refitted

        def error(penalty):
            total = 0.0
            for i in range(len(y)):
                kept = np.arange(len(y)) != i
                a = np.column_stack([z[kept], np.ones(kept.sum())])
                w = np.linalg.solve(a.T @ a + penalty * np.diag([1, 1, 1, 0]), a.T @ y[kept])
                total += (y[i] - np.append(z[i], 1.0) @ w) ** 2
            return total

        best = min(linear.PENALTIES, key=error)
        assert linear.ridge(x, y).penalty == best

    def test_logistic_minimises(self, data):
        x, y = data
        label = (y > np.median(y)).astype(float)
        found = linear.logistic(x, label, penalty=0.7)
        scale = x.std(0)

        def loss(at):
            logit = x @ at[:3] + at[3]
            fit = (np.logaddexp(0, logit) - label * logit).sum()
            return fit + 0.35 * ((at[:3] * scale) ** 2).sum()

        best = scipy.optimize.minimize(loss, np.zeros(4), tol=1e-12).x
        assert np.allclose([*found.weight, found.bias], best, atol=1e-3)

    def test_rows_left_out_of_a_logistic_fit_are_close_to_refits(self, data):
        x, y = data
        label = (y > np.median(y)).astype(float)
        z = (x - x.mean(0)) / x.std(0)
        design = np.column_stack([z, np.ones(len(z))])
        exact = 0.0
        for i in range(len(label)):
            kept = np.arange(len(label)) != i
            w, _ = linear._newton(design[kept], label[kept], 3.0)
            logit = design[i] @ w
            exact += (np.logaddexp(0, logit) - label[i] * logit) / len(label)
        assert linear._left_out(design, label, 3.0) == pytest.approx(exact, rel=0.02)
        inside = linear._log_loss(design @ linear._newton(design, label, 3.0)[0], label)
        assert inside < 0.97 * exact  # the twin: without leaving out

    def test_refusals(self):
        with pytest.raises(InputError, match="both classes"):
            linear.logistic(np.zeros((3, 1)), np.ones(3))
        with pytest.raises(InputError, match="2 rows or more"):
            linear.ridge(np.zeros((1, 1)), np.ones(1))


class TestQuality:
    """Measures against scipy and counting."""

    @pytest.fixture
    def data(self):
        generator = np.random.default_rng(1)
        target = generator.normal(size=60).round(1)
        return (target + generator.normal(size=60)).round(1), target

    def test_measures_on_few_rows_are_marked(self):
        found = {"a": {"predictor": {"Pearson": 1.0, "rows": 3}}}
        assert "Warning: measured on 3 rows; on fewer than 10" in quality.as_markdown(found)
        found["a"]["predictor"]["rows"] = 10
        assert "Warning" not in quality.as_markdown(found)

    def test_correlations(self, data):
        assert quality.pearson(*data) == pytest.approx(scipy.stats.pearsonr(*data).statistic)
        assert quality.spearman(*data) == pytest.approx(scipy.stats.spearmanr(*data).statistic)
        assert np.isnan(quality.pearson(np.ones(4), np.arange(4.0)))

    def test_r_squared_of_a_line_is_the_squared_correlation(self, data):
        line = np.polyval(np.polyfit(*data, 1), data[0])
        expected = scipy.stats.pearsonr(*data).statistic ** 2
        assert quality.r_squared(line, data[1]) == pytest.approx(expected)

    def test_auc(self, data):
        score, label = data[0], (data[1] > 0).astype(float)
        u = scipy.stats.mannwhitneyu(score[label == 1], score[label == 0]).statistic
        pairs = label.sum() * (1 - label).sum()
        assert quality.auc(score, label) == pytest.approx(u / pairs)

    def test_length_matched_auc_counts_pairs_of_equal_length(self, data):
        score, label = data[0], (data[1] > 0).astype(float)
        lengths = np.arange(60) % 4
        won = [
            0.5 + 0.5 * np.sign(score[i] - score[j])
            for i in range(60)
            for j in range(60)
            if label[i] > label[j] and lengths[i] == lengths[j]
        ]
        found, pairs = quality.length_matched_auc(score, label, lengths)
        assert (found, pairs) == (pytest.approx(np.mean(won)), len(won))

    def test_what_follows_from_length_has_no_length_matched_auc(self):
        lengths = np.repeat([5, 6, 7, 8], 10)
        label = (np.arange(40) % 10 < np.repeat([2, 4, 6, 8], 10)).astype(float)
        assert quality.auc(lengths.astype(float), label) > 0.7
        assert quality.length_matched_auc(lengths.astype(float), label, lengths)[0] == 0.5

    def test_baselines_are_plain_regressions(self):
        rows = strings(80)
        values = np.array([[s.count("G") / len(s)] for s in rows])
        trained, held_out = (
            quality.Rows(rows[:60], values[:60]),
            quality.Rows(rows[60:], values[60:]),
        )
        found = quality.measured(["g"], "regression", DNA, trained, held_out, values[60:] + 0.1)[
            "g"
        ]
        assert found["composition only"]["R2"] > 0.999
        assert found["predictor"]["RMSE"] == pytest.approx(0.1)
        error = values[60:, 0] - values[:60, 0].mean()
        assert found["mean"]["RMSE"] == pytest.approx(np.sqrt(np.mean(error**2)))
        n = np.array([len(s) for s in rows], float)
        a = np.column_stack([n, n**2, np.log(n), np.ones(80)])
        w = np.linalg.lstsq(a[:60], values[:60, 0], rcond=None)[0]
        plain = quality.r_squared(a[60:] @ w, values[60:, 0])
        assert found["length only"]["R2"] == pytest.approx(plain, abs=0.1)


class TestSplits:
    """Two halves without a row in common."""

    def test_halves_share_no_row_but_those_held_out(self):
        keys = [f"k{i}" for i in range(2000)]
        guide, judge, whole = (split(keys, half) for half in HALVES)
        assert not {*guide.train, *guide.valid} & {*judge.train, *judge.valid}
        assert (guide.test == judge.test).all()
        assert sorted([*guide.train, *judge.train]) == whole.train.tolist()
        for part, share in ((guide.train, 0.405), (guide.valid, 0.045), (guide.test, 0.1)):
            error = 5 * np.sqrt(share * (1 - share) / 2000)
            assert abs(len(part) / 2000 - share) < error

    def test_groups_stay_together(self):
        groups = [f"g{i // 10}" for i in range(300)]
        for part in split(groups, "guide"):
            assert len(part) == 10 * len({groups[i] for i in part})

    def test_no_row_moves_when_others_come(self):
        keys = [f"k{i}" for i in range(200)]
        for before, after in zip(split(keys[:100], "judge"), split(keys, "judge"), strict=True):
            assert before.tolist() == [i for i in after.tolist() if i < 100]

    def test_a_split_of_the_file_is_kept(self):
        fixed = [i % 3 == 0 for i in range(30)]
        found = split([f"k{i}" for i in range(30)], "all", fixed=fixed)
        assert found.test.tolist() == list(range(0, 30, 3))


class TestApplicability:
    """The rule and its percentile."""

    def test_the_percentile_holds_on_what_was_held_out(self):
        known, held_out = strings(100), strings(300, seed=9)
        rule = Applicability.of(DNA, known, held_out, percentile=10.0)
        brute = np.array([max(shared_runs([k])(s)[0] for k in known) for s in held_out[:20]])
        assert np.allclose(rule.similarity(held_out[:20]), brute)
        inside = rule.similarity(held_out) >= rule.threshold
        assert 0.89 <= inside.mean() <= 0.91

    def test_references_are_a_sample(self):
        rule = Applicability.of(DNA, strings(100), strings(50, seed=9), references=10, seed=1)
        assert len(rule.references) == 10
        assert set(rule.references) <= set(strings(100))

    def test_refusals(self):
        with pytest.raises(InputError, match="references must hold a string"):
            Applicability(DNA, [], 0.5, 1.0)
        with pytest.raises(InputError, match="held_out must hold a string"):
            Applicability.of(DNA, ["AC"], [])


class TestTable:
    """Files, row by row."""

    def read(self, tmp_path, text, *targets, **options):
        file = tmp_path / "mine.csv"
        file.write_text(text)
        task = options.pop("task", "regression")
        share = options.pop("share", 0.0)
        columns = TableColumns(targets, "s", **options)
        return read_table(file, Letters("ACGT"), columns, task=task, max_bad_fraction=share)

    def test_missing_values_and_repeats(self, tmp_path):
        text = "s,a,b\nAC,1,NaN\nGT,,2\nAC,3,\n"
        table = self.read(tmp_path, text, "a", "b")
        assert table.strings == ("AC", "GT")
        assert np.array_equal(table.values, [[2.0, np.nan], [np.nan, 2.0]], equal_nan=True)
        assert table.merged == 1

    def test_conditions_become_outputs(self, tmp_path):
        text = "s,y,medium\nAC,1,rich\nAC,2,poor\nGT,3,rich\n"
        table = self.read(tmp_path, text, "y", condition="medium")
        assert table.outputs == ("poor", "rich")
        assert np.array_equal(table.values, [[2.0, 1.0], [np.nan, 3.0]], equal_nan=True)

    def test_the_digest_does_not_depend_on_order(self, tmp_path):
        a = self.read(tmp_path, "s,a\nAC,1\nGT,2\n", "a").digest
        assert a == self.read(tmp_path, "s,a\nGT,2\nAC,1\n", "a").digest
        assert a != self.read(tmp_path, "s,a\nGT,2\nAC,1.5\n", "a").digest

    def test_groups_and_splits(self, tmp_path):
        text = "s,a,g,part\nAC,1,x,train\nGT,2,,test\n"
        table = self.read(tmp_path, text, "a", group="g", split="part")
        assert (table.groups, table.splits) == (("x", "GT"), ("train", "test"))

    @pytest.mark.parametrize(
        ("text", "options", "message"),
        [
            (
                "s,a\nAC,1\nGT,high\n",
                {},
                r"row 2: column 'a' must be a number, or empty, got 'high'",
            ),
            ("s,a\nAC,1\nGT,-1e30\n", {}, r"row 2: column 'a' must be at most 1e\+18, got '-1e30'"),
            ("s,a\nAC,1\nGX,2\n", {}, r"row 2: 'GX': letter 'X' is not in the alphabet"),
            ("s,a\nAC,1\nGT,\n", {}, r"row 2: no value in 'a'"),
            ("s,a\nAC,1\n,2\n", {}, r"row 2: empty"),
            ("s,a\nAC,1\nGT,inf\n", {}, r"row 2: .*must be a number.*'inf'"),
            ("s,a\nAC,1\nGT,2\n", {"task": "classification"}, r"row 2: .*must be 0 or 1.*'2'"),
            (
                "s,a\nAC,1\nGT,0\nAC,0\n",
                {"task": "classification"},
                r"row 1: 'AC' is of both classes of 'a'",
            ),
            ("s,a,m\nAC,1,\n", {"condition": "m"}, r"row 1: column 'm' must name a condition"),
            ("s,b\nAC,1\n", {}, r"must have a column 'a', got s, b"),
        ],
    )
    def test_bad_rows_are_named(self, tmp_path, text, options, message):
        with pytest.raises(DataError, match=message):
            self.read(tmp_path, text, "a", **options)

    def test_some_bad_rows_are_left_out(self, tmp_path):
        table = self.read(tmp_path, "s,a\nAC,1\nGT,x\n", "a", share=0.5)
        assert (table.strings, table.report.bad) == (("AC",), 1)

    def test_several_targets_have_no_condition(self):
        with pytest.raises(InputError, match="target must be one column where condition"):
            TableColumns(("a", "b"), condition="m")
