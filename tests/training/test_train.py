"""Training: the average, the times, what a kill leaves, what two processes agree on."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import ANY

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

from discdiff import random
from discdiff.data.batches import LengthBatches
from discdiff.data.encoding import encode_file
from discdiff.data.module import DataModule, Tokens, collate
from discdiff.domain import Letters
from discdiff.errors import CheckpointError, DiscdiffError, InputError
from discdiff.loss import nelbo
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.process import MaskedProcess, UniformProcess
from discdiff.training import fit as fitting
from discdiff.training import pace as pacing
from discdiff.training.best import Best
from discdiff.training.ema import EMA
from discdiff.training.lr import LearningRate
from discdiff.training.module import Training
from discdiff.training.pace import Pace
from discdiff.training.snapshots import LAST, AtomicCheckpointIO
from tests.training import trained

# Lightning warns about how it is used by itself and by torch
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec", "ignore:.*does not have many workers")


@pytest.fixture(scope="module")
def data_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained.write_data(tmp_path_factory.mktemp("training"))


def log(folder: Path, key: str) -> list[float]:
    values = []
    for version in range(len(list((folder / "log").iterdir()))):
        with (folder / "log" / f"version_{version}" / "metrics.csv").open() as file:
            values += [float(row[key]) for row in csv.DictReader(file) if row.get(key)]
    return values


def weights(source: Path | Model) -> dict[str, Tensor]:
    model = Model.load(source / "model") if isinstance(source, Path) else source
    return dict(model.denoiser.state_dict())


def assert_equal(a: dict[str, Tensor], b: dict[str, Tensor], tolerance: float = 0.0) -> None:
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], atol=tolerance, rtol=0, msg=name)


class TestEMA:
    def test_it_is_the_recursion_with_warm_up(self):
        torch.manual_seed(0)
        net = torch.nn.Linear(3, 2).double()
        ema = EMA(net, decay=0.4)
        hand = {name: value.clone() for name, value in net.state_dict().items()}
        for n in range(8):
            with torch.no_grad():
                for parameter in net.parameters():
                    parameter.add_(torch.randn_like(parameter))
            ema.update(net)
            d = min(0.4, (1 + n) / (10 + n))  # below 0.4 up to n = 4
            for name, value in net.state_dict().items():
                hand[name] = d * hand[name] + (1 - d) * value
        assert_equal(dict(ema.network.state_dict()), hand, 1e-12)

    def test_it_is_a_copy_that_is_not_trained(self):
        net = torch.nn.Dropout(0.5), torch.nn.Linear(2, 2)
        ema = EMA(torch.nn.Sequential(*net))
        assert not any(p.requires_grad for p in ema.parameters())
        assert not ema.train().network.training
        assert ema.network[1].weight is not net[1].weight

    def test_bad_decay(self):
        with pytest.raises(InputError, match=r"decay must lie in \[0, 1\], got 1.1"):
            EMA(torch.nn.Linear(1, 1), 1.1)


class TestRate:
    def test_wsd(self):
        rate = LearningRate("wsd", warmup=4, decay=0.5)
        assert [rate.factor(s, 0.1) for s in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
        assert [rate.factor(9, p) for p in (0.5, 0.75, 1.0, 1.2)] == [1.0, 0.5, 0.0, 0.0]

    def test_cosine_and_constant(self):
        rate = LearningRate("cosine", warmup=0)
        assert [round(rate.factor(0, p), 6) for p in (0, 1 / 3, 0.5, 1)] == [1.0, 0.75, 0.5, 0.0]
        assert LearningRate("constant", warmup=2).factor(0, 1.0) == 0.5

    def test_no_decay(self):
        assert LearningRate("wsd", warmup=0, decay=0.0).factor(3, 1.0) == 1.0

    def test_bad_settings(self):
        with pytest.raises(InputError, match=r"must be one of .*Did you mean 'cosine'"):
            LearningRate("cosin")
        with pytest.raises(InputError, match=r"decay must lie in \[0, 1\], got 2"):
            LearningRate("wsd", decay=2)

    def test_a_run_with_a_time_limit_ends_decayed(self, data_file, tmp_path, monkeypatch):
        clock = iter(range(10**6))  # one second a look
        monkeypatch.setattr(pacing, "monotonic", lambda: float(next(clock)))
        model, data = trained.parts(data_file)
        schedule = LearningRate("wsd", warmup=2, decay=0.5)
        trained.train(model, data, tmp_path, max_steps=10**6, max_minutes=0.2, schedule=schedule)
        rates = log(tmp_path, "train/rate")
        assert rates[:2] == pytest.approx([0.005, 0.01])
        assert rates[-1] < 0.01 * 0.2
        assert log(tmp_path, "train/minutes")[-1] == pytest.approx(0.2, abs=0.02)

    def test_time_is_kept_across_resumes(self):
        pace = Pace(LearningRate(), max_minutes=1.0)
        pace.load_state_dict({"seconds": 30.0})
        trainer: Any = SimpleNamespace(global_step=10, max_steps=100)
        assert pace.progress(trainer) == 0.5
        assert pace.state_dict() == {"seconds": 30.0}


def first_batches(data: DataModule, shares: int) -> list[Tokens]:
    stream = LengthBatches(
        data.encoded.lengths, data.train_rows, batch_tokens=48, seed=5, accumulate=shares
    )
    return [collate(data.encoded, batch) for batch, _ in zip(stream, range(shares), strict=False)]


class TestLoss:
    @pytest.mark.parametrize("shares", [1, 2, 4])
    def test_times_are_stratified_over_the_global_batch(self, data_file: Path, shares: int):
        model, data = trained.parts(data_file)
        module = Training(model, seed=1)
        times = torch.cat([module._times(batch) for batch in first_batches(data, shares)])
        strata = (times * len(times)).long().sort().values
        assert strata.tolist() == list(range(len(times)))

    def test_times_are_not_tied_to_the_order_of_the_data_and_change(self, data_file: Path):
        model, data = trained.parts(data_file)
        module = Training(model, seed=1)
        (batch,) = first_batches(data, 1)
        times = module._times(batch)
        assert not torch.equal(times, times.sort().values)
        assert not torch.equal(times, module._times(batch._replace(step=1)))
        assert not torch.equal(times, Training(model, seed=2)._times(batch))

    def test_shares_average_to_the_token_mean(self, data_file: Path, monkeypatch):
        model, data = trained.parts(data_file)
        module = Training(model, seed=1)
        monkeypatch.setattr(module, "log", lambda *args, **kwargs: None)
        batches = first_batches(data, 4)
        mean = sum(float(module.training_step(b, 0).detach()) for b in batches) / 4
        nats, tokens = 0.0, 0
        for batch in batches:
            keys = random.row_keys(1, batch.rows, torch.zeros_like(batch.rows))
            active = batch.x_0 != model.process.pad_id
            u = module._times(batch)
            noise = random.fold(keys, 1)
            per_row = nelbo(model.denoiser, model.process, batch.x_0, active, noise, u=u)
            nats, tokens = nats + float(per_row.detach().sum()), tokens + int(active.sum())
        assert mean == pytest.approx(nats / tokens, rel=1e-5)

    def test_frozen_sets(self, data_file: Path):
        encoded = encode_file(data_file, Letters("ACGT"), trained.Columns("seq", "part"))
        net = Transformer(4, 8, width=8, depth=1, heads=2, needs_time=True)
        law = LengthLaw(encoded.length_law(8))
        model = Model(net, UniformProcess(4), encoded.domain, law, frozen_training=True)
        module = Training(model, frozen_fraction=0.25)
        x_0 = torch.zeros(4000, 20, dtype=torch.int64)
        x_0[:, 15:] = model.process.pad_id
        active = module._active(x_0, torch.arange(4000))
        assert not active[:, 15:].any()
        touched = ~active[:, :15].all(1)
        # a row of a frozen set with rate r ~ U(0, 1) keeps all 15 with probability 1/16
        assert touched.float().mean() == pytest.approx(0.25 * 15 / 16, abs=0.03)
        assert (~active[touched, :15]).float().mean() == pytest.approx(0.5 * 16 / 15, abs=0.05)
        plain = Model(net, UniformProcess(4), encoded.domain, law)
        with pytest.raises(InputError, match="exactly where the model says frozen_training"):
            Training(plain, frozen_fraction=0.25)
        with pytest.raises(InputError, match="exactly where the model says frozen_training"):
            Training(model)

    def test_validation_is_the_count_form_of_the_average(self, data_file: Path, tmp_path: Path):
        model, data = trained.parts(data_file)
        averaged = trained.train(model, data, tmp_path, max_steps=4, valid_every=4)
        expected = pytest.approx(held_out_nats(averaged, data), rel=1e-4)
        assert log(tmp_path, "valid/nats_per_token") == [expected]


def held_out_nats(model: Model, data: DataModule) -> float:
    """The NELBO a token of the validation rows, with the noise that training gives them."""
    nats, tokens = 0.0, 0
    for batch in data.val_dataloader():
        keys = random.row_keys(5, batch.rows, torch.full_like(batch.rows, -1))
        active = batch.x_0 != 5
        noise = random.fold(keys, 3)
        with torch.no_grad():
            per_row = nelbo(
                model.denoiser, MaskedProcess(4), batch.x_0, active, noise, form="count"
            )
        nats, tokens = nats + float(per_row.sum()), tokens + int(active.sum())
    return nats / tokens


class TestPatience:
    def test_a_run_that_gets_worse_ends_with_its_best_weights(self, data_file, tmp_path):
        model, data = trained.parts(data_file)
        options = {"rate": 0.1, "ema": 0.0, "valid_every": 1, "max_steps": 200, "patience": 3}
        averaged = trained.train(model, data, tmp_path, **options)
        seen = log(tmp_path, "valid/nats_per_token")
        assert len(seen) < 200
        assert seen.index(min(seen)) == len(seen) - 4
        assert held_out_nats(averaged, data) == pytest.approx(min(seen), rel=1e-4)
        assert_equal(weights(tmp_path), weights(averaged))

    def test_the_best_weights_survive_a_resume(self):
        kept = Best("valid/nats_per_token")
        kept.load_state_dict({"lowest": 1.5, "weights": {"a": torch.ones(2)}})
        metrics: Any = SimpleNamespace(callback_metrics={"valid/nats_per_token": 1.6})
        kept.on_validation_end(metrics, None)
        assert kept.state_dict() == {"lowest": 1.5, "weights": {"a": ANY}}

    def test_it_needs_rows_to_validate_on(self, data_file, tmp_path):
        model, data = trained.parts(data_file)
        data.valid_rows = data.valid_rows[:0]
        with pytest.raises(InputError, match="patience must be 0 where nothing is held out"):
            trained.train(model, data, tmp_path, patience=2)


@pytest.mark.parametrize("uniform", [False, True])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_pattern_is_learnt(tmp_path: Path, uniform: bool, precision: str):
    """ABAB... or BABA...: one bit a row, against log 2 a letter before training."""
    path = tmp_path / "data.txt"
    path.write_text("ABABAB\nBABABA\n" * 32)
    encoded = encode_file(path, Letters("AB"))
    net = Transformer(2, 6, width=16, depth=1, heads=2, needs_time=uniform)
    process = (UniformProcess if uniform else MaskedProcess)(2)
    model = Model(net, process, encoded.domain, LengthLaw.fixed(6), frozen_training=uniform)
    data = DataModule(encoded, batch_size=32, valid_split=None)
    averaged = trained.train(
        model,
        data,
        tmp_path / "run",
        max_steps=80,
        precision=precision,
        frozen_fraction=0.25 if uniform else 0.0,
    )
    x_0 = torch.tensor([[0, 1, 0, 1, 0, 1], [1, 0, 1, 0, 1, 0]]).repeat(300, 1)
    with torch.no_grad():
        nats = nelbo(averaged.denoiser, process, x_0, x_0 >= 0, torch.arange(600)).mean()
    assert np.log(2) - 0.15 < float(nats) < 0.5 * 6 * np.log(2)


def program(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, trained.__file__, str(folder), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=Path(__file__).parents[2],
    )


class TestResume:
    @pytest.mark.parametrize("optimiser", ["adamw", "muon"])
    def test_a_killed_run_ends_with_the_weights_of_an_uninterrupted_one(
        self, data_file: Path, tmp_path: Path, optimiser: str
    ):
        options = {"snapshot_steps": 3, "accumulate": 2, "optimiser": optimiser}
        whole = trained.train(*trained.parts(data_file, dropout=0.2), tmp_path / "whole", **options)
        trained.write_data(tmp_path)
        folder = tmp_path / "killed"
        command = ("--dropout", "0.2", "--accumulate", "2", "--kill-at", "5")
        command += ("--optimiser", optimiser)
        assert program(folder, *command).returncode == -signal.SIGKILL
        assert (folder / LAST).is_file()
        assert torch.load(folder / LAST, weights_only=True)["global_step"] == 3
        again = trained.train(*trained.parts(data_file, seed=9, dropout=0.2), folder, **options)
        assert_equal(weights(again), weights(whole))
        assert_equal(weights(folder), weights(tmp_path / "whole"))
        # steps 3 and 4 had been logged before the kill; the losses after it are the same
        losses = log(tmp_path / "whole", "train/nats_per_token")
        assert log(folder, "train/nats_per_token")[-4:] == losses[-4:]

    def test_a_finished_run_is_left_as_it_is(self, data_file: Path, tmp_path: Path):
        first = trained.train(*trained.parts(data_file), tmp_path)
        again = trained.train(*trained.parts(data_file, seed=9), tmp_path)
        assert_equal(weights(first), weights(again))

    @pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
    def test_a_truncated_checkpoint(self, data_file: Path, tmp_path: Path, share: float):
        trained.train(*trained.parts(data_file), tmp_path, max_steps=1)
        whole = (tmp_path / LAST).read_bytes()
        (tmp_path / LAST).write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(CheckpointError, match=r"last.ckpt is not a whole training checkpoint"):
            trained.train(*trained.parts(data_file), tmp_path)

    def test_a_hostile_checkpoint_runs_nothing(self, data_file: Path, tmp_path: Path):
        torch.save({"state_dict": Bomb(tmp_path / "ran")}, tmp_path / LAST)
        with pytest.raises(CheckpointError, match="not a whole training checkpoint"):
            trained.train(*trained.parts(data_file), tmp_path)
        assert not (tmp_path / "ran").exists()

    def test_a_checkpoint_of_something_else(self, data_file: Path, tmp_path: Path):
        torch.save({"state_dict": {}}, tmp_path / LAST)
        with pytest.raises(CheckpointError, match="must be a training checkpoint of discdiff"):
            trained.train(*trained.parts(data_file), tmp_path)

    def test_a_failed_write_leaves_the_older_checkpoint(self, tmp_path: Path):
        io = AtomicCheckpointIO()
        io.save_checkpoint({"a": 1}, tmp_path / LAST)
        with pytest.raises(Exception, match="pickle"):
            io.save_checkpoint({"a": lambda: 0}, tmp_path / LAST)
        assert torch.load(tmp_path / LAST) == {"a": 1}
        assert [p.name for p in tmp_path.iterdir()] == [LAST]


class Bomb:
    """Unpickled, it writes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return Path.write_text, (self.target, "boom")


class Poison(pl.Callback):
    """Turns a weight into nan after three steps."""

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *args: Any) -> None:
        if trainer.global_step == 3:
            with torch.no_grad():
                pl_module.denoiser.norm.weight[0] = float("nan")


def test_a_diverged_run_stops_and_keeps_what_was_good(data_file: Path, tmp_path: Path):
    with pytest.raises(DiscdiffError, match=r"training diverged by step 4: .* Lower the rate"):
        trained.train(*trained.parts(data_file), tmp_path, snapshot_steps=2, callbacks=[Poison()])
    assert torch.load(tmp_path / LAST, weights_only=True)["global_step"] == 2
    Model.load(tmp_path / "model")


def test_two_processes_equal_two_accumulated_steps(data_file: Path, tmp_path: Path):
    """Gradients, times, rows, clock and average are those of one process with the same shares."""
    trained.write_data(tmp_path)
    done = program(tmp_path / "two", "--devices", "2")
    assert done.returncode == 0, done.stderr[-2000:]
    one = trained.train(*trained.parts(data_file), tmp_path / "one", accumulate=2)
    # sums of float32 gradients in another order, through nine steps of AdamW
    assert_equal(weights(tmp_path / "two"), weights(one), 2e-4)
    ema = torch.load(tmp_path / "two" / LAST, weights_only=True)["state_dict"]["ema.updates"]
    assert int(ema) == trained.STEPS
    two, single = (log(tmp_path / name, "valid/nats_per_token") for name in ("two", "one"))
    assert two == pytest.approx(single, rel=1e-3)
    names = {"last.ckpt", "log", "model"}
    assert {p.name for p in (tmp_path / "two").iterdir()} == names


class TestQuality:
    def test_shares(self):
        model: Any = SimpleNamespace(domain=Letters("AB"))
        measured = fitting.quality(model, ["A", "A", "B", "", "X"])
        assert measured == {"sample/valid": 0.6, "sample/unique": 2 / 3}
        assert fitting.quality(model, []) == {"sample/valid": 0.0, "sample/unique": 0.0}

    def test_it_is_logged_after_each_validation(self, data_file: Path, tmp_path: Path):
        trained.train(*trained.parts(data_file), tmp_path, samples=8)
        assert log(tmp_path, "sample/valid") == [1.0, 1.0, 1.0]  # steps 4, 8 and the last


class TestLogger:
    def test_names(self, tmp_path: Path):
        assert fitting.make_logger("none", tmp_path) is False
        with pytest.raises(InputError, match="logger must be one of csv, wandb, none, got 'tb'"):
            fitting.make_logger("tb", tmp_path)

    def test_wandb_works_offline(self, tmp_path: Path, monkeypatch):
        monkeypatch.setenv("WANDB_MODE", "offline")
        trained.write_data(tmp_path)
        done = program(tmp_path / "run", "--logger", "wandb")
        assert done.returncode == 0, done.stderr[-2000:]
        assert list((tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb"))
        assert not (tmp_path / "run" / "log").exists()

    def test_a_service_that_cannot_be_reached_is_one_line(
        self, tmp_path: Path, monkeypatch, caplog
    ):
        def refuse(*args: object, **kwargs: object) -> None:
            raise ConnectionError("no route to host\nand more")

        monkeypatch.setattr("pytorch_lightning.loggers.WandbLogger", refuse)
        logger = fitting.make_logger("wandb", tmp_path)
        line = "discdiff: wandb cannot be used, logging to csv: no route to host"
        assert [record.getMessage() for record in caplog.records] == [line]
        assert isinstance(logger, pl.loggers.CSVLogger)
