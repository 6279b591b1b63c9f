"""Relaxed designs: rewards of probabilities, and networks and posteriors of mixed tokens."""

import numpy as np
import pytest
import torch

from discdiff.domain import Letters
from discdiff.errors import OracleError
from discdiff.nn.transformer import Transformer
from discdiff.objective import Objective, Term
from discdiff.objective.transform import Linear, Sigmoid
from discdiff.oracle import Combined
from discdiff.process import MaskedProcess, UniformProcess
from discdiff.relaxed import relaxed_values
from discdiff.reward import Reward
from tests.exact.laws import dirichlet, model_of, two_lengths, words

DNA = Letters("ACGT")


class Count:
    """How often a letter stands, with gradients."""

    def __init__(self, letter, **attributes):
        self.letter, self.name = letter, f"count_{letter}"
        self.__dict__.update(attributes)

    def __call__(self, strings):
        return [float(s.count(self.letter)) for s in strings]

    def relaxed(self, rows):
        return rows[:, :, "ACGT".index(self.letter)].sum(1)


def rows_of(strings, spread=0.0):
    one_hot = torch.nn.functional.one_hot(DNA.encode_batch(strings), 4).double()
    return (one_hot * (1 - spread) + spread / 4).requires_grad_()


STRINGS = ["GATTA", "CCCCG", "ACGTA"]


def test_one_hot_rows_have_the_reward_of_their_design():
    reward = Reward(DNA, Count("G"))
    found = reward.relaxed(rows_of(STRINGS))
    assert found.tolist() == reward.strings(STRINGS).reward.tolist()


OBJECTIVES = {
    "as it is": [Term("g")],
    "minimised": [Term("g", direction="min")],
    "two": [Term("g"), Term("c", Sigmoid(0, 4), weight=2.0)],
    "bounded and minimised": [Term("g", Linear(0, 5), direction="min"), Term("c")],
}


PAIRS = [
    (name, aggregation)
    for name in OBJECTIVES
    for aggregation in ("arithmetic_mean", "geometric_mean", "product")
    if name != "minimised" or aggregation == "arithmetic_mean"  # which can be negative
]


@pytest.mark.parametrize(("name", "aggregation"), PAIRS)
def test_objectives_are_differentiated_for_their_author(name, aggregation):
    terms = OBJECTIVES[name]
    objective = Objective(terms, aggregation)
    oracle = Combined({"g": Count("G"), "c": Count("C"), "t": Count("T")})
    reward = Reward(DNA, oracle, objective)
    one_hot = reward.relaxed(rows_of(STRINGS))
    np.testing.assert_allclose(one_hot.tolist(), reward.strings(STRINGS).reward, rtol=1e-12)
    rows = rows_of(STRINGS, spread=0.3)
    (slope,) = torch.autograd.grad(reward.relaxed(rows).sum(), rows)
    for place in ((0, 0, 2), (1, 3, 1), (2, 4, 2), (2, 0, 3)):
        with torch.no_grad():
            move = torch.zeros_like(rows)
            move[place] = 1e-5
            change = reward.relaxed(rows + move) - reward.relaxed(rows - move)
        assert slope[place].item() == pytest.approx(change.sum().item() / 2e-5, abs=1e-5)


def test_what_has_no_gradient_says_so():
    assert Reward(DNA, lambda strings: [0.0 for _ in strings]).relaxed is None
    assert (
        Reward(DNA, Count("G"), lambda scores, outputs, strings: scores.values[:, 0]).relaxed
        is None
    )
    mixed = Combined({"g": Count("G"), "n": lambda strings: [len(s) for s in strings]})
    assert Reward(DNA, mixed, Objective([Term("g")])).relaxed is None


def test_relaxed_rewards_are_charged_to_no_budget():
    reward = Reward(DNA, Count("G"))
    reward.relaxed(rows_of(STRINGS))
    assert reward.counts.requested == 0


@pytest.mark.parametrize(
    ("relaxed", "words"),
    [
        (lambda rows: rows, r"relaxed of oracle 'count_G' must return a tensor \(3,\), got"),
        (lambda rows: 1.0, r"must return a tensor \(3,\), got float"),
        (lambda rows: rows.detach().sum((1, 2)), "must depend on its rows through torch"),
        (lambda rows: 1 / 0, "relaxed of oracle 'count_G' raised ZeroDivisionError: division"),
    ],
)
def test_an_oracle_whose_relaxed_form_is_wrong_is_named(relaxed, words):
    reward = Reward(DNA, Count("G", relaxed=relaxed))
    with pytest.raises(OracleError, match=words):
        reward.relaxed(rows_of(STRINGS))


def test_oracles_of_several_outputs():
    class Both(Count):
        outputs = ("one", "two")

        def relaxed(self, rows):
            return rows[:, :, :2].sum(1)

    values = relaxed_values(Combined([Both("A"), Count("G")]))
    assert values(rows_of(STRINGS)).tolist() == [[2, 0, 1], [0, 4, 1], [2, 1, 1]]


# Networks and posteriors of one-hot rows are those of tokens.


def one_hot(tokens, size):
    return torch.nn.functional.one_hot(tokens, size + 2).double()


@pytest.mark.parametrize("kind", ["masked", "uniform"])
@pytest.mark.parametrize("law", [dirichlet(3, 3, seed=0), two_lengths()], ids=["fixed", "lengths"])
def test_the_exact_network_says_the_same_of_one_hot_rows(kind, law):
    model = model_of(law, kind)
    size = law.size
    x = torch.from_numpy(words(size + (kind == "masked"), law.width))
    if law.width == 3 and size == 2:  # with rows that end in PAD
        short = torch.cat([x[:, :2], torch.full((len(x), 1), size + 1)], 1)
        x = torch.cat([x, short])
    t = torch.linspace(0.1, 0.9, len(x), dtype=torch.float64)
    for times in (t, t[:, None].expand(x.shape)):
        hard = model.denoiser(x, times).exp()
        soft = model.denoiser(one_hot(x, size), times).exp()
        asked = x == size if kind == "masked" else x != size + 1
        torch.testing.assert_close(soft[asked], hard[asked], rtol=1e-10, atol=1e-12)
        at = (torch.tensor([0, 3]), torch.tensor([0, 1]))
        torch.testing.assert_close(
            model.denoiser(one_hot(x, size), times, None, at).exp(), soft[at]
        )


def test_a_transformer_says_the_same_of_one_hot_rows():
    torch.manual_seed(0)
    net = Transformer(4, 8, width=16, depth=2, heads=2).eval()
    x = torch.tensor([[0, 4, 2, 5], [1, 4, 4, 3]])
    soft = net(one_hot(x, 4).float(), torch.ones(2))
    real = x != 5
    torch.testing.assert_close(soft[real], net(x, torch.ones(2))[real])
    with torch.autocast("cpu", torch.bfloat16):
        soft, hard = net(one_hot(x, 4).float(), torch.ones(2)), net(x, torch.ones(2))
    assert torch.equal(soft[real], hard[real])


@pytest.mark.parametrize(
    "process", [MaskedProcess(3), UniformProcess(3)], ids=["masked", "uniform"]
)
def test_the_posterior_of_one_hot_rows_is_that_of_tokens(process):
    x = torch.from_numpy(words(3 + (process.kind == "masked"), 2))
    log_p = torch.rand(len(x), 2, 3, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    t = torch.tensor(0.7, dtype=torch.float64)
    hard = process.x0_posterior(log_p, x, t).exp()
    soft = process.x0_posterior(log_p, one_hot(x, 3).float(), t).exp()
    torch.testing.assert_close(soft, hard)


def test_the_posterior_of_a_half_revealed_position_is_half_the_network_s():
    rows = torch.tensor([[0.5, 0.0, 0.5, 0.0]], requires_grad=True)
    log_p = torch.tensor([[0.2, 0.8]]).log()
    found = MaskedProcess(2).x0_posterior(log_p, rows, torch.tensor(0.5)).exp()
    torch.testing.assert_close(found, torch.tensor([[0.6, 0.4]]))
    (slope,) = torch.autograd.grad(found[0, 1], rows)
    torch.testing.assert_close(slope, torch.tensor([[0.0, 1.0, 0.8, 0.0]]))
