"""Length laws, models, and model folders: whole, broken, foreign and hostile ones."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from discdiff.checkpoint import locate
from discdiff.class_masked import ClassMaskedProcess
from discdiff.denoiser import Denoiser
from discdiff.domain import Letters
from discdiff.errors import CheckpointError, InputError
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.padding import Padded
from discdiff.process import MaskedProcess, UniformProcess
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.schedule import CosineMD4, Polynomial

DNA = Letters("ACGT")


def make(uniform: bool = False, **options: object) -> Model:
    torch.manual_seed(1)
    net = Transformer(4, max_length=6, width=8, depth=1, heads=2, needs_time=uniform).eval()
    process = (UniformProcess if uniform else MaskedProcess)(4, Polynomial(2.0))
    return Model(net, process, DNA, LengthLaw([0, 0.25, 0, 0.75]), **options)


class TestLengthLaw:
    def test_quantiles_follow_the_law(self):
        law = LengthLaw([0, 2, 0, 6, 0])
        u = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
        assert torch.bincount(law.at(u), minlength=5).tolist() == [0, 250, 0, 750, 0]

    def test_the_ends_are_lengths_of_the_law(self):
        law = LengthLaw([0, 0, 1 / 3, 1 / 3, 1 / 3, 0, 0])
        assert law.at(torch.tensor([1e-17, 1 - 1e-16], dtype=torch.float64)).tolist() == [2, 4]
        assert law.max_length == 6

    def test_fixed(self):
        assert LengthLaw.fixed(3).at(torch.tensor([0.01, 0.99])).tolist() == [3, 3]

    @pytest.mark.parametrize(
        "weights", [[], [0.0], [1.0, 1.0], [0.0, 0.0], [0.0, -1.0, 2.0], [0.0, float("nan")]]
    )
    def test_what_is_no_law_is_refused(self, weights: list[float]):
        with pytest.raises(InputError, match="probabilit"):
            LengthLaw(weights)


class TestModel:
    def test_sizes_must_agree(self):
        net = Transformer(4, max_length=6, width=8, depth=1, heads=2)
        with pytest.raises(InputError, match="one vocabulary, got sizes 4, 5, 4"):
            Model(net, MaskedProcess(5), DNA, LengthLaw.fixed(3))
        with pytest.raises(InputError, match="end at the denoiser's 6 tokens, got 7"):
            Model(net, MaskedProcess(4), DNA, LengthLaw.fixed(7))
        with pytest.raises(InputError, match="needs a denoiser with needs_time=True"):
            Model(net, UniformProcess(4), DNA, LengthLaw.fixed(6))
        with pytest.raises(InputError, match=r"lengths must be LengthLaw.fixed\(6\), the width"):
            Model(
                Transformer(5, max_length=6, width=8, depth=1, heads=2),
                MaskedProcess(5),
                Padded(DNA, 6),
                LengthLaw([0, 0, 1, 0, 0, 0, 1]),
            )

    def test_frozen_positions_are_known_to_masked_and_so_trained_models(self):
        assert make().handles_frozen
        assert not make(uniform=True).handles_frozen
        assert make(uniform=True, frozen_training=True).handles_frozen


class TestFolder:
    @pytest.mark.parametrize("uniform", [False, True])
    def test_a_model_comes_back(self, tmp_path: Path, uniform: bool):
        model = make(uniform, card={"title": "x", "n": 3}, frozen_training=uniform)
        model.save(tmp_path / "m")
        again = Model.load(tmp_path / "m")
        x, t = torch.tensor([[0, 4, 5], [3, 2, 1]]), torch.tensor([0.2, 0.8])
        assert torch.equal(again.denoiser(x, t), model.denoiser(x, t))
        assert not again.denoiser.training
        assert again.process.kind == model.process.kind
        assert again.process.schedule.settings() == {"power": 2.0}
        assert again.domain.alphabet.tokens == DNA.alphabet.tokens
        assert again.lengths.probabilities.tolist() == [0, 0.25, 0, 0.75]
        assert again.card == {"title": "x", "n": 3}
        assert again.frozen_training is uniform

    def test_the_schedules_of_classes_come_back(self, tmp_path: Path):
        net = Transformer(4, max_length=3, width=8, depth=1, heads=2, needs_time=True).eval()
        late = {"late": Polynomial(3.0)}
        process = ClassMaskedProcess(4, CosineMD4(), {"late": [0, 3], "other": [1]}, late)
        model = Model(net, process, DNA, LengthLaw.fixed(3), frozen_training=True)
        model.save(tmp_path / "m")
        again = Model.load(tmp_path / "m").process
        assert repr(again) == repr(process)
        t = torch.tensor([0.25], dtype=torch.float64)
        assert torch.equal(again.levels(t), process.levels(t))
        config = json.loads((tmp_path / "m" / "config.json").read_text())["process"]
        assert config == {
            "name": "class_masked",
            "vocab_size": 4,
            "schedule": {"name": "cosine_md4"},
            "token_classes": {"late": [0, 3], "other": [1]},
            "schedules": {"late": {"name": "polynomial", "power": 3.0}},
        }

    def test_half_precision_is_loaded_as_float32(self, tmp_path: Path):
        model = make()
        model.save(tmp_path / "m", dtype="bfloat16")
        again = Model.load(tmp_path / "m")
        for name, value in again.denoiser.state_dict().items():
            assert value.dtype == torch.float32
            expected = model.denoiser.state_dict()[name].bfloat16().float()
            assert torch.equal(value, expected)

    def test_an_older_model_is_replaced_and_nothing_is_left_behind(self, tmp_path: Path):
        make().save(tmp_path / "m")
        make(uniform=True).save(tmp_path / "m")
        assert Model.load(tmp_path / "m").process.kind == "uniform"
        assert [p.name for p in tmp_path.iterdir()] == ["m"]
        names = {"README.md", "config.json", "model.safetensors"}
        assert {p.name for p in (tmp_path / "m").iterdir()} == names

    def test_the_card_says_what_the_model_is(self, tmp_path: Path):
        make(card={"title": "My model", "data": {"rows": 7}, "licence": "MIT"}).save(tmp_path / "m")
        text = (tmp_path / "m" / "README.md").read_text()
        assert text.startswith("# My model\n")
        for part in ("masked diffusion", "alphabet of 4 tokens", "## Data", "| rows | 7 |", "MIT"):
            assert part in text

    def test_a_folder_of_something_else_is_not_touched(self, tmp_path: Path):
        (tmp_path / "thesis.txt").write_text("precious")
        with pytest.raises(InputError, match="folder must be new or a model folder"):
            make().save(tmp_path)
        assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]

    def test_what_is_not_registered_is_not_saved(self, tmp_path: Path):
        class Plain(Denoiser):
            def forward(self, x_t, t, cond=None, at=None):
                return torch.zeros(*x_t.shape, 4)

            def settings(self):
                return {}

        model = Model(Plain(4, 6), MaskedProcess(4), DNA, LengthLaw.fixed(6))
        with pytest.raises(InputError, match="must be registered under denoisers"):
            model.save(tmp_path / "m")
        assert not list(tmp_path.iterdir())

    def test_a_failed_save_leaves_the_older_model(self, tmp_path: Path, monkeypatch):
        make().save(tmp_path / "m")

        def full(*args: object, **kwargs: object) -> None:
            raise OSError("No space left on device")

        monkeypatch.setattr(safetensors.torch, "save_file", full)
        with pytest.raises(OSError, match="No space left"):
            make(uniform=True).save(tmp_path / "m")
        assert Model.load(tmp_path / "m").process.kind == "masked"
        assert [p.name for p in tmp_path.iterdir()] == ["m"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make().save(tmp_path / "m")
    return tmp_path / "m"


def edit(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


class TestBrokenFolder:
    def test_missing(self, tmp_path: Path):
        with pytest.raises(InputError, match="model must be a folder or one of"):
            Model.load(tmp_path / "nothing")

    def test_a_folder_of_its_name_without_a_model_hides_none(self, tmp_path: Path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "qm9_masked").mkdir()
        assert locate("qm9_masked").name == "qm9_masked"
        assert locate("qm9_masked").is_absolute()
        for name in ("config.json", "model.safetensors"):
            (tmp_path / "qm9_masked" / name).touch()
        assert locate("qm9_masked") == Path("qm9_masked")

    def test_a_nearly_right_name(self):
        with pytest.raises(InputError, match="Did you mean 'zinc_selfies'"):
            Model.load("zinc_selfie")

    @pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
    def test_a_missing_file(self, folder: Path, name: str):
        (folder / name).unlink()
        with pytest.raises(CheckpointError, match=f"must hold {name}"):
            Model.load(folder)

    @pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
    def test_truncated_at_any_byte(self, folder: Path, name: str):
        whole = (folder / name).read_bytes()
        for end in {*range(0, len(whole) - 2, max(1, len(whole) // 60)), 7, 8, 9, len(whole) - 2}:
            (folder / name).write_bytes(whole[:end])
            with pytest.raises(CheckpointError, match=name):
                Model.load(folder)

    def test_nested_too_deeply(self, folder: Path):
        (folder / "config.json").write_text("[" * 100_000)
        with pytest.raises(CheckpointError, match="config.json cannot be read"):
            Model.load(folder)

    def test_a_newer_version(self, folder: Path):
        edit(folder, format_version=2)
        with pytest.raises(CheckpointError, match="format_version 1 or older, got 2"):
            Model.load(folder)

    @pytest.mark.parametrize("version", [None, "1", 0, True])
    def test_no_version(self, folder: Path, version: object):
        edit(folder, format_version=version)
        with pytest.raises(CheckpointError, match="must have a format_version"):
            Model.load(folder)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"process": {"name": "maskd", "vocab_size": 4}}, "schedule must be a mapping"),
            ({"domain": {"name": "leters", "letters": "ACGT"}}, "Did you mean 'letters'"),
            (
                {"domain": {"name": "letters", "letters": "ACG"}},
                "one vocabulary, got sizes 4, 4, 3",
            ),
            ({"domain": {"name": "letters", "lettrs": "ACGT"}}, "has no option 'lettrs'"),
            ({"domain": ["letters"]}, "domain must be a mapping"),
            ({"domain": {"name": "letters", "letters": None}}, "config.json"),
            ({"denoiser": {"name": "transformer", "vocab_size": "4"}}, "config.json"),
            ({"denoiser": {"name": "os.system"}}, "denoiser must be one of"),
            ({"lengths": [0, 1, 0, 0, 0, 0, 0, 1]}, "end at the denoiser's 6 tokens, got 7"),
            ({"lengths": {"3": 1}}, "lengths must be a list"),
            ({"lengths": [0, "1"]}, "length probability must be a finite number"),
            ({"length_mode": "packed"}, "length_mode must be one of"),
        ],
    )
    def test_a_configuration_that_does_not_fit(
        self, folder: Path, changes: dict[str, object], message: str
    ):
        edit(folder, **changes)
        with pytest.raises(CheckpointError, match=message):
            Model.load(folder)

    def test_weights_of_another_shape(self, folder: Path):
        config = json.loads((folder / "config.json").read_text())
        edit(folder, denoiser=config["denoiser"] | {"width": 16})
        with pytest.raises(CheckpointError, match=r"must have shape \(.*16\), got \(.*8\)"):
            Model.load(folder)

    def test_weights_of_another_network(self, folder: Path):
        config = json.loads((folder / "config.json").read_text())
        edit(folder, denoiser=config["denoiser"] | {"depth": 2})
        with pytest.raises(CheckpointError, match=r"missing \['blocks.1"):
            Model.load(folder)

    def test_weights_that_are_not_numbers(self, folder: Path):
        weights: dict[str, Tensor] = safetensors.torch.load_file(folder / "model.safetensors")
        weights["norm.weight"][0] = float("nan")
        safetensors.torch.save_file(weights, folder / "model.safetensors")
        with pytest.raises(CheckpointError, match=r"norm.weight must be finite"):
            Model.load(folder)


class Bomb:
    """Unpickled, it writes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return Path.write_text, (self.target, "boom")


class TestHostile:
    def test_a_pickle_runs_nothing(self, folder: Path, tmp_path: Path):
        target = tmp_path / "ran"
        for data in (pickle.dumps(Bomb(target)),):
            for name in ("config.json", "model.safetensors"):
                whole = (folder / name).read_bytes()
                (folder / name).write_bytes(data)
                with pytest.raises(CheckpointError, match=name):
                    Model.load(folder)
                (folder / name).write_bytes(whole)
        assert not target.exists()

    @pytest.mark.parametrize("name", ["last.ckpt", "model.pt", "model.pkl"])
    def test_a_pickle_given_for_a_folder_is_not_opened(self, tmp_path: Path, name: str):
        target = tmp_path / "ran"
        torch.save({"x": Bomb(target)}, tmp_path / name)
        with pytest.raises(CheckpointError, match="a pickle can run code and is not opened"):
            Model.load(tmp_path / name)
        with pytest.raises(CheckpointError, match=f"{name} is a pickle, which is not opened"):
            Model.load(tmp_path)
        assert not target.exists()


def test_a_plain_module_can_be_wrapped():
    class Wrapped(Denoiser):
        def __init__(self) -> None:
            super().__init__(4, 6)
            self.net = nn.Sequential(nn.Embedding(6, 8), nn.Linear(8, 4))

        def forward(self, x_t, t, cond=None, at=None):
            out = self.net(x_t).log_softmax(-1)
            return out if at is None else out[at]

    model = Model(Wrapped(), MaskedProcess(4), DNA, LengthLaw.fixed(6))
    assert model.max_length == 6


def test_in_bfloat16_a_shipped_model_says_nearly_the_same_in_float32():
    exact, rough = (Model.load("qm9_masked", precision=p) for p in ("float32", "bfloat16"))
    x_t = exact.domain.encode_batch(["CC(C)=O", "C1CCOC1"], width=exact.max_length)
    x_t[:, ::3] = x_t[:, ::3].where(x_t[:, ::3] == exact.process.pad_id, exact.process.mask_id)
    t = torch.full((2,), 0.5)
    with torch.no_grad():
        p, q = exact.denoiser(x_t, t), rough.denoiser(x_t, t)
    masked = x_t == exact.process.mask_id
    assert q.dtype == torch.float32
    assert torch.allclose(q.logsumexp(-1), torch.zeros(q.shape[:2]), atol=1e-5)
    assert 0 < (p.exp() - q.exp())[masked].abs().max() < 0.05
    assert FirstHitting(rough).sample(3, key=1).counts["nfe"] > 0


def test_an_unknown_precision_is_refused():
    with pytest.raises(InputError, match="precision must be one of float32, bfloat16, got 'half'"):
        Model.load("qm9_masked", precision="half")
