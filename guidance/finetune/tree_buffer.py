"""Designs proposed by a tree search under the policy, for a buffer to train on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from discdiff import random
from discdiff.guidance.finetune.method import Drawn, on_host, refuse_unscored
from discdiff.guidance.finetune.paths import Paths, log_likelihood, log_likelihoods
from discdiff.guidance.tree_search import TreeSearch
from discdiff.model import Model
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler

_ORDER = 71  # purpose of the random numbers that order a design's tokens


def draw_by_search(
    tree: TreeSearch,
    sampler: Sampler,
    reward: Reward,
    n: int,
    pretrained: Model,
    *,
    key: int,
    first_design: int,
    **given: Any,
) -> Drawn:
    r"""Return the best designs of searches under the policy.

    What a search returns it has chosen by reward, so its law is not that of the policy and has no
    formula. The ratio of the two models is that of a random order of each design's tokens.

    Args:
        tree: the search.
        sampler: of the averaged policy.
        reward: of designs.
        n: designs.
        pretrained: the model before.
        key: of the run.
        first_design: number of the first.
        given: what is fixed of every design.

    Raises:
        DiscdiffError: if none has a reward.
    """
    samples = tree.run(sampler, reward, n, key=key, first_design=first_design, **given)
    tokens = samples.tokens
    active = tokens < sampler.process.vocab_size
    number = torch.arange(first_design, first_design + n, device=tokens.device)
    paths = ordered(tokens, active, random.row_keys(key, number, torch.zeros_like(number)))
    if (cond := given.get("cond")) is not None:
        paths = replace(paths, cond=torch.full_like(number, cond))
    with torch.no_grad():
        own = log_likelihoods(sampler.model.denoiser, sampler.process, paths)
        before = log_likelihood(pretrained.denoiser, sampler.process, paths)
    paths = replace(paths, log_probs=own)
    if samples.reward is None:
        raise ValueError("a search returns rewards")
    worth = samples.reward.to(tokens.device)
    invalid = torch.from_numpy(~samples.valid).to(tokens.device)
    drawn = on_host(Drawn(samples, paths, worth, invalid, before, biased=True))
    refuse_unscored(drawn, reward)
    return drawn


def ordered(tokens: Tensor, active: Tensor, keys: Tensor) -> Paths:
    """Return paths that draw the active tokens one by one in a random order; log_probs are 0.

    Args:
        tokens: finished designs `(B, W)`.
        active: the positions that are drawn, bool `(B, W)`.
        keys: of the rows `(B,)`.
    """
    score = random.uniform(random.fold(keys, _ORDER), tokens.shape[1]).masked_fill(~active, 2.0)
    when = torch.where(active, score.argsort(1).argsort(1), -1)
    count = active.sum(1)
    events = int(count.max()) if len(count) else 0
    # masks are drawn at even times; a masked model's law does not depend on them
    number = torch.arange(events + 1, device=tokens.device, dtype=torch.float64)
    level = (1.0 - number / count[:, None].clamp(min=1)).clamp(min=0.0)
    clocks = torch.stack([level[:, :-1], level[:, 1:]], dim=2)
    zeros = torch.zeros(clocks.shape[:2], dtype=torch.float64, device=tokens.device)
    return Paths(tokens, active, when, clocks, count, zeros)
