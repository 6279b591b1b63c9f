"""First-hitting sampling: one token an event, at the exact time it is revealed."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from discdiff.class_masked import ClassMaskedProcess
from discdiff.samplers.by_class import HazardPlan
from discdiff.samplers.engine import Sampler
from discdiff.samplers.plan import Plan, StaticPlan, descending_rank, hitting_levels
from discdiff.samplers.state import State


class FirstHitting(Sampler):
    r"""Reveals one position an event, in the order in which the reverse process hits them.

    With $n$ positions masked at noise level $\lambda$, the next reveal is at
    $\lambda U^{1/n}$, at a position chosen uniformly: one network pass per token and no error of
    time discretisation. Of tokens that are masked by class, v is revealed at the rate
    $r_t^vp(v\mid x_t)$ of its class and of the network at that time: reveals are proposed at the
    largest rate and then thinned, a pass for each proposal, in the mean at most the largest of
    $\max_vr_t^v/\min_vr_t^v$ per token.

    Args:
        model: a masked or class-masked model.
        temperature: as in `Sampler`.
        top_p: as in `Sampler`.
        constraint: as in `Sampler`.

    Law: exact.

    Source: Masked Diffusion Models are Secretly Time-Agnostic Masked Models and Exploit Inaccurate
    Categorical Sampling (Zheng et al., 2024, arXiv:2409.02908).

    Example:
        >>> from discdiff.model import Model
        >>> model = Model.tabular(["AC", "GT"])
        >>> set(FirstHitting(model).sample(20, key=1).strings) == {"AC", "GT"}
        True
    """

    processes: ClassVar[tuple[str, ...]] = ("masked", "class_masked")

    def plan(self, state: State) -> Plan:
        if isinstance(self.process, ClassMaskedProcess):
            return HazardPlan(self.process)
        return StaticPlan.draw(self._reveal, self.process, state)

    def _reveal(
        self, editable: Tensor, t: Tensor, keys: Tensor, total: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        levels = hitting_levels(editable, t, keys, self.process)
        time = self.process.schedule.time_at_noise(levels)
        return -descending_rank(levels, editable), time, time, time
