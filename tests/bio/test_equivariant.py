"""Both strands: what a network says of a sequence is what it says of its reverse complement."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from discdiff.bio.domain import DNA
from discdiff.bio.equivariant import ReverseComplement
from discdiff.denoiser import FactorisedDenoiser
from discdiff.domain import Alphabet, Letters
from discdiff.errors import UnsupportedError
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.padding import Padded
from discdiff.process import MaskedProcess, UniformProcess
from discdiff.samplers.first_hitting import FirstHitting
from tests.exact.laws import Law, differs, fits

PAIR = torch.tensor([3, 2, 1, 0, 4, 5])  # A-T, C-G, mask and pad with themselves


def other_strand(x, lengths):
    turned = x.clone()
    for row, length in enumerate(lengths):
        turned[row, :length] = PAIR[x[row, :length].flip(0)]
    return turned


def network(kind="masked", classes=0):
    torch.manual_seed(0)
    return Transformer(4, 6, 16, 2, 2, needs_time=kind == "uniform", classes=classes).eval()


def states():
    """Every second partly masked row of lengths 2 to 6, padded to 6."""
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(2, 7, (64,), generator=generator).tolist()
    x = torch.randint(0, 5, (64, 6), generator=generator)
    for row, length in enumerate(lengths):
        x[row, length:] = 5
    return x, lengths


@pytest.mark.parametrize("kind", ["masked", "uniform"])
def test_every_pass_is_that_of_the_other_strand(kind):
    both = ReverseComplement(network(kind), Alphabet("ACGT"))
    x, lengths = states()
    if kind == "uniform":
        x = torch.where(x == 4, 0, x)
    t = torch.rand(64, generator=torch.Generator().manual_seed(2))
    here, there = both(x, t), both(other_strand(x, lengths), t)
    for row, length in enumerate(lengths):
        turned = there[row, :length].flip(0)[:, PAIR[:4]]
        torch.testing.assert_close(here[row, :length], turned, rtol=0, atol=2e-6)
    torch.testing.assert_close(here.exp().sum(-1), torch.ones(64, 6))
    plain = network(kind)(x, t)
    assert (here - plain).abs().max() > 0.01  # the network alone is not


def test_it_is_the_geometric_mean_of_both_strands():
    net = network()
    x, lengths = states()
    t = torch.ones(64)
    own, other = net(x, t), net(other_strand(x, lengths), t)
    both = ReverseComplement(net, Alphabet("ACGT"))(x, t)
    for row, length in enumerate(lengths):
        turned = other[row, :length].flip(0)[:, PAIR[:4]]
        mean = ((own[row, :length] + turned) / 2).log_softmax(-1)
        torch.testing.assert_close(both[row, :length], mean, rtol=0, atol=2e-6)


def test_positions_times_classes_and_relaxed_rows_agree_with_the_whole_pass():
    both = ReverseComplement(network("uniform", classes=2), Alphabet("ACGT"))
    x, _ = states()
    generator = torch.Generator().manual_seed(3)
    t = torch.rand(64, 6, generator=generator)
    cond = torch.randint(0, 2, (64,), generator=generator)
    whole = both(x, t, cond)
    rows, cols = (x < 5).nonzero(as_tuple=True)
    torch.testing.assert_close(both(x, t, cond, (rows, cols)), whole[rows, cols])
    relaxed = torch.nn.functional.one_hot(x, 6).float().requires_grad_()
    again = both(relaxed, t, cond)
    torch.testing.assert_close(again[x < 5], whole[x < 5], rtol=0, atol=2e-6)
    (slope,) = torch.autograd.grad(again[0, 0, 0], relaxed)
    assert bool(slope[0].isfinite().all())
    assert slope[0].abs().sum() > 0


def test_a_base_that_one_strand_excludes_is_excluded():
    table = torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.0, 0.1, 0.4, 0.5]], dtype=torch.float64).log()
    both = ReverseComplement(FactorisedDenoiser(table), Alphabet("ACGT"))
    found = both(torch.tensor([[4, 4]]), torch.ones(1)).exp()[0]
    # the other strand of the last position: T, G, C, A of the first have the chances of A, C, G, T
    own, other = [[0.5, 0.5, 0, 0], [0, 0.1, 0.4, 0.5]], [[0.5, 0.4, 0.1, 0], [0, 0, 0.5, 0.5]]
    ends = np.sqrt(np.array(own) * other)
    np.testing.assert_allclose(found, ends / ends.sum(1, keepdims=True), atol=1e-12)


def test_strands_that_agree_on_nothing_keep_what_either_allows():
    table = torch.tensor([[0.9, 0.1, 0.0, 0.0]], dtype=torch.float64).log()
    both = ReverseComplement(FactorisedDenoiser(table), Alphabet("ACGT"))
    found = both(torch.tensor([[4]]), torch.ones(1)).exp()[0, 0]
    expected = np.sqrt([0.9, 0.1, 0.1, 0.9])
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-6)


def test_designs_of_either_strand_are_drawn_alike():
    """Against the law of the two-strand network, which is summed over orders here."""
    strings = ["AAC", "CAG", "TTG", "ATA"]
    model = Model.tabular([*strings, "GGT"], [5, 3, 2, 1, 1]).in_domain("dna").equivariant()
    words = torch.tensor(list(itertools.product(range(4), repeat=3)))
    p = np.zeros(64)
    for order in itertools.permutations(range(3)):
        x, log_p = torch.full((64, 3), 4), torch.zeros(64, dtype=torch.float64)
        for place in order:
            log_p += model.denoiser(x, torch.ones(64))[torch.arange(64), place, words[:, place]]
            x[:, place] = words[:, place]
        p += log_p.exp().numpy() / 6
    law = Law(4, words.numpy(), p / p.sum())
    turned = law.places(other_strand(words, [3] * 64))
    np.testing.assert_allclose(law.p, law.p[turned], atol=1e-12)
    tokens = FirstHitting(model).sample(10_000, key=1).tokens
    assert fits(law, tokens)
    assert differs(law, FirstHitting(plain(model)).sample(10_000, key=1).tokens)


def plain(model):
    return Model(model.denoiser.inner, model.process, model.domain, model.lengths)


def test_tokens_without_complements_are_refused():
    for letters, message in (("ACD", "no complementary bases, got 'ACD'"), ("ACG", "got 'ACG'")):
        net = FactorisedDenoiser(torch.zeros(1, 3))
        with pytest.raises(UnsupportedError, match=message):
            ReverseComplement(net, Alphabet(letters))
    model = Model.tabular(["ACGT"])
    with pytest.raises(UnsupportedError, match="equivariant must be false: letters strings have"):
        model.equivariant()
    padded = Padded(DNA(), 4)
    with pytest.raises(UnsupportedError, match="a model that writes where a design ends"):
        padded.symmetrised(Transformer(5, 4, 16, 1, 2))


def test_other_domains_over_the_same_tokens():
    model = Model(network(), MaskedProcess(4), Letters("ACGT"), LengthLaw.fixed(6))
    assert model.in_domain("dna", length=6).domain.invalid_reason("ACG") is not None
    assert model.in_domain("dna").in_domain(flank5="AC").domain.flanks == ("AC", "")
    padded = Padded(Letters("ACGT"), 6)
    wide = Model(Transformer(5, 6, 16, 1, 2), MaskedProcess(5), padded, LengthLaw.fixed(6))
    assert wide.in_domain("dna", flank3="T").domain.flanks == ("", "T")
    uniform = Model(network("uniform"), UniformProcess(4), DNA(), LengthLaw.fixed(6))
    assert uniform.equivariant().denoiser.needs_time
