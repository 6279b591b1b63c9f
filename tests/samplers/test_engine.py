"""What a sampler starts from, counts, returns and refuses."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from discdiff.denoiser import Denoiser
from discdiff.domain import Letters, Template
from discdiff.errors import InputError, UnsupportedError
from discdiff.model import LengthLaw, Model
from discdiff.samplers.adaptive import ConfidenceOrder, EntropyOrder
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.parallel import Parallel
from discdiff.samplers.remdm import ReMDM
from discdiff.samplers.samples import Samples

MODEL = Model.tabular(["AB", "BAB", "CAB"], [1, 2, 3])
UNIFORM = Model.tabular(["AB", "BAB", "CAB"], kind="uniform")
SAMPLER = FirstHitting(MODEL)


def test_a_masked_start_is_all_masks_and_pads():
    state = SAMPLER.init(50, key=0)
    assert state.tokens.shape == (50, 3)
    assert set(state.lengths.tolist()) == {2, 3}
    real = torch.arange(3) < torch.from_numpy(state.lengths)[:, None]
    assert (state.tokens[real] == MODEL.process.mask_id).all()
    assert (state.tokens[~real] == MODEL.process.pad_id).all()
    assert torch.equal(state.active, real)
    assert (state.t == 1.0).all()
    assert (state.log_weight == 0.0).all()


def test_a_uniform_start_holds_letters_and_pads():
    state = Ancestral(UNIFORM, steps=2).init(50, key=0)
    real = torch.arange(3) < torch.from_numpy(state.lengths)[:, None]
    assert (state.tokens[real] < 3).all()
    assert (state.tokens[~real] == UNIFORM.process.pad_id).all()


def test_pads_are_never_drawn():
    for sampler in (SAMPLER, ReMDM(MODEL, 6, "max"), Ancestral(UNIFORM, steps=4)):
        lengths = sampler.init(40, key=0).lengths
        assert [len(s) for s in sampler.sample(40, key=0).strings] == lengths.tolist()


def test_the_rows_of_a_design_stand_side_by_side():
    whole = SAMPLER.init(6, particles=4, key=0)
    part = SAMPLER.init(2, particles=4, key=0, first_design=3)
    assert torch.equal(part.keys, whole.keys[12:20])
    assert len(whole.keys.unique()) == 24


def test_the_likelihood_is_that_of_the_drawn_order():
    samples = SAMPLER.sample(60, key=0)
    expected = {"AB": 1.0, "BAB": 2 / 5, "CAB": 3 / 5}  # given the length
    found = samples.log_likelihood.exp()
    np.testing.assert_allclose(found, [expected[s] for s in samples.strings], rtol=1e-6)
    mean = [expected[s] ** (1 / len(s)) for s in samples.strings]
    np.testing.assert_allclose(samples.confidence, mean, rtol=1e-6)


def test_given_tokens_do_not_enter_the_likelihood():
    template = Template(MODEL.domain.alphabet, ["B", "A", None])
    samples = SAMPLER.sample(5, key=0, template=template)
    assert samples.strings == ["BAB"] * 5
    assert samples.log_likelihood.tolist() == [0.0] * 5
    assert samples.confidence.tolist() == [1.0] * 5


def test_validity_is_the_domains_own():
    class Picky(Letters):
        def invalid_reason(self, string):
            return "starts with C" if string.startswith("C") else None

    model = Model(MODEL.denoiser, MODEL.process, Picky("ABC"), MODEL.lengths)
    samples = FirstHitting(model).sample(50, key=0)
    assert samples.valid.tolist() == [not s.startswith("C") for s in samples.strings]


def test_progress_is_told_of_every_event_and_every_batch():
    seen, batches = [], []
    SAMPLER.run(SAMPLER.init(3, key=0, length=3), progress=lambda state: seen.append(state.event))
    assert seen == [1, 2, 3]
    SAMPLER.sample(7, key=0, batch_size=3, progress=batches.append)
    assert batches == [3, 6, 7]


def test_counts_add_up_over_batches():
    whole, parts = (SAMPLER.sample(9, key=0, batch_size=size) for size in (9, 2))
    assert whole.counts == parts.counts
    assert len(Samples.concatenate([whole, parts])) == 18


@pytest.mark.parametrize("make", [FirstHitting, Parallel, EntropyOrder, ConfidenceOrder, ReMDM])
def test_samplers_of_masks_refuse_uniform_noise_by_name(make):
    with pytest.raises(UnsupportedError, match=f"{make.__name__} needs a masked .*, got uniform"):
        make(UNIFORM)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temperature": 0.0}, "temperature must be greater than 0, got 0.0"),
        ({"top_p": 0.0}, "top_p must be greater than 0, got 0.0"),
        ({"top_p": 1.1}, r"top_p must lie in \[0, 1\], got 1.1"),
    ],
)
def test_options_out_of_range_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        FirstHitting(MODEL, **options)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n": 0}, "n must be a positive integer, got 0"),
        ({"n": 2, "particles": 0}, "particles must be a positive integer, got 0"),
        ({"n": 2, "length": 0}, r"length must lie in \[1, 3\], got 0"),
        ({"n": 2, "length": 4}, r"length must lie in \[1, 3\], got 4"),
    ],
)
def test_starts_that_make_no_sense_are_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        SAMPLER.init(**arguments, key=0)


def test_sample_refuses_no_designs_and_empty_batches():
    with pytest.raises(InputError, match="n must be a positive integer, got 0"):
        SAMPLER.sample(0)
    with pytest.raises(InputError, match="batch_size must be a positive integer, got 0"):
        SAMPLER.sample(1, batch_size=0)


def test_start_refuses_shapes_that_disagree():
    x_t = torch.full((2, 3), 3)
    with pytest.raises(
        InputError, match=r"x_t and active must be \(B, W\), t and keys \(B,\), got"
    ):
        SAMPLER.start(x_t, torch.ones(3), x_t == 3, keys=torch.arange(2))


def test_a_state_can_be_gathered_and_branched():
    state = SAMPLER.step(SAMPLER.init(4, key=0, length=3))
    picked = state.gather(torch.tensor([2, 2, 0]))
    assert torch.equal(picked.tokens, state.tokens[[2, 2, 0]])
    assert torch.equal(picked.keys, state.keys[[2, 2, 0]])
    # two copies with one key are one design
    done = SAMPLER.run(picked)
    assert torch.equal(done.tokens[0], done.tokens[1])
    children = state.branch(3)
    assert torch.equal(children.tokens, state.tokens.repeat_interleave(3, 0))
    assert len(children.keys.unique()) == 12


class ByClass(Denoiser):
    """Writes the letter of its class, and C without one."""

    classes = 2

    def __init__(self):
        super().__init__(3, 4)

    def forward(self, x_t, t, cond=None, at=None):
        letter = torch.full((len(x_t),), 2) if cond is None else cond
        log_p = torch.nn.functional.one_hot(letter, 3)[:, None].expand(-1, x_t.shape[1], -1).log()
        return log_p if at is None else log_p[at]


def test_a_class_reaches_the_network_with_every_row():
    sampler = FirstHitting(Model(ByClass(), MODEL.process, MODEL.domain, LengthLaw.fixed(4)))
    assert sampler.sample(3, key=0, cond=1).strings == ["BBBB"] * 3
    assert sampler.sample(3, key=0).strings == ["CCCC"] * 3
    state = sampler.init(2, key=0, cond=0)
    mixed = sampler.step(state, branch=2)
    mixed.cond[1:3] = 1
    assert MODEL.domain.decode_batch(sampler.run(mixed).tokens[[0, 3]]) == ["AAAA"] * 2


def test_a_class_that_does_not_exist_is_refused():
    sampler = FirstHitting(Model(ByClass(), MODEL.process, MODEL.domain, LengthLaw.fixed(4)))
    with pytest.raises(InputError, match=r"cond must be a class in \[0, 2\), got 2"):
        sampler.sample(1, key=0, cond=2)
    with pytest.raises(UnsupportedError, match="cond must be None for a model without classes"):
        FirstHitting(MODEL).sample(1, key=0, cond=0)


class Clocked(ByClass):
    """A network with time that notes the clocks it is shown."""

    def __init__(self):
        super().__init__()
        self.needs_time, self.seen = True, []

    def forward(self, x_t, t, cond=None, at=None):
        self.seen.append(t)
        return super().forward(x_t, t, cond, at)


@pytest.mark.parametrize("make", [FirstHitting, Ancestral, Parallel, EntropyOrder])
def test_a_network_with_time_is_shown_the_rows_own_clock(make):
    net = Clocked()
    options = {"steps": 2} if make is Ancestral else {}
    sampler = make(Model(net, MODEL.process, MODEL.domain, LengthLaw.fixed(4)), **options)
    x_t = torch.tensor([[3, 3, 1, 3]]).repeat(2, 1)
    start = torch.tensor([0.6, 0.3], dtype=torch.float64)
    sampler.run(sampler.start(x_t, start, x_t == 3, keys=torch.arange(2)))
    for t in net.seen:
        assert (t[:, 2] == 0).all()  # a given position is shown as clean
        clock = t.amax(1)
        assert (clock <= start).all() if len(t) == 2 else (clock <= 0.6).all()
        assert (clock > 0).all()
    assert len(torch.cat(net.seen)) > 1


def test_branches_of_a_network_with_time_are_drawn_at_the_clock_of_their_event():
    net = Clocked()
    sampler = FirstHitting(Model(net, MODEL.process, MODEL.domain, LengthLaw.fixed(4)))
    state = sampler.init(2, key=0)
    sampler.log_p(state)  # a preview, at the clock of the state
    assert (net.seen.pop() == 1).all()
    branched = sampler.step(replace(state, log_p=sampler.log_p(state)), branch=3)
    shown = net.seen[-1].amax(1)
    assert len(shown.unique()) == 6
    assert torch.equal(shown, branched.t)
