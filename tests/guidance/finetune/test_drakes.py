"""DRAKES on rewards of DNA: the motif scanner and a network that was trained on sequences."""

import pytest
import torch

from discdiff.bio.oracles.motif import MotifScore
from discdiff.domain import Letters
from discdiff.errors import InputError, UnsupportedError
from discdiff.finetuning.run import FineTune
from discdiff.guidance.finetune.drakes import DRAKES
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.predictor.oracle import PredictorOracle
from discdiff.process import MaskedProcess, UniformProcess
from discdiff.reward import Reward
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
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


@pytest.mark.parametrize(("kind", "relax"), [("masked", "straight_through"), ("uniform", "soft")])
def test_fine_tuning_raises_the_hard_score_of_a_motif(motif, kind, relax):
    ours, reference = tiny(kind), tiny(kind)
    method = DRAKES(scale=2.0, window=6, relax=relax, checkpoint=False, terms=2)
    optimiser = torch.optim.Adam(ours.denoiser.parameters(), lr=0.02)
    sampler = Ancestral(ours, 8)

    def hard():
        with torch.no_grad():
            return motif(sampler.sample(96, key=999).tokens).reward.mean().item()

    before = hard()
    for step in range(24):
        optimiser.zero_grad()
        state = sampler.init(24, key=step)
        found = method.objective(sampler, reference, motif.relaxed, state, step)
        found.loss.backward()
        optimiser.step()
    assert hard() > before + 3.0
    assert found.kl.mean() > 0.1


def test_a_network_of_sequences_has_gradients_in_every_length():
    lengths = LengthLaw([0] * 8 + [1, 0, 0, 0, 1])
    ours, reference = tiny("masked", lengths), tiny("masked", lengths)
    reward = Reward(DNA, PredictorOracle(small_predictor(None)))
    sampler = Ancestral(ours, 6)
    method = DRAKES(scale=1.0, window=6)
    found = method.objective(sampler, reference, reward.relaxed, sampler.init(16, key=1))
    assert {8, 12} == set(found.walk.state.lengths.tolist())
    hard = reward(found.walk.tokens).reward
    known = hard.isfinite()  # outside of what it was trained on, only the hard value is none
    assert known.sum() > 8
    torch.testing.assert_close(found.reward[known], hard[known], rtol=1e-4, atol=1e-5)
    found.loss.backward()
    assert ours.denoiser.head.weight.grad.abs().sum() > 0


def begun(motif, sampler):
    method = DRAKES(designs=8, every=2, scale=2.0, batch=4, window=4, terms=2, kl_warmup=4)
    method.begin(tiny("masked"), sampler, motif)
    return method


def test_a_method_that_is_restored_goes_on_alike(motif):
    ours = tiny("masked")
    sampler = Ancestral(ours, 6)

    def losses(restored):
        method = begun(motif, sampler)
        method.take(method.draw(sampler, motif, 8, key=1, first_design=0))
        found = [method.loss(ours.denoiser, torch.tensor(3))]
        if restored:
            kept, method = method.state(), begun(motif, sampler)
            method.restore(kept)
        found.append(method.loss(ours.denoiser, torch.tensor(4)))
        return [(loss.item(), figures) for loss, figures in found]

    assert losses(restored=False) == losses(restored=True)
    assert losses(restored=True)[0] != losses(restored=True)[1]


def test_lengths_are_those_of_the_draw(motif):
    ours = tiny("masked", LengthLaw([0] * 8 + [1, 0, 0, 0, 1]))
    sampler = Ancestral(ours, 6)
    method = DRAKES(batch=4, window=2, terms=1)
    method.begin(ours, sampler, motif)
    with pytest.raises(InputError, match="take must be called with designs before loss"):
        method.loss(ours.denoiser, torch.tensor(1))
    method.take(method.draw(sampler, motif, 4, key=1, first_design=0, length=8))
    shown = []
    ours.denoiser.register_forward_pre_hook(lambda _, args: shown.append(args[0].shape[1]))
    method.loss(ours.denoiser, torch.tensor(1))
    assert set(shown) == {8}


def test_what_cannot_be_tuned_so_is_refused(motif):
    ours = tiny("masked")
    with pytest.raises(UnsupportedError, match="drakes on a masked process with the plan first_hi"):
        DRAKES().begin(ours, FirstHitting(ours), motif)
    with pytest.raises(InputError, match="window must be at most the sampler's 8 steps, got 16"):
        DRAKES().begin(ours, Ancestral(ours, 8), motif)
    other = Reward(Letters("ACGU"), lambda strings: [0.0 for _ in strings])
    with pytest.raises(InputError, match="reward must be of the model's alphabet, A C G T, got"):
        DRAKES(window=4).begin(ours, Ancestral(ours, 8), other)


def test_a_run_writes_a_model_and_records_its_designs(motif, tmp_path):
    run = FineTune(
        tmp_path / "run",
        tiny("masked"),
        DRAKES(designs=8, every=2, scale=2.0, batch=4, window=4, terms=2),
        lambda model: Ancestral(model, 6),
        motif.oracle,
        budget=100,
        rate=1e-2,
        max_steps=4,
    )
    run.run()
    assert run.result is not None
    assert motif.counts.requested == 3 * 8
    tuned = Model.load(tmp_path / "run" / run.result.model)
    assert len(Ancestral(tuned, 6).sample(4, key=1)) == 4


def test_a_reward_without_gradients_is_refused_by_name():
    ours, reward = tiny("masked"), Reward(DNA, lambda strings: [s.count("G") for s in strings])
    with pytest.raises(UnsupportedError, match=r"drakes needs the gradient .* need none: wdce"):
        DRAKES(window=4).begin(ours, Ancestral(ours, 8), reward)


def test_bad_input():
    with pytest.raises(InputError, match="scale must be greater than 0, got -1"):
        DRAKES(scale=-1.0)
    with pytest.raises(InputError, match="relax must be one of straight_through, soft"):
        DRAKES(relax="gumbel")
    with pytest.raises(InputError, match="shape must be one of constant, linear, exponential, got"):
        DRAKES(anneal="cosine")
    with pytest.raises(InputError, match="start must be greater than 0, got 0.0"):
        DRAKES(temperature=0.0)
