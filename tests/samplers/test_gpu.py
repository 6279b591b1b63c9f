"""On an accelerator, sampling and guidance give what they give on the CPU."""

import pytest
import torch

from discdiff.domain import Letters
from discdiff.guidance.beam import Beam
from discdiff.guidance.correctors import Correctors
from discdiff.guidance.fk import FKSteering
from discdiff.guidance.method import Guidance
from discdiff.guidance.svdd import SVDD
from discdiff.guidance.tds import TDS
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.process import MaskedProcess, UniformProcess
from discdiff.reward import Reward
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.engine import Sampler
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.remdm import ReMDM

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU"),
]


def _model(kind: str) -> Model:
    torch.manual_seed(0)
    uniform = kind == "uniform"
    net = Transformer(4, max_length=12, width=32, depth=2, heads=2, needs_time=uniform)
    process = UniformProcess(4) if uniform else MaskedProcess(4)
    lengths = LengthLaw([0.0] * 6 + [1.0] * 7)
    return Model(net.eval(), process, Letters("ACGT"), lengths)


def _samplers(model: Model) -> list[Sampler]:
    if model.process.kind == "uniform":
        return [Ancestral(model, steps=8)]
    return [FirstHitting(model), Ancestral(model, steps=8), ReMDM(model, steps=8)]


@pytest.mark.parametrize("kind", ["masked", "uniform"])
def test_designs_agree_with_the_cpu(kind: str) -> None:
    expected = [s.sample(64, key=3).strings for s in _samplers(_model(kind))]
    found = [s.sample(64, key=3).strings for s in _samplers(_model(kind).to("cuda"))]
    for cpu, gpu in zip(expected, found, strict=True):
        # float32 sums differ in the last place, so a draw next to a boundary may move
        assert sum(a == b for a, b in zip(cpu, gpu, strict=True)) >= 60


class Gs:
    """The number of G, with gradients."""

    def __call__(self, strings: list[str]) -> list[float]:
        return [float(s.count("G")) for s in strings]

    def relaxed(self, rows: torch.Tensor) -> torch.Tensor:
        return rows[:, :, "ACGT".index("G")].sum(1)


METHODS = [
    SVDD(candidates=3),
    SVDD(candidates=6, fewest=2),
    FKSteering(particles=4),
    TDS(particles=4),
    TDS(particles=4, twist="neighbours"),
    Beam(particles=2),
    Correctors(power=1.5, models=[_model("masked")], particles=4),
]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
def test_guidance_runs_on_the_device(method: Guidance) -> None:
    model = _model("masked").to("cuda")
    reward = Reward(model.domain, Gs())
    samples = method.run(FirstHitting(model), reward, 4, key=1)
    assert samples.reward is not None
    assert samples.reward.tolist() == [float(s.count("G")) for s in samples.strings]
