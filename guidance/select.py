"""Selections of the particle loop: among siblings, within a group, and the best of a group."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from discdiff import random
from discdiff.guidance.population import Particles
from discdiff.guidance.resample import Scheme, ancestors, effective_sample_size, offspring
from discdiff.guidance.value import live_rows
from discdiff.samplers.engine import Sampler
from discdiff.samplers.state import SELECT


def first_children(children: Particles, branch: int, counts: Tensor) -> Particles:
    """Return the first `counts (B,)` of the `branch` children of every parent."""
    place = torch.arange(branch, device=counts.device).repeat(len(counts))
    kept = place < counts.repeat_interleave(branch)
    return children.gather(kept.nonzero()[:, 0])


def one_child(
    parents: Particles,
    children: Particles,
    branch: int,
    counts: Tensor | None,
    pick: Literal["softmax", "argmax"],
    carry: bool,
) -> Particles:
    """Return one child of each parent, kept by its weight.

    Args:
        parents: B rows.
        children: their children, side by side.
        branch: the most that a parent has.
        counts: how many each parent has, int64 `(B,)`; None for `branch`.
        pick: `softmax` or `argmax`.
        carry: give the child the mean weight of its family in place of its parent's weight.
    """
    before = parents.state.log_weight
    every = counts is None
    counts = torch.full_like(parents.entry, branch) if counts is None else counts
    real = torch.arange(branch, device=before.device) < counts[:, None]
    if every:
        log_weight = children.state.log_weight.view(-1, branch)
    else:
        log_weight = before.new_full(real.shape, -torch.inf)
        log_weight[real] = children.state.log_weight
    # a parent of weight zero has no children to compare: all are kept alike
    gain = (log_weight - before[:, None]).nan_to_num(nan=0.0, neginf=-torch.inf)
    gain = torch.where(real, gain, -torch.inf)
    dead = (gain == -torch.inf).all(1)
    alike = torch.where(real, 0.0, -torch.inf).to(gain.dtype)
    chance = torch.softmax(torch.where(dead[:, None], alike, gain), dim=1)
    if pick == "argmax":
        child = gain.argmax(1)
    else:
        u = random.uniform(parents.state.purpose_keys(SELECT), 1)
        child = torch.minimum((chance.cumsum(1) < u).sum(1), counts - 1)
    kept = children.gather(counts.cumsum(0) - counts + child, parents.state.keys)
    mean = torch.logsumexp(gain, dim=1) - counts.double().log()
    after = before + mean if carry else torch.where(dead, -torch.inf, before)
    spread = (counts / effective_sample_size(gain) - 1.0).clamp(min=0.0).sqrt()
    return replace(kept, state=replace(kept.state, log_weight=after), spread=spread)


def resample(
    sampler: Sampler, particles: Particles, group: int, threshold: float, scheme: Scheme
) -> Particles:
    """Return the particles with groups of few effective members drawn again by their weights.

    Args:
        sampler: says which rows are finished.
        particles: rows of whole groups.
        group: particles K in a group.
        threshold: share of K below which the effective sample size makes it draw again.
        scheme: resampling scheme.
    """
    state = particles.state
    log_weight = state.log_weight.view(-1, group)
    size = effective_sample_size(log_weight)
    going = torch.zeros_like(particles.entry, dtype=torch.bool)
    going[live_rows(sampler, state)] = True
    # left alone: a group without any weight, for its normaliser is zero, and one that is
    # finished, for the last choice uses its weights however long other groups go on
    poor = (size < threshold * group) & (size > 0)
    poor &= going.view(log_weight.shape).any(1)
    if not bool(poor.any()):
        return particles
    weights = torch.softmax(log_weight, dim=1).nan_to_num(1.0 / group)
    keys = state.purpose_keys(SELECT).view(-1, group)[:, 0]
    counts = offspring(weights, random.uniform(random.fold(keys, 1), group), scheme)
    counts = torch.where(poor[:, None], counts, 1)
    slots = torch.arange(len(state), device=state.tokens.device).view(-1, group)
    index = (slots[:, :1] + ancestors(counts)).view(-1)
    chosen = particles.gather(index, state.keys)
    mean = torch.logsumexp(log_weight, dim=1, keepdim=True) - math.log(group)
    after = torch.where(poor[:, None], mean, log_weight).reshape(-1)
    moved = (index != slots.view(-1)).cpu().numpy() & ~chosen.state.plan.done(state, 0.0)
    # a copy draws the rest of its plan with the key of its slot
    plan = chosen.state.plan.renew(chosen.state, moved)
    return replace(chosen, state=replace(chosen.state, log_weight=after, plan=plan))


def best_children(parents: Particles, children: Particles, group: int) -> Particles:
    """Return, of all children of a group, as many as it has parents: the best, each only once.

    What is compared is the value, whatever the weights; a child with the tokens of a better one
    is taken only where there are no others.

    Args:
        parents: B rows of whole groups, whose slots the children take.
        children: their children, side by side, as many of each parent.
        group: particles K in a group.
    """
    value = children.potential.view(len(parents.state) // group, -1)
    order = value.argsort(dim=1, descending=True, stable=True)
    _, same = np.unique(children.state.tokens.cpu().numpy(), axis=0, return_inverse=True)
    alike = torch.from_numpy(same.reshape(value.shape)).to(order.device).gather(1, order)
    seen = (alike[:, :, None] == alike[:, None, :]).tril(-1).any(2)
    order = order.gather(1, seen.long().argsort(dim=1, stable=True))
    first = torch.arange(len(value), device=order.device)[:, None] * value.shape[1]
    return children.gather((first + order[:, :group]).reshape(-1), parents.state.keys)
