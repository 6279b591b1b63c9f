"""Which figures of a design's own path tell valid designs from invalid ones, before any oracle.

Prints the area under the ROC curve (0.5 says nothing, 1 everything) of the likelihood and the
confidence that come with every design, and of the variation of the most likely x_0 over the last
passes, which costs a second pass an event here.

    python benchmarks/confidence.py [--designs 512] [--threads 1]
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch
from scipy.stats import mannwhitneyu
from torch import Tensor

KEY = 20240521
MODELS: dict[str, dict[str, object]] = {
    "qm9_masked": {"name": "first_hitting"},
    "qm9_uniform": {"name": "ancestral", "steps": 64},
}
LAST = 0.25  # of the clock, over which x_0 is watched


def area(figure: Tensor, valid: np.ndarray) -> float:
    """Return the chance that a valid design has the larger figure than an invalid one."""
    good, bad = figure.numpy()[valid], figure.numpy()[~valid]
    return float(mannwhitneyu(good, bad).statistic / (len(good) * len(bad)))


def watched(sampler: Any, designs: int) -> tuple[Any, dict[str, Tensor]]:
    """Return finished designs, and the figures that need more than they bring with them."""
    state = sampler.init(designs, key=KEY)
    changes, late = torch.zeros(designs).double(), torch.zeros(state.tokens.shape).double()
    before: Tensor | None = None
    while not sampler.done(state):
        law = sampler.process.x0_posterior(
            sampler.log_p(state), state.tokens, state.t[:, None].expand(state.tokens.shape)
        )
        open_ = sampler.process.editable(state.tokens, state.active)
        guess = torch.where(open_, law.argmax(-1), state.tokens)
        if before is not None:
            moved = ((guess != before) & state.active).sum(1)
            changes += torch.where(state.t <= LAST, moved, 0)
        before, after = guess, sampler.step(state)
        drawn = (after.tokens != state.tokens) & (after.t <= LAST)[:, None]
        late = torch.where(drawn, after.path.log_prob, late)
        state = after
    figures = {"changes of the likeliest x_0 in the last quarter": -changes / state.active.sum(1)}
    if sampler.process.kind == "masked":  # on a uniform process all tokens are drawn to the end
        number = (late != 0).sum(1).clamp(min=1)
        figures["confidence of the last quarter alone"] = (late.sum(1) / number).exp()
    return sampler.finish(state), figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--designs", type=int, default=512)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    from discdiff import registry
    from discdiff.model import Model

    for name, sampler in MODELS.items():
        built = registry.build("samplers", sampler, model=Model.load(name))
        samples, figures = watched(built, arguments.designs)
        own = {"log_likelihood": samples.log_likelihood, "confidence": samples.confidence}
        print(f"{name}: {samples.valid.mean():.1%} of {len(samples)} valid")
        for figure, values in (own | figures).items():
            print(f"  {figure:50} {area(values, samples.valid):.3f}")


if __name__ == "__main__":
    main()
