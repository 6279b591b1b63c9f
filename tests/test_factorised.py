"""The denoiser of independent positions is the exact one of their table, for both processes."""

import numpy as np
import pytest
import torch

from discdiff.denoiser import FactorisedDenoiser, TabularDenoiser
from discdiff.errors import InputError
from discdiff.process import MaskedProcess, UniformProcess
from tests.exact.laws import independent, words


@pytest.mark.parametrize(
    "process", [MaskedProcess(3), UniformProcess(3)], ids=["masked", "uniform"]
)
def test_it_is_the_denoiser_of_the_table(process):
    law = independent(3, 2, seed=1)
    sides = np.stack([[law.p[law.rows[:, i] == v].sum() for v in range(3)] for i in range(2)])
    exact = TabularDenoiser(torch.from_numpy(law.rows), torch.from_numpy(law.p), process)
    quick = FactorisedDenoiser(torch.from_numpy(sides).log())
    z = torch.from_numpy(words(4 if process.kind == "masked" else 3, 2))
    t = torch.full((len(z),), 0.4, dtype=torch.float64)
    rows, cols = process.editable(z, z >= 0).nonzero(as_tuple=True)
    wanted = exact(z, t, at=(rows, cols))
    torch.testing.assert_close(quick(z, t, at=(rows, cols)), wanted)
    torch.testing.assert_close(quick(z, t)[rows, cols], wanted)
    assert quick(z[:, :1], t).shape == (len(z), 1, 3)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (torch.zeros(3), r"log_probabilities must be \(L, V\), got shape \(3,\)"),
        (torch.full((1, 2), -torch.inf), "log_probabilities must leave every position a token"),
    ],
)
def test_a_table_that_is_none_is_refused(table, message):
    with pytest.raises(InputError, match=message):
        FactorisedDenoiser(table)
