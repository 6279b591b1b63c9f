"""DRAKES on rewards of DNA: the motif scanner and a network that was trained on sequences."""

import pytest
import torch

from discdiff.bio.oracles.motif import MotifScore
from discdiff.domain import Letters
from discdiff.errors import InputError, UnsupportedError
from discdiff.guidance.finetune.drakes import DRAKES, gradients_of
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.predictor.oracle import PredictorOracle
from discdiff.process import MaskedProcess, UniformProcess
from discdiff.reward import Reward
from discdiff.samplers.ancestral import Ancestral
from tests.bio.motifs import jaspar
from tests.predictor.toy import small as small_predictor

DNA = Letters("ACGT")


def tiny(kind, lengths=None):
    torch.manual_seed(0)
    uniform = kind == "uniform"
    net = Transformer(4, 12, width=16, depth=1, heads=2, needs_time=uniform)
    process = UniformProcess(4) if uniform else MaskedProcess(4)
    return Model(net, process, DNA, LengthLaw.fixed(12) if lengths is None else lengths, None,
                 uniform)  # fmt: skip


@pytest.fixture
def motif(tmp_path):
    (tmp_path / "m.jaspar").write_text(jaspar(["TBP"]))
    return Reward(DNA, MotifScore(str(tmp_path / "m.jaspar")))


@pytest.mark.parametrize("kind", ["masked", "uniform"])
@pytest.mark.parametrize("relax", ["straight_through", "soft"])
def test_fine_tuning_raises_the_hard_score_of_a_motif(motif, kind, relax):
    ours, reference = tiny(kind), tiny(kind)
    method = DRAKES(scale=2.0, window=6, relax=relax, checkpoint=False, terms=2)
    optimiser = torch.optim.Adam(ours.denoiser.parameters(), lr=0.01)
    sampler = Ancestral(ours, 8)

    def hard():
        with torch.no_grad():
            return motif(sampler.sample(128, key=999).tokens).reward.mean().item()

    before = hard()
    for step in range(40):
        optimiser.zero_grad()
        state = sampler.init(32, key=step)
        found = method.objective(sampler, reference, gradients_of(motif), state, step)
        found.loss.backward()
        optimiser.step()
    assert hard() > before + 3.0
    assert found.kl.mean() > 0.1


def test_a_network_of_sequences_has_gradients_in_every_length(tmp_path):
    lengths = LengthLaw([0] * 8 + [1, 0, 0, 0, 1])
    ours, reference = tiny("masked", lengths), tiny("masked", lengths)
    reward = Reward(DNA, PredictorOracle(small_predictor(tmp_path)))
    sampler = Ancestral(ours, 6)
    method = DRAKES(scale=1.0, window=6)
    found = method.objective(sampler, reference, gradients_of(reward), sampler.init(16, key=1))
    assert {8, 12} == set(found.walk.state.lengths.tolist())
    torch.testing.assert_close(found.reward, reward(found.walk.tokens).reward, rtol=1e-4, atol=1e-5)
    found.loss.backward()
    assert ours.denoiser.head.weight.grad.abs().sum() > 0


def test_a_reward_without_gradients_is_refused_by_name():
    reward = Reward(DNA, lambda strings: [s.count("G") for s in strings])
    with pytest.raises(UnsupportedError, match=r"drakes needs the gradient .* need none: wdce"):
        gradients_of(reward)


def test_bad_input():
    with pytest.raises(InputError, match="scale must not be negative, got -1"):
        DRAKES(scale=-1.0)
    with pytest.raises(InputError, match="relax must be one of straight_through, soft"):
        DRAKES(relax="gumbel")
    with pytest.raises(InputError, match="anneal must be one of|shape must be one of"):
        DRAKES(anneal="cosine")
    with pytest.raises(InputError, match="start must be greater than 0, got 0.0"):
        DRAKES(temperature=0.0)
