"""The wrappers in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from discdiff import _check
from discdiff.oracle.batched import Batched
from discdiff.oracle.budgeted import Budgeted
from discdiff.oracle.cached import Cache, Cached
from discdiff.oracle.check import Checked, Streaming, as_oracle
from discdiff.oracle.combined import Combined
from discdiff.oracle.flanked import Flanked, flanked
from discdiff.oracle.metered import Counts, Metered
from discdiff.oracle.scores import Scores
from discdiff.oracle.validated import Canonical, Validated

if TYPE_CHECKING:
    from discdiff.domain import Domain


def stack(
    oracle: Any,
    domain: Domain,
    cache: Cache | None = None,
    budget: int | None = None,
    charge: str = "evaluated",
    batch_size: int = 64,
    counts: Counts | None = None,
    on_scored: Callable[[Sequence[str], Scores], None] | None = None,
) -> Metered:
    """Return `oracle` inside meter, validity, canonical form, cache, budget and batching.

    Args:
        oracle: an oracle or any callable from strings to numbers; one that answers in parts (a
            pool of workers) is asked for the whole request and divides it itself.
        domain: validity, canonical form, and the flanks that oracles are shown.
        cache: where answers are kept; in memory by default.
        budget: the most the oracle may be asked; None for no limit.
        charge: ``evaluated`` counts new evaluations against the budget; ``all`` counts every
            request, invalid and known ones included, and the budget then stands outside validity.
            What a filter rejects before the oracle is asked costs nothing.
        batch_size: the most sequences of one call.
        counts: what was counted before, for a run that continues; the budget starts from it.
        on_scored: called with each part before it counts; see `Metered`.

    Raises:
        InputError: if `budget` or `batch_size` is not positive or `charge` is unknown.

    Example:
        >>> from discdiff.domain import Letters
        >>> gc = stack(lambda s: [x.count("G") for x in s], Letters("ACGT"), budget=2)
        >>> gc(["GG", "", "GG", "A", "C"]).values[:, 0].tolist()
        [2.0, nan, 2.0, 0.0, nan]
        >>> gc.counts
        Counts(requested=5, invalid=1, cached=1, evaluated=2, failed=0, not_evaluated=1, rejected=0)
    """
    _check.one_of("charge", charge, ("evaluated", "all"))
    before = Counts() if counts is None else counts
    inner = flanked(as_oracle(oracle), domain)
    layers: Streaming = inner
    if isinstance(inner, Checked | Combined | Flanked):
        layers = Batched(inner, batch_size)
    if budget is not None and charge == "evaluated":
        layers = Budgeted(layers, budget, before.evaluated)
    layers = Validated(Canonical(Cached(layers, cache), domain), domain)
    if budget is not None and charge == "all":
        spent = before.requested - before.not_evaluated - before.rejected
        layers = Budgeted(layers, budget, spent, valid=False)
    return Metered(layers, before, on_scored)
