"""Network passes over just the rows and columns that an event needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from discdiff.samplers.plan import Ints
from discdiff.samplers.state import State

if TYPE_CHECKING:
    from discdiff.model import Model

_MULTIPLE = 8  # widths are rounded up to a multiple, a property of the design alone
_MAX_TOKENS = 32_768  # per pass


def evaluate(model: Model, state: State, t: Tensor, rows: Ints, cols: Ints) -> Tensor:
    """Return log-probabilities `(N, V)` at positions `(rows, cols)` of the state's tokens.

    Rows are grouped by their own length, so a design's tensors have the same width in any batch.
    Adds one `nfe` for every row that is passed.

    Args:
        model: whose denoiser is asked.
        state: tokens, lengths, classes and counters.
        t: clocks `(B,)`.
        rows: row of each position, `(N,)` on the host.
        cols: its column.
    """
    device = state.tokens.device
    if len(rows) == 0:
        return torch.empty(0, model.vocab_size, device=device)
    touched, local = np.unique(rows, return_inverse=True)
    state.counts["nfe"] += len(touched)
    widths = -(-state.lengths[touched] // _MULTIPLE) * _MULTIPLE
    widths = np.minimum(widths, state.tokens.shape[1])
    answers, places = [], []
    for width in np.unique(widths):
        group = np.flatnonzero(widths == width)
        size = max(1, _MAX_TOKENS // int(width))
        for start in range(0, len(group), size):
            chunk = group[start : start + size]
            position = np.full(len(touched), -1)
            position[chunk] = np.arange(len(chunk))
            place = np.flatnonzero(position[local] >= 0)
            at = position[local[place]], cols[place]
            answers.append(_pass(model, state, t, touched[chunk], int(width), at))
            places.append(place)
    if len(answers) == 1:
        return answers[0]
    back = torch.from_numpy(np.argsort(np.concatenate(places), kind="stable")).to(device)
    return torch.cat(answers)[back]


def _pass(
    model: Model, state: State, t: Tensor, rows: Ints, width: int, at: tuple[Ints, Ints]
) -> Tensor:
    device = state.tokens.device
    index = torch.from_numpy(rows).to(device, non_blocking=True)
    times = t[index]
    if model.denoiser.needs_time:
        # positions that cannot change are shown as clean
        times = torch.where(state.active[index, :width], times[:, None], 0.0)
    answer: Tensor = model.denoiser(
        state.tokens[index, :width],
        times,
        None if state.cond is None else state.cond[index],
        (torch.from_numpy(at[0]).to(device), torch.from_numpy(at[1]).to(device)),
    )
    return answer
