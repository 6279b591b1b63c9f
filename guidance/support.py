"""Which guidance method runs on which process and plan, and the law it then samples.

The laws are relative to the base sampler's own law p; λ tilts it to p(x) exp(λ r(x)).
"""

from __future__ import annotations

from typing import NamedTuple

from discdiff.errors import UnsupportedError


class Row(NamedTuple):
    """One line of the support table; a plan is named after its sampler."""

    method: str
    process: str
    plan: str
    law: str


PLANS: dict[str, tuple[str, ...]] = {
    "masked": ("first_hitting", "ancestral", "parallel", "entropy", "confidence", "remdm"),
    "class_masked": ("first_hitting", "ancestral"),
    "uniform": ("ancestral",),
}
LAWS: dict[str, str] = {
    "none": "exact: p",
    "beam": "optimiser, no law",
    "best_of_n": "soft: exact as candidates → ∞; hard: optimiser",
    "svdd": "exact as particles → ∞ with carry; else biased: value error",
    "fk": "exact as particles → ∞",
    "tds": "exact as particles → ∞",
    "correctors": "exact as particles → ∞, for powers and products of p as well",
    "evolution": "optimiser, no law",
    "isir": "exact as sweeps → ∞, within each length and template; biased by the error of the plan",
    "split_gibbs": "exact as sweeps → ∞ and the level → 0; biased by the error of the plan",
    "tree_search": "optimiser, no law",
    "importance_tilt": "exact as draws → ∞ for independent positions one by one; else biased",
}
# what a method refuses: the process and the plan
_BY_CLASS = tuple(("class_masked", plan) for plan in PLANS["class_masked"])
REFUSED: dict[str, tuple[tuple[str, str], ...]] = {
    # a product of conditionals is that of laws for one token at a time
    "correctors": (
        *(("masked", plan) for plan in PLANS["masked"] if plan != "first_hitting"),
        *_BY_CLASS,
        ("uniform", "ancestral"),
    ),
    "importance_tilt": _BY_CLASS,  # when a token is revealed would have to follow the tilt
    "tree_search": (("masked", "remdm"),),  # what a node has drawn must stay
    # z could not differ from x
    "split_gibbs": (*(("masked", plan) for plan in PLANS["masked"]), *_BY_CLASS),
}
TABLE: tuple[Row, ...] = tuple(
    Row(method, process, plan, law)
    for method, law in LAWS.items()
    for process, plans in PLANS.items()
    for plan in plans
    if (process, plan) not in REFUSED.get(method, ())
)


def methods(process: str) -> list[str]:
    """Return the methods that run on a process.

    Example:
        >>> "split_gibbs" in methods("uniform"), "split_gibbs" in methods("masked")
        (True, False)
    """
    return list(dict.fromkeys(row.method for row in TABLE if row.process == process))


def law(method: str, process: str, plan: str) -> str:
    """Return the law of a combination.

    Raises:
        UnsupportedError: if the combination is not in the table.

    Example:
        >>> law("fk", "uniform", "ancestral")
        'exact as particles → ∞'
    """
    for row in TABLE:
        if row[:3] == (method, process, plan):
            return row.law
    raise UnsupportedError(f"{method} on a {process} process with the plan {plan} is not supported")
