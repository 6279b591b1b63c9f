"""Which fine-tuning method trains models of which process and plan, and the law it reaches.

The laws are relative to the law p of the sampler, within each length; λ tilts it to p(x) exp(λ r).
"""

from __future__ import annotations

from discdiff.errors import UnsupportedError
from discdiff.guidance.support import Row
from discdiff.samplers.engine import Sampler

# plans that draw positions whatever the tokens are, and mask none again
PLANS: dict[str, tuple[str, ...]] = {
    "masked": ("first_hitting", "ancestral", "parallel"),
    "class_masked": ("first_hitting", "ancestral"),
    "uniform": ("ancestral",),
}
CLASSES: dict[str, str] = {
    "FirstHitting": "first_hitting",
    "Ancestral": "ancestral",
    "Parallel": "parallel",
}
LAWS: dict[str, str] = {
    "wdce": "exact as designs → ∞; biased where a search proposes or only the best are kept",
    "trajectory_balance": "exact",
    "log_variance": "exact",
    "brain": "exact as the group → ∞",
    "drakes": "biased: relaxation and truncation; with exact gradients exact as steps → ∞",
    "policy_gradient": "biased: E[r] in place of the soft value; with kl=path exact",
}
_BY_CLASS = tuple(("class_masked", plan) for plan in PLANS["class_masked"])
_NOT_MASKED = (*_BY_CLASS, ("uniform", "ancestral"))
# when a token is revealed would be part of the path where tokens are masked by class
REFUSED: dict[str, tuple[tuple[str, str], ...]] = {
    # gradients pass through steps of a grid
    "drakes": (("masked", "first_hitting"), ("masked", "parallel"), *_BY_CLASS),
    "wdce": _NOT_MASKED,
    "trajectory_balance": _NOT_MASKED,
    "log_variance": _NOT_MASKED,
    "brain": _NOT_MASKED,
    "policy_gradient": _BY_CLASS,
}
TABLE: tuple[Row, ...] = tuple(
    Row(method, process, plan, law)
    for method, law in LAWS.items()
    for process, plans in PLANS.items()
    for plan in plans
    if (process, plan) not in REFUSED[method]
)


def refuse_plan(method: str, sampler: Sampler) -> None:
    """Raise `UnsupportedError` unless the table has a line for `method` with `sampler`."""
    process, kind = sampler.process.kind, type(sampler).__name__
    plan = CLASSES.get(kind, kind)
    if any(row[:3] == (method, process, plan) for row in TABLE):
        return
    able = [f"{row.plan} on {row.process}" for row in TABLE if row.method == method]
    raise UnsupportedError(
        f"{method} on a {process} process with the plan {plan} is not supported: it tunes "
        f"{', '.join(able)}"
    )
