"""Networks whose every conditional is a parameter, so that a whole family of laws can be trained.

Their relaxed rows answer with the mixture of what the states in them say.
"""

from __future__ import annotations

import torch
from torch import nn

from discdiff.denoiser import Denoiser
from discdiff.domain import Letters
from discdiff.model import LengthLaw, Model
from discdiff.process import MaskedProcess, UniformProcess
from tests.exact.laws import LETTERS, words


class Learnt(Denoiser):
    """Logits (T, K^L, L, V) of every state, at each of the T times of a grid or at all alike."""

    def __init__(self, model, times=(1.0,)):
        size, length = model.vocab_size, model.max_length
        super().__init__(size, length, model.process.needs_time)
        self.ids = size + (model.process.kind == "masked")
        self.times = torch.tensor(list(times), dtype=torch.float64)
        states = torch.from_numpy(words(self.ids, length))
        tables = [model.denoiser(states, t.expand(len(states))) for t in self.times]
        self.logits = nn.Parameter(torch.stack(tables).detach().clamp(min=-30.0).double())

    def forward(self, x_t, t, cond=None, at=None):
        t = t.amax(1) if t.dim() == 2 else t
        step = (t[:, None] - self.times).abs().argmin(1)
        log_p = self.logits.log_softmax(-1)[step]  # (B, K^L, L, V)
        if x_t.is_floating_point():
            weight = x_t[:, 0, : self.ids].double()
            for i in range(1, x_t.shape[1]):
                column = x_t[:, i, : self.ids].double()
                weight = (weight[:, :, None] * column[:, None, :]).flatten(1)
            found = torch.einsum("bs,bslv->blv", weight, log_p.exp()).clamp(min=1e-300).log()
        else:
            code = self.ids ** torch.arange(x_t.shape[1] - 1, -1, -1)
            found = log_p[torch.arange(len(x_t)), (x_t * code).sum(1)]
        return found if at is None else found[at]


def learnt(model, times=(1.0,)):
    """A trainable model that says what an exact one says."""
    kinds = {"masked": MaskedProcess, "uniform": UniformProcess}
    process = kinds[model.process.kind](model.vocab_size)
    domain = Letters(LETTERS[: model.vocab_size])
    return Model(
        Learnt(model, times), process, domain, LengthLaw.fixed(model.max_length), None, True
    )
