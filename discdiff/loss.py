r"""Negative evidence lower bounds, in nats per sequence.

Masked, with $w_t=-\alpha'_t/(1-\alpha_t)$:
$\mathcal L=\int_0^1 w_t\,\mathbb E\sum_i\mathbb 1(x_t^i=m)(-\log p(x_0^i\mid x_t))\,\mathrm dt$.
Substituting $\lambda=1-\alpha_t$ removes the schedule, and integrating over $\lambda$ leaves the
number of masked tokens: three estimators of one quantity. Where tokens are masked by class, with
$r_t^v=\dot m_t^v/m_t^v$, the bound on a path of rates $r_t^vp(v)$ has two terms more:
$\mathcal L=\int_0^1\mathbb E\sum_i\mathbb 1(x_t^i=m)\big[r_t^{x_0^i}(-\log p(x_0^i)-1)
+\sum_vr_t^vp(v)\big]\mathrm dt$.

Source: Simplified and Generalized Masked Diffusion for Discrete Data (Shi et al., 2024,
arXiv:2406.04329); Simple Guidance Mechanisms for Discrete Diffusion Models (Schiff et al., 2024,
arXiv:2412.10193).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from discdiff import _check, random
from discdiff.class_masked import ClassMaskedProcess
from discdiff.denoiser import Denoiser
from discdiff.errors import InputError, UnsupportedError
from discdiff.process import Absorbing, MaskedProcess, Process, UniformProcess

Form = Literal["level", "time", "count"]
FORMS: tuple[Form, ...] = ("level", "time", "count")
_LEVEL, _NOISE, _FINAL, _WRONG, _PLACE = range(5)  # purposes of the random numbers


def stratified(count: int, seed: int, rank: int = 0, world: int = 1) -> Tensor:
    r"""Return this rank's share of low-discrepancy uniforms over the global batch.

    Stratum $i$ of $n=$ `count * world` holds $(i+U_i)/n$; a permutation shared by all ranks deals
    the strata out, so they are not tied to the order of the data.

    Args:
        count: uniforms on this rank.
        seed: the same on all ranks, new for each batch.
        rank: index of this share.
        world: number of shares (processes × accumulation steps).

    Returns:
        float64 `(count,)` in (0, 1).

    Example:
        >>> both = torch.cat([stratified(2, 0, rank, 2) for rank in (0, 1)])
        >>> (both.sort().values * 4).long().tolist()
        [0, 1, 2, 3]
    """
    total = _check.positive_int("count", count) * _check.positive_int("world", world)
    keys = random.fold(torch.tensor(seed, dtype=torch.int64), torch.arange(total))
    order = random.uniform_at(keys, torch.tensor(0)).argsort()
    levels = (order + random.uniform_at(keys, torch.tensor(1))) / total
    return levels[rank * count : (rank + 1) * count]


def nelbo(
    denoiser: Denoiser,
    process: Process,
    x_0: Tensor,
    active: Tensor,
    keys: Tensor,
    form: Form = "level",
    cond: Tensor | None = None,
    u: Tensor | None = None,
    reconstruction: bool = True,
    wrong_context: float = 0.0,
) -> Tensor:
    """Return the one-sample estimate of the bound of whichever process it is given.

    Arguments are those of `masked_nelbo`, `class_masked_nelbo` and `uniform_nelbo`.

    Example:
        >>> from discdiff.denoiser import TabularDenoiser
        >>> table, process = torch.tensor([[0, 1]]), MaskedProcess(2)
        >>> net = TabularDenoiser(table, torch.ones(1), process)
        >>> nelbo(net, process, table, table >= 0, torch.tensor([1])).item()
        0.0
    """
    if isinstance(process, MaskedProcess):
        return masked_nelbo(denoiser, process, x_0, active, keys, form, cond, u, wrong_context)
    if isinstance(process, ClassMaskedProcess):
        return class_masked_nelbo(
            denoiser, process, x_0, active, keys, form, cond, u, wrong_context
        )
    if wrong_context:
        raise UnsupportedError(
            f"wrong_context needs a masked process, got {wrong_context} with {process!r}, "
            "whose visible tokens are noised already"
        )
    if isinstance(process, UniformProcess):
        return uniform_nelbo(denoiser, process, x_0, active, keys, cond, u, reconstruction)
    raise UnsupportedError(f"nelbo needs a masked or uniform process, got {process!r}")


def masked_nelbo(
    denoiser: Denoiser,
    process: MaskedProcess,
    x_0: Tensor,
    active: Tensor,
    keys: Tensor,
    form: Form = "level",
    cond: Tensor | None = None,
    u: Tensor | None = None,
    wrong_context: float = 0.0,
) -> Tensor:
    r"""Return a one-sample, unbiased estimate of the masked bound of every sequence.

    * `level`: $\lambda\sim U(0,1]$, weight $1/\lambda$;
    * `time`: $t\sim U(0,1]$, weight $-\alpha'_t/(1-\alpha_t)$;
    * `count`: $n$ uniform on $1..L$, $n$ random positions masked, weight $L/n$: no spikes near
      $t=0$, so the form for evaluation.

    Args:
        denoiser: the network.
        process: the masked process it was trained for.
        x_0: int64 tokens `(B, L)`.
        active: positions that are noised and scored, bool `(B, L)`; others stay visible.
        keys: int64 row keys `(B,)`.
        form: the estimator.
        cond: int64 class `(B,)`, or None.
        u: uniforms `(B,)` in (0, 1) for level, time or count; drawn from the keys when None.
        wrong_context: chance of a visible active position to show a random token, which prepares
            a network for its own mistakes; above 0 the answer bounds no likelihood of `x_0`.

    Returns:
        nats per sequence, `(B,)`; 0 where no position is active.

    Raises:
        InputError: if `form` is unknown or `wrong_context` lies outside [0, 1].

    Example:
        >>> from discdiff.denoiser import TabularDenoiser
        >>> table, process = torch.tensor([[0], [1]]), MaskedProcess(2)
        >>> net = TabularDenoiser(table, torch.ones(2), process)
        >>> masked_nelbo(net, process, table, table >= 0, torch.arange(2), "count").exp().tolist()
        [2.0, 2.0]
    """
    _check.one_of("form", form, FORMS)
    if u is None:
        u = random.uniform(random.fold(keys, _LEVEL), 1)[:, 0]
    noise_keys = random.fold(keys, _NOISE)
    if form == "count":
        x_t, weight, t = _mask_count(process, x_0, active, noise_keys, u)
    else:
        t = u if form == "time" else process.schedule.time_at_noise(u)
        level = process.schedule.noise(t)
        weight = 1.0 / level if form == "level" else -process.schedule.alpha_prime(t) / level
        x_t = process.corrupt(x_0, t, active, noise_keys)
    masked = (x_t == process.mask_id) & active
    if _check.fraction("wrong_context", wrong_context):
        x_t = _mislead(process, x_t, active & ~masked, wrong_context, random.fold(keys, _WRONG))
    rows, cols = masked.nonzero(as_tuple=True)
    log_p = denoiser(x_t, t, cond, (rows, cols))
    ce = -log_p.gather(-1, x_0[rows, cols][:, None])[:, 0]
    total = torch.zeros(len(x_0), dtype=ce.dtype, device=ce.device).index_add(0, rows, ce)
    return total * weight.to(total.dtype)


def _mislead(
    process: Absorbing, x_t: Tensor, visible: Tensor, chance: float, keys: Tensor
) -> Tensor:
    """Return `x_t` with random tokens at a share `chance` of the visible positions."""
    u = random.uniform(keys, 2 * x_t.shape[1])
    chosen, drawn = u[:, ::2] < chance, (u[:, 1::2] * process.vocab_size).long()
    return torch.where(visible & chosen, drawn.clamp(max=process.vocab_size - 1), x_t)


def _mask_count(
    process: MaskedProcess, x_0: Tensor, active: Tensor, keys: Tensor, u: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    length = active.sum(1)
    count = torch.minimum((u * length).long() + 1, length)
    score = random.uniform(keys, x_0.shape[1]).masked_fill(~active, 2.0)
    rank = score.argsort(1).argsort(1)
    x_t = torch.where((rank < count[:, None]) & active, process.mask_id, x_0)
    level = count / length.clamp(min=1)
    weight = torch.where(count > 0, 1.0 / level.clamp(min=1e-12), 0.0)
    return x_t, weight, process.schedule.time_at_noise(level.double())


def class_masked_nelbo(
    denoiser: Denoiser,
    process: ClassMaskedProcess,
    x_0: Tensor,
    active: Tensor,
    keys: Tensor,
    form: Form = "level",
    cond: Tensor | None = None,
    u: Tensor | None = None,
    wrong_context: float = 0.0,
) -> Tensor:
    r"""Return a one-sample, unbiased estimate of the bound where tokens are masked by class.

    * `time`: $t\sim U(0,1]$, weight 1;
    * `level`: $t$ is when a random active position has a level $\lambda\sim U(0,1]$, weight
      $L/\sum_i\dot m_t^{x_0^i}$ over the L active positions;
    * `count`: likewise, and that position is masked whatever its level; weight
      $L/\sum_ir_t^{x_0^i}$ over those masked: no spikes near $t=0$, so the form for evaluation.

    With one class they are the forms of `masked_nelbo`, whose arguments these are. Frozen positions
    are shown at t = 0, and positions that were not seen, masks in `x_0`, at t = 1.

    Example:
        >>> from discdiff.denoiser import TabularDenoiser
        >>> from discdiff.schedule import Polynomial
        >>> table, slow = torch.tensor([[0], [1]]), {"slow": Polynomial(3.0)}
        >>> process = ClassMaskedProcess(2, token_classes={"slow": [1]}, schedules=slow)
        >>> net = TabularDenoiser(table[:1], torch.ones(1), process)
        >>> x_0 = table[:1].repeat(2, 1)
        >>> class_masked_nelbo(net, process, x_0, x_0 >= 0, torch.arange(2), "count").tolist()
        [0.0, 0.0]
    """
    _check.one_of("form", form, FORMS)
    if u is None:
        u = random.uniform(random.fold(keys, _LEVEL), 1)[:, 0]
    noise_keys, clean = random.fold(keys, _NOISE), x_0.clamp(max=process.vocab_size - 1)
    t, chosen = u.double(), torch.zeros_like(active)
    if form != "time":
        chosen = _one_of(active, random.fold(noise_keys, _PLACE))
        token = torch.where(chosen, clean, 0).sum(1, keepdim=True)
        t = process.clocks(t).gather(1, token)[:, 0]
    x_t = process.corrupt(x_0, t, active, noise_keys)
    if form == "count":
        x_t = torch.where(chosen, process.mask_id, x_t)
    masked = (x_t == process.mask_id) & active
    rates = process.rates(t)
    rate = rates.gather(1, clean)
    speed = rate * process.noise_of(x_0, t)
    total = torch.where(masked, rate, 0.0) if form == "count" else torch.where(active, speed, 0.0)
    weight = torch.ones_like(t) if form == "time" else active.sum(1) / total.sum(1)
    if _check.fraction("wrong_context", wrong_context):
        x_t = _mislead(process, x_t, active & ~masked, wrong_context, random.fold(keys, _WRONG))
    rows, cols = masked.nonzero(as_tuple=True)
    unseen = (x_0 == process.mask_id).to(t.dtype)  # a mask that says nothing, as all do at t = 1
    log_p = denoiser(x_t, torch.where(active, t[:, None], unseen), cond, (rows, cols))
    ce = -log_p.gather(-1, clean[rows, cols][:, None])[:, 0]
    own = (rate * weight[:, None])[rows, cols].to(ce.dtype)
    every = (rates * weight[:, None])[rows].to(ce.dtype)
    terms = own * (ce - 1.0) + (every * log_p.exp()).sum(-1)
    return torch.zeros(len(x_0), dtype=ce.dtype, device=ce.device).index_add(0, rows, terms)


def _one_of(active: Tensor, keys: Tensor) -> Tensor:
    """Return one active position of each row that has any, all equally likely, bool `(B, L)`."""
    score = random.uniform(keys, active.shape[1]).masked_fill(~active, -1.0)
    first = torch.nn.functional.one_hot(score.argmax(1), active.shape[1]).bool()
    return first & active


def uniform_nelbo(
    denoiser: Denoiser,
    process: UniformProcess,
    x_0: Tensor,
    active: Tensor,
    keys: Tensor,
    cond: Tensor | None = None,
    u: Tensor | None = None,
    reconstruction: bool = True,
    t_min: float = 1e-3,
) -> Tensor:
    r"""Return a one-sample estimate of the uniform bound of every sequence.

    $\int_{t_{\min}}^1\frac{-\alpha'_t}{\alpha_t V}\sum_i G_i\,\mathrm dt
    -\mathbb E\sum_i\log p(x_0^i\mid x_{t_{\min}})$, with $G$ written in $k=V\alpha_t/(1-\alpha_t)$
    so that it needs only $p_z$, $p_x$ and $\sum_j\log(1+kp_j)$. The integral stops at
    $t=1-10^{-4}$, where the integrand is $O(\alpha_t)$.

    Args:
        denoiser: the network; its output is the cavity law.
        process: the uniform process it was trained for.
        x_0: int64 tokens `(B, L)`.
        active: positions that are noised and scored, bool `(B, L)`; others are shown at t = 0.
        keys: int64 row keys `(B,)`.
        cond: int64 class `(B,)`, or None.
        u: uniforms `(B,)` in (0, 1) for the time; drawn from the keys when None.
        reconstruction: whether to add the last term (one more pass); training leaves it out.
        t_min: where the integral starts.

    Returns:
        nats per sequence, `(B,)`.

    Raises:
        InputError: if `t_min` is outside (0, 0.5).

    Example:
        >>> from discdiff.denoiser import TabularDenoiser
        >>> table, process = torch.tensor([[0, 1]]), UniformProcess(2)
        >>> net = TabularDenoiser(table, torch.ones(1), process)
        >>> abs(uniform_nelbo(net, process, table, table >= 0, torch.tensor([1])).item()) < 1e-9
        True
    """
    if not 0 < t_min < 0.5:
        raise InputError(f"t_min must lie in (0, 0.5), got {t_min!r}")
    if u is None:
        u = random.uniform(random.fold(keys, _LEVEL), 1)[:, 0]
    span = 1.0 - 1e-4 - t_min
    t = t_min + span * u
    x_t = process.corrupt(x_0, t, active, random.fold(keys, _NOISE))
    log_p = denoiser(x_t, torch.where(active, t[:, None], 0.0), cond)
    beta = -process.schedule.alpha_prime(t) / process.schedule.alpha(t)
    rate = _uniform_rate_gap(process, log_p, x_t, x_0, t).masked_fill(~active, 0.0).sum(1)
    total = span * beta / process.vocab_size * rate
    if not reconstruction:
        return total
    t_low = torch.full_like(t, t_min)
    x_low = process.corrupt(x_0, t_low, active, random.fold(keys, _FINAL))
    log_p = denoiser(x_low, torch.where(active, t_low[:, None], 0.0), cond)
    posterior = process.x0_posterior(log_p, x_low.clamp(max=process.mask_id), t_low[:, None])
    clean = x_0.clamp(max=process.vocab_size - 1)[..., None]
    ce = -posterior.gather(-1, clean)[..., 0].masked_fill(~active, 0.0).sum(1)
    return total + ce


def _uniform_rate_gap(
    process: UniformProcess, log_p: Tensor, x_t: Tensor, x_0: Tensor, t: Tensor
) -> Tensor:
    """Return G `(B, L)`: the excess of true over modelled reverse rates, float64."""
    size = process.vocab_size
    level = process.schedule.noise(t)[:, None]
    k = size * process.schedule.alpha(t)[:, None] / level
    z = x_t.clamp(max=size - 1)[..., None]
    x = x_0.clamp(max=size - 1)[..., None]
    p = log_p.double().exp()
    logs = torch.log1p(k[..., None] * p)
    log_z, log_x = logs.gather(-1, z)[..., 0], logs.gather(-1, x)[..., 0]
    spread = logs.sum(-1) - size * log_z
    gap_z = 1.0 / (1.0 + k * p.gather(-1, z)[..., 0])
    log_k = torch.log1p(k)
    kept = (size + k) * (gap_z - 1.0 / (1.0 + k)) - ((size - 1) * log_k + spread) / (1.0 + k)
    moved = (size + k) * (gap_z - 1.0) + (1.0 + k) * log_k - k * (log_x - log_z) - spread
    return torch.where(x_t == x_0, kept, moved)
