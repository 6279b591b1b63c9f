"""Network passes over just the rows and columns that an event needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from discdiff.denoiser import Denoiser
from discdiff.errors import UnsupportedError
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
    answer: Tensor = model.denoiser(
        state.tokens[index, :width],
        _times(model, state, t, index, width),
        None if state.cond is None else state.cond[index],
        (torch.from_numpy(at[0]).to(device), torch.from_numpy(at[1]).to(device)),
    )
    return answer


def _times(model: Model, state: State, t: Tensor, index: Tensor, width: int) -> Tensor:
    if not model.denoiser.needs_time:
        return t[index]
    # positions that cannot change are shown as clean
    return torch.where(state.active[index, :width], t[index][:, None], 0.0)


class RelaxedPass(NamedTuple):
    """One network pass with its graph.

    Attributes:
        rows: the rows of the state, int64 `(N,)`, all of one length L.
        x: what the network was shown, one-hot ids `(N, L, V + 2)`, a leaf of the graph.
        log_p: log-probabilities `(N, L, V)`.
        times: what it was told of the time, broadcastable to `(N, L)`.
    """

    rows: Tensor
    x: Tensor
    log_p: Tensor
    times: Tensor


def check_relaxes(network: object) -> None:
    """Check that a network, which may be any module, takes relaxed rows in place of tokens.

    Raises:
        UnsupportedError: if it neither derives from `Denoiser` nor says `relaxes = True`.
    """
    if not isinstance(network, Denoiser) and not getattr(network, "relaxes", False):
        raise UnsupportedError(
            "gradients need a network that takes relaxed rows, float (B, L, V + 2): derive "
            f"{type(network).__name__} from Denoiser, or set relaxes = True on it"
        )


def relaxed_passes(model: Model, state: State, rows: Ints) -> Iterator[RelaxedPass]:
    """Yield passes of the rows as one-hots that can be differentiated by; grad must be enabled.

    Rows are grouped by their length. Adds one `nfe` and one `nfe_grad` for every row.

    Args:
        model: whose denoiser is asked.
        state: tokens, lengths, clocks, classes and counters.
        rows: the rows `(R,)`, on the host.

    Raises:
        UnsupportedError: if the network does not take relaxed rows.
    """
    check_relaxes(model.denoiser)
    state.counts["nfe"] += len(rows)
    state.counts["nfe_grad"] += len(rows)
    lengths, device = state.lengths[rows], state.tokens.device
    kind = next((p.dtype for p in model.denoiser.parameters()), torch.float64)
    for length in np.unique(lengths).tolist():
        width = min(-(-length // _MULTIPLE) * _MULTIPLE, state.tokens.shape[1])
        for chunk in _chunks(rows[lengths == length], max(1, _MAX_TOKENS // width)):
            index = torch.from_numpy(chunk).to(device)
            ids = torch.nn.functional.one_hot(state.tokens[index, :width], model.vocab_size + 2)
            x = ids[:, :length].to(kind).requires_grad_()
            shown = torch.cat([x, ids[:, length:].to(kind)], dim=1)
            times = _times(model, state, state.t, index, width)
            cond = None if state.cond is None else state.cond[index]
            log_p = model.denoiser(shown, times, cond)
            times = times[:, :length] if times.dim() == 2 else times[:, None]
            yield RelaxedPass(index, x, log_p[:, :length], times)


def _chunks(rows: Ints, size: int) -> Iterator[Ints]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
