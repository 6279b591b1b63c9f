"""How alike strings are when nothing but their letters is known: shared runs of letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Likeness = Callable[[str], Floats]
"""From a string to float64 `(N,)`: its similarity in [0, 1] to each of N strings."""

LONGEST = 3


def shared_runs(strings: Sequence[str]) -> Likeness:
    r"""Return the function from a string to its similarity to each of `strings`.

    With $c_w(s)$ the number of times the run $w$ of one to three letters stands in $s$,
    $S(a, b) = \sum_w \min(c_w(a), c_w(b)) / \sum_w \max(c_w(a), c_w(b))$: 1 for equal strings, 0
    for strings without a common letter, and a positive semi-definite kernel.

    Args:
        strings: N non-empty strings.

    Source:
        The spectrum kernel: a string kernel for SVM protein classification (Leslie et al., 2002);
        Min-max kernels (Li, 2015, 1503.01737).

    Example:
        >>> shared_runs(["GATTACA", "GATTACC", "TTTT"])("GATTACA").round(2)
        array([1.  , 0.71, 0.12])
    """
    counts = [_runs(string) for string in strings]
    sizes = np.array([run.total() for run in counts], dtype=np.float64)
    owners: dict[str, list[tuple[int, int]]] = {}
    for place, run in enumerate(counts):
        for word, times in run.items():
            owners.setdefault(word, []).append((place, times))
    filed = {word: np.array(found) for word, found in owners.items()}

    def likeness(string: str) -> Floats:
        shared, mine = np.zeros(len(counts)), _runs(string)
        for word, times in mine.items():
            if word in filed:
                shared[filed[word][:, 0]] += np.minimum(filed[word][:, 1], times)
        return shared / (sizes + mine.total() - shared)

    return likeness


def _runs(string: str) -> Counter[str]:
    sizes = range(1, LONGEST + 1)
    return Counter(string[i : i + k] for k in sizes for i in range(len(string) + 1 - k))
