"""Training by least squares: what it tends to, what it leaves, what a kill does not change."""

import json

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from discdiff.checkpoint import CONFIG
from discdiff.domain import Letters
from discdiff.errors import CheckpointError, InputError, UnsupportedError
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.smoothed.denoiser import SmoothedNetwork
from discdiff.smoothed.model import SmoothedModel
from discdiff.smoothed.training import SmoothedTraining, fit
from discdiff.smoothed.walk_jump import WalkJump
from tests.exact.laws import LETTERS, dirichlet
from tests.smoothed.smooth import mean_of, smoothed

SIGMA = 0.6
LAW = dirichlet(2, 3, seed=2, concentration=0.4)
SMALL = {"width": 16, "depth": 1, "heads": 2, "batch_tokens": 300, "valid_fraction": 0.1}


def pool(n=1000):
    times = np.round(LAW.p * n).astype(int)
    words = ["".join(LETTERS[i] for i in row) for row in LAW.rows]
    return [word for word, t in zip(words, times, strict=True) for _ in range(t)]


def train(folder, **options):
    return fit(pool(), Letters("AB"), folder, **{"sigma": SIGMA, "steps": 6} | SMALL | options)


def far_from_exact(model):
    y = smoothed(LAW, SIGMA, n=2000)
    allowed = torch.ones(y.shape, dtype=torch.bool)
    with torch.no_grad():
        found = model.denoiser(torch.from_numpy(y), allowed).numpy()
    return float(np.sqrt(((found - mean_of(LAW, y, SIGMA)) ** 2).mean()))


def test_the_network_tends_to_the_posterior_mean(tmp_path):
    model = train(tmp_path, steps=120)
    fresh = SmoothedNetwork(Transformer(2, 3, width=16, depth=1, heads=2), SIGMA).eval()
    start = SmoothedModel(fresh, Letters("AB"), LengthLaw.fixed(3))
    assert far_from_exact(model) < 0.05
    assert far_from_exact(start) > 0.1
    likeliest = LETTERS[LAW.rows[LAW.p.argmax()][0]]
    drawn = WalkJump(model, steps=40).sample(200, key=1).strings
    assert sum(s[0] == likeliest for s in drawn) > 120


def test_a_folder_is_read_back_as_it_was(tmp_path):
    model = train(tmp_path)
    again = SmoothedModel.load(tmp_path / "model")
    assert (again.sigma, again.max_length, again.frozen_training) == (SIGMA, 3, True)
    for drawn in (again, SmoothedModel.load(saved(again, tmp_path / "other"))):
        assert (
            WalkJump(drawn, 5).sample(9, key=1).strings
            == WalkJump(model, 5).sample(9, key=1).strings
        )
    card = (tmp_path / "model" / "README.md").read_text()
    assert "Transformer" in card
    assert "smoothed at σ = 0.6 for walk-jump sampling, letters alphabet of 2 tokens" in card
    assert {file.name for file in (tmp_path / "model").iterdir()} == {
        "config.json",
        "model.safetensors",
        "README.md",
    }


def saved(model, folder):
    model.save(folder)
    model.save(folder)  # over itself
    return folder


def test_a_training_that_is_cut_off_goes_on_as_if_it_were_not(tmp_path):
    class Cut(pl.Callback):
        def on_train_batch_end(self, trainer, *_):
            if trainer.global_step == 4:
                raise KeyError("power")

    with pytest.raises(KeyError, match="power"):
        train(tmp_path / "cut", snapshot_steps=2, callbacks=[Cut()])
    resumed = train(tmp_path / "cut", snapshot_steps=2)
    whole = train(tmp_path / "whole", snapshot_steps=2)
    for one, other in zip(
        resumed.denoiser.state_dict().values(), whole.denoiser.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)


def test_samples_are_measured_on_the_way(tmp_path):
    train(tmp_path, samples=10, valid_every=3)
    logged = (tmp_path / "log" / "version_0" / "metrics.csv").read_text()
    for name in ("valid/squared_error", "train/squared_error", "sample/valid", "sample/unique"):
        assert name in logged


def test_without_frozen_rows_a_model_says_so(tmp_path):
    model = train(tmp_path, frozen_fraction=0.0, steps=2)
    assert not model.frozen_training
    assert not SmoothedModel.load(tmp_path / "model").frozen_training
    with pytest.raises(InputError, match="frozen_fraction must be above 0 exactly where the model"):
        SmoothedTraining(model, frozen_fraction=0.25)


def test_only_networks_are_trained_and_saved(tmp_path):
    exact = SmoothedModel.tabular(["AB", "BA"])
    with pytest.raises(InputError, match="must be a SmoothedNetwork to be trained, got Tabular"):
        SmoothedTraining(exact)
    with pytest.raises(InputError, match="must be a SmoothedNetwork to be saved, got Tabular"):
        exact.save(tmp_path / "exact")


def test_folders_that_hold_no_smoothed_model_are_not_read(tmp_path):
    with pytest.raises(CheckpointError, match="a model is a folder"):
        SmoothedModel.load(tmp_path / "nothing")
    folder = tmp_path / "model"
    net = SmoothedNetwork(Transformer(2, 3, width=8, depth=1, heads=2), SIGMA)
    SmoothedModel(net, Letters("AB"), LengthLaw.fixed(3)).save(folder)
    with pytest.raises(CheckpointError, match="must describe a discrete model, got a smoothed one"):
        Model.load(folder)
    config = json.loads((folder / CONFIG).read_text())
    for change, message in (
        ({"kind": "discrete"}, "must describe a smoothed model, got a discrete one.*model.Model"),
        ({"kind": "wavy"}, "got a wavy one, which is read by no class of this version"),
        ({"format_version": 9}, "format_version 1 or older, got 9"),
        ({"sigma": -1}, "does not describe a model: sigma must be greater than 0"),
        ({"lengths": "abc"}, "does not describe a model: lengths must be a list"),
        ({"lengths": [0, 0, 0, 0, 1]}, "lengths must end at the denoiser's 3 tokens, got 4"),
        ({"denoiser": config["denoiser"] | {"width": 12}}, "must have shape"),
    ):
        (folder / CONFIG).write_text(json.dumps(config | change))
        with pytest.raises(CheckpointError, match=message):
            SmoothedModel.load(folder)
    del config["sigma"]
    (folder / CONFIG).write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="must have the key 'sigma'"):
        SmoothedModel.load(folder)


def test_parts_that_do_not_fit_are_refused():
    net = SmoothedNetwork(Transformer(2, 3, width=8, depth=1, heads=2), SIGMA)
    with pytest.raises(InputError, match="one vocabulary, got sizes 2 and 4"):
        SmoothedModel(net, Letters("ACGT"), LengthLaw.fixed(3))
    with pytest.raises(InputError, match="lengths must end at the denoiser's 3 tokens, got 4"):
        SmoothedModel(net, Letters("AB"), LengthLaw.fixed(4))
    held = Model.load("qm9_masked").with_template("C1CC([*:1])C1")
    small = Transformer(held.vocab_size, 3, width=8, depth=1, heads=2)
    with pytest.raises(UnsupportedError, match="domain must not be held to a scaffold"):
        SmoothedModel(SmoothedNetwork(small, SIGMA), held.domain, LengthLaw.fixed(3))
