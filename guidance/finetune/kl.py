r"""How far a model has moved from another: the divergence of their reverse kernels, step by step.

The divergence of two laws of paths that start alike is the sum over steps of the divergence of the
kernels, at the states that the first law visits:
$KL(p_{0:T}\,\|\,q_{0:T})=\mathbb E_p\sum_k KL(p(\cdot\mid x_k)\,\|\,q(\cdot\mid x_k))$.
"""

from __future__ import annotations

import torch
from torch import Tensor

from discdiff.errors import InputError, UnsupportedError
from discdiff.guidance.finetune.soft_kernel import averaged_kernel
from discdiff.model import Model
from discdiff.process import MaskedProcess, Process, UniformProcess, per_position
from discdiff.samplers.engine import Sampler
from discdiff.samplers.forward import evaluate
from discdiff.samplers.plan import Event
from discdiff.samplers.state import State


def row_kl(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Return the divergence `(...)` of categorical rows `(..., K)`, in nats, float64.

    Args:
        log_p: log-probabilities; those of 0 add nothing and have no gradient.
        log_q: log-probabilities of the other law.

    Example:
        >>> row_kl(torch.tensor([0.5, 0.5]).log(), torch.tensor([0.5, 0.5]).log()).item()
        0.0
    """
    possible = log_p > -torch.inf
    gap = torch.where(possible, log_p, 0.0) - torch.where(possible, log_q, 0.0)
    return (log_p.exp() * gap).double().sum(-1)


def step_kl(
    process: Process, x_t: Tensor, log_p: Tensor, log_q: Tensor, t: Tensor, s: Tensor
) -> Tensor:
    r"""Return the divergence of two models' reverse kernels at every position, float64 `(B, L)`.

    Masked, with $m$ the noise level: a mask stays with a probability that no network has a say in,
    so it is $x_t^m\frac{m_t-m_s}{m_t}\sum_vp_v\log\frac{p_v}{q_v}$ and 0 where no mask is. Uniform:
    that of the two categorical rows of the kernel. The divergence of a row that is part mask counts
    by that part; the uniform kernel of a mixture of tokens is the mixture of their kernels.

    Args:
        process: masked or uniform.
        x_t: int64 tokens `(B, L)`, or relaxed rows, float `(B, L, V + 2)`.
        log_p: log-probabilities `(B, L, V)` of the model whose kernel is drawn from.
        log_q: those of the other one.
        t: times `(B,)` or `(B, L)`.
        s: earlier times, of the same shape.

    Raises:
        UnsupportedError: if tokens are masked by class: there a network decides when as well.

    Example:
        >>> ours, theirs = torch.tensor([[[0.5, 0.5]]]).log(), torch.tensor([[[0.25, 0.75]]]).log()
        >>> masked, half, end = torch.tensor([[2]]), torch.tensor([0.5]), torch.tensor([0.25])
        >>> process = MaskedProcess(2)  # half of what is masked at 0.5 is so at 0.25
        >>> bool(step_kl(process, masked, ours, theirs, half, end) * 2 == row_kl(ours, theirs))
        True
    """
    relaxed = x_t.is_floating_point()
    place = x_t[..., 0] if relaxed else x_t
    t, s = per_position(t, place), per_position(s, place)
    if isinstance(process, MaskedProcess):
        masked = x_t[..., process.mask_id] if relaxed else x_t == process.mask_id
        weight = process.reveal_probability(t, s) * masked
        return weight * row_kl(log_p, log_q)
    if isinstance(process, UniformProcess):
        if relaxed:
            ours = averaged_kernel(process, x_t, log_p, t, s)
            return row_kl(ours, averaged_kernel(process, x_t, log_q, t, s))
        ours = process.event_log_probs(log_p, x_t, t, s)
        return row_kl(ours, process.event_log_probs(log_q, x_t, t, s))
    raise UnsupportedError(
        f"the divergence of steps needs a masked or uniform process, got {process.kind}"
    )


def path_kl(sampler: Sampler, reference: Model, state: State) -> tuple[State, Tensor]:
    r"""Run a state to its end and return it with the divergence along its path, `(B,)`, in nats.

    Sums over the events of the plan, at the positions that each draws. Its mean over designs is the
    divergence of the laws of paths, plans being drawn alike.

    Args:
        sampler: of the model in question; what it draws from counts, temperature and all.
        reference: the other model, over the same process.
        state: as `sampler.init` returns it.

    Raises:
        InputError: if the reference is over another alphabet or process.
        UnsupportedError: if the order of the plan depends on the network, or tokens are masked
            again or by class.

    Example:
        >>> from discdiff.samplers.first_hitting import FirstHitting
        >>> ours, theirs = (Model.tabular(["AC", "GT"], p) for p in ([0.9, 0.1], [0.5, 0.5]))
        >>> sampler = FirstHitting(ours)
        >>> path_kl(sampler, theirs, sampler.init(2, key=1))[1].round(decimals=4)
        tensor([0.3681, 0.3681], dtype=torch.float64)
    """
    process = sampler.process
    supported = isinstance(process, (MaskedProcess, UniformProcess))
    if sampler.remasks or state.plan.adaptive or not supported:
        raise UnsupportedError(
            "the divergence of paths needs a masked or uniform process and a plan that no network "
            f"decides, got {type(sampler).__name__} on a {process.kind} process"
        )
    if reference.vocab_size != process.vocab_size or reference.process.kind != process.kind:
        raise InputError(
            f"reference must be a {process.kind} model over {process.vocab_size} tokens, got a "
            f"{reference.process.kind} one over {reference.vocab_size}"
        )
    spent = torch.zeros(len(state), dtype=torch.float64, device=state.tokens.device)

    def measured(state: State, event: Event, law: Tensor) -> Tensor:
        rows = torch.from_numpy(event.rows).to(law.device)
        cols = torch.from_numpy(event.cols).to(law.device)
        other = evaluate(reference, state, event.t, event.rows, event.cols)
        other = process.event_log_probs(
            other, state.tokens[rows, cols], event.t[rows], event.s[rows]
        )
        spent.index_add_(0, rows, row_kl(law, other))
        return torch.zeros_like(law)

    while not sampler.done(state):
        state = sampler.step(state, tilt=measured)
    return state, spent
