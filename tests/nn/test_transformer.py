"""The transformer against its contract: shapes, padding, batches, relaxed rows, conditions."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from discdiff.errors import InputError
from discdiff.nn.transformer import Transformer

V = 5
MASK, PAD = V, V + 1
TOLERANCE = 2e-5  # float32 sums of a few hundred terms of order one


def network(**options: object) -> Transformer:
    torch.manual_seed(3)
    net = Transformer(V, max_length=12, width=24, depth=2, heads=3, **options).eval()
    with torch.no_grad():  # what starts at zero would hide a term that is never added
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return net


def rows(lengths: list[int], width: int | None = None) -> Tensor:
    x = torch.full((len(lengths), width or max(lengths)), PAD)
    for i, length in enumerate(lengths):
        x[i, :length] = torch.randint(0, V + 1, (length,))
    return x


def gap(a: Tensor, b: Tensor) -> float:
    return (a - b).detach().abs().max().item()


CONDITIONS = [{}, {"needs_time": True}, {"classes": 3}, {"needs_time": True, "classes": 3}]


@pytest.mark.parametrize("options", CONDITIONS)
def test_output_is_float32_log_probabilities(options: dict[str, object]):
    x = rows([4, 7])
    out = network(**options)(x, torch.tensor([0.3, 0.9]))
    assert out.shape == (2, 7, V)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out.exp().sum(-1), torch.ones(2, 7))


def test_output_is_float32_under_autocast():
    net = network()
    with torch.autocast("cpu", torch.bfloat16):
        out = net(rows([4]), torch.ones(1))
    assert out.dtype == torch.float32
    torch.testing.assert_close(out.exp().sum(-1), torch.ones(1, 4))


@pytest.mark.parametrize("options", CONDITIONS)
def test_chosen_positions_equal_the_full_output(options: dict[str, object]):
    net, x, t = network(**options), rows([4, 7]), torch.tensor([0.3, 0.9])
    at = torch.tensor([0, 1, 1, 0]), torch.tensor([3, 6, 0, 3])
    torch.testing.assert_close(net(x, t, at=at), net(x, t)[at], atol=TOLERANCE, rtol=0)


def test_no_chosen_position_is_an_empty_answer():
    none = torch.zeros(0, dtype=torch.int64)
    assert network()(rows([4]), torch.ones(1), at=(none, none)).shape == (0, V)


@pytest.mark.parametrize("options", CONDITIONS)
def test_relaxed_one_hot_rows_equal_ids(options: dict[str, object]):
    net, x, t = network(**options), rows([4, 7]), torch.tensor([0.3, 0.9])
    hot = torch.nn.functional.one_hot(x, V + 2).float()
    torch.testing.assert_close(net(hot, t), net(x, t), atol=TOLERANCE, rtol=0)


def test_gradient_reaches_relaxed_rows():
    hot = torch.nn.functional.one_hot(rows([4]), V + 2).float().requires_grad_()
    network()(hot, torch.ones(1))[0, 0, 0].backward()
    assert hot.grad is not None
    assert bool((hot.grad[0].abs().sum(-1) > 0).all())


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    extra=st.integers(0, 3),
    options=st.sampled_from(CONDITIONS),
)
def test_a_row_is_the_same_at_any_padded_width_and_in_any_batch(
    lengths: list[int], extra: int, options: dict[str, object]
):
    torch.manual_seed(sum(lengths))
    net, x = network(**options), rows(lengths, max(lengths) + extra)
    t = torch.rand(len(lengths))
    together = net(x, t)
    for i, length in enumerate(lengths):
        alone = net(x[i : i + 1, :length], t[i : i + 1])
        torch.testing.assert_close(together[i : i + 1, :length], alone, atol=TOLERANCE, rtol=0)


def test_a_padded_row_that_is_read_as_a_longer_one_differs():
    net, x = network(), rows([4], 7)
    with_mask = torch.where(x == PAD, MASK, x)
    out, other = net(x, torch.ones(1)), net(with_mask, torch.ones(1))
    assert gap(out[:, :4], other[:, :4]) > 1e-2


def test_order_matters():
    x = torch.tensor([[0, 1, 2, 3]])
    out, flipped = (network()(y, torch.ones(1)) for y in (x, x.flip(1)))
    assert gap(out, flipped.flip(1)) > 1e-2


def test_a_masked_network_ignores_time():
    net, x = network(), rows([4])
    torch.testing.assert_close(net(x, torch.tensor([0.1])), net(x, torch.tensor([0.9])))


def test_time_per_position_equals_time_per_row_where_constant():
    net, x, t = network(needs_time=True), rows([4, 7]), torch.tensor([0.3, 0.9])
    torch.testing.assert_close(net(x, t), net(x, t[:, None].expand(-1, 7)), atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("t", [0.0, 1e-4, 0.5, 1.0])
def test_time_matters_and_its_ends_are_finite(t: float):
    net, x = network(needs_time=True), rows([4])
    out = net(x, torch.tensor([t], dtype=torch.float64))
    assert bool(torch.isfinite(out).all())
    assert gap(out, net(x, torch.tensor([0.3]))) > 1e-4


def test_classes_matter_and_none_is_the_null_class():
    net, x, t = network(classes=3), rows([4, 4]), torch.ones(2)
    null = net(x, t, torch.tensor([3, 3]))
    torch.testing.assert_close(net(x, t), null)
    for row, label in enumerate((0, 1)):
        assert gap(net(x, t, torch.tensor([label, label]))[row], null[row]) > 1e-4


def test_class_dropout_drops_in_training_only_and_leaves_its_input_alone():
    net, x, t = network(classes=3, class_dropout=1.0), rows([4]), torch.ones(1)
    cond = torch.tensor([0])
    dropped = net.train()(x, t, cond)
    torch.testing.assert_close(dropped, net.eval()(x, t))
    assert gap(net(x, t, cond), dropped) > 1e-4
    assert cond.tolist() == [0]


@pytest.mark.parametrize("options", CONDITIONS)
def test_gradient_reaches_every_parameter(options: dict[str, object]):
    net = Transformer(V, 12, width=24, depth=2, heads=3, class_dropout=0.0, **options)
    # every id and every distance from the end occurs
    x = torch.cat([torch.arange(V + 2)[None], torch.randint(0, V + 1, (1, 7))]).repeat(4, 1)
    x = torch.nn.functional.pad(x, (5, 0), value=MASK)
    cond = torch.arange(8) % 4 if options.get("classes") else None
    net(x, torch.linspace(0.1, 0.9, 8), cond)[..., 0].sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert bool((parameter.grad != 0).any()), name


def test_dropout_acts_in_training_only():
    net, x = network(dropout=0.5), rows([6])
    torch.testing.assert_close(net(x, torch.ones(1)), net(x, torch.ones(1)))
    net.train()
    assert not torch.equal(net(x, torch.ones(1)), net(x, torch.ones(1)))


def test_settings_rebuild_the_network():
    net = network(needs_time=True, classes=2, dropout=0.1)
    again = Transformer(**net.settings())
    again.load_state_dict(net.state_dict())
    assert again.settings() == net.settings()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 20}, r"width must be a multiple of 2 x heads = 6, got 20"),
        ({"depth": 0}, "depth must be a positive integer, got 0"),
        ({"heads": 2.0}, "heads must be a positive integer, got 2.0"),
        ({"vocab_size": 0}, "vocab_size must be a positive integer, got 0"),
        ({"dropout": 1.5}, r"dropout must lie in \[0, 1\], got 1.5"),
        ({"classes": -1}, "classes must be a non-negative integer, got -1"),
    ],
)
def test_bad_settings_are_refused(options: dict[str, object], message: str):
    with pytest.raises(InputError, match=message):
        Transformer(**{"vocab_size": V, "max_length": 4, "width": 24, "heads": 3} | options)


def test_bad_input_is_refused():
    net = network()
    with pytest.raises(InputError, match="rows must have at most 12 tokens, got 13"):
        net(rows([13]), torch.ones(1))
    with pytest.raises(InputError, match="cond must be None for a model without classes"):
        net(rows([4]), torch.ones(1), torch.tensor([0]))
