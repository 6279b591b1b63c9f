"""Optimisers: what they move, how far, and that their state is whole."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from discdiff.errors import InputError
from discdiff.nn.transformer import Transformer
from discdiff.training.optimiser import Together, optimiser


def network() -> Transformer:
    torch.manual_seed(0)
    return Transformer(6, max_length=8, width=16, depth=2, heads=2, classes=3)


def gradients(net: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in net.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def parameters(net: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in net.named_parameters()}


class TestMuon:
    def test_it_takes_the_hidden_matrices_and_nothing_else(self):
        net = network()
        together = optimiser(net, "muon", rate=1e-3)
        assert isinstance(together, Together)
        names = {id(value): name for name, value in net.named_parameters()}
        muon = {names[id(p)] for g in together.parts[0].param_groups for p in g["params"]}
        kinds = ("qkv", "mix", "expand", "contract")
        blocks = {f"blocks.{block}.{kind}.weight" for block in (0, 1) for kind in kinds}
        assert muon == blocks | {"modulate.weight"}
        everything = [p for group in together.param_groups for p in group["params"]]
        assert sorted(map(id, everything)) == sorted(names)

    def test_a_step_is_the_rotation_of_its_gradient(self):
        """One step from rest moves a matrix by about the rate x U V' x .2 sqrt(larger side)."""
        net = network()
        before, rate = parameters(net), 1e-2
        gradients(net, 1)
        weight = net.blocks[0].qkv.weight
        left, _, right = np.linalg.svd(weight.grad.double().numpy(), full_matrices=False)
        optimiser(net, "muon", rate=rate, weight_decay=0.0).step()
        moved = (before["blocks.0.qkv.weight"] - weight.detach()).double().numpy()
        scaled = moved / (rate * 0.2 * max(weight.shape) ** 0.5)
        # five Newton-Schulz steps leave the singular values between .7 and 1.2, not at 1
        sizes = np.diag(left.T @ scaled @ right.T)
        assert 0.6 < sizes.min() <= sizes.max() < 1.3
        assert np.abs(left.T @ scaled @ right.T - np.diag(sizes)).max() < 0.05

    def test_the_rest_moves_as_adamw_moves_it(self):
        one, other = network(), network()
        for net, name in ((one, "muon"), (other, "adamw")):
            made = optimiser(net, name, rate=1e-2)
            for seed in range(3):
                gradients(net, seed)
                made.step()
        a, b = parameters(one), parameters(other)
        for name in ("embedding.weight", "to_end.weight", "head.weight", "norm.weight"):
            torch.testing.assert_close(a[name], b[name], rtol=0, atol=0)
        assert not torch.equal(a["blocks.0.mix.weight"], b["blocks.0.mix.weight"])

    def test_a_rate_that_is_set_reaches_every_part(self):
        net = network()
        before = parameters(net)
        made = optimiser(net, "muon", rate=1e-2)
        for group in made.param_groups:
            group["lr"] = 0.0
        gradients(net, 1)
        made.step()
        for name, value in parameters(net).items():
            assert torch.equal(value, before[name]), name

    def test_saved_and_loaded_it_goes_on_as_before(self):
        one = network()
        first = optimiser(one, "muon", rate=1e-2)
        for seed in range(2):
            gradients(one, seed)
            first.step()
        other = copy.deepcopy(one)
        second = optimiser(other, "muon", rate=1e-2)
        second.load_state_dict(copy.deepcopy(first.state_dict()))
        for net, made in ((one, first), (other, second)):
            for group in made.param_groups:
                group["lr"] = 5e-3
            gradients(net, 7)
            made.step()
        for name, value in parameters(one).items():
            assert torch.equal(value, parameters(other)[name]), name

    def test_a_network_without_hidden_matrices_is_left_to_adamw(self):
        made = optimiser(nn.Embedding(4, 2), "muon", rate=1e-2)
        assert isinstance(made, torch.optim.AdamW)


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_vectors_and_tables_do_not_decay(name: str):
    net = network()
    before = parameters(net)
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser(net, name, rate=0.1, weight_decay=0.5).step()
    after = parameters(net)
    still = {label for label in after if torch.equal(after[label], before[label])}
    tables = {"embedding.weight", "to_end.weight", "label.weight"}
    assert still == {label for label in after if after[label].ndim < 2} | tables
    for label in after.keys() - still:
        torch.testing.assert_close(after[label], before[label] * 0.95)


def test_an_unknown_name():
    with pytest.raises(InputError, match="optimiser must be one of adamw, muon.*'muon'"):
        optimiser(network(), "moun", rate=1e-3)
