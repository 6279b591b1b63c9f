"""Non-dominated sorting with crowding distance: the order in which NSGA-II keeps designs."""

from __future__ import annotations

import moocore
import numpy as np
from numpy.typing import NDArray

from discdiff.oracle.scores import Floats

Places = NDArray[np.int64]


def sorted_by_front(values: Floats) -> Places:
    r"""Return the places of N designs, best first, `(N,)`; every objective is maximised.

    The designs that no other dominates come first, then those that only these dominate, and so on;
    of one front those with most room around them, see `crowding`. What is equal in both keeps its
    order.

    Args:
        values: `(N, R)`, without NaN.

    Source: A fast and elitist multiobjective genetic algorithm: NSGA-II (Deb et al., 2002).

    Example:
        >>> sorted_by_front(np.array([[1.0, 1.0], [0.0, 3.0], [3.0, 0.0], [2.0, 2.0]])).tolist()
        [1, 2, 3, 0]
    """
    if not len(values):
        return np.zeros(0, dtype=np.int64)
    rank = np.asarray(moocore.pareto_rank(values, maximise=True))
    room = np.zeros(len(values))
    for front in np.unique(rank):
        rows = np.flatnonzero(rank == front)
        room[rows] = crowding(values[rows])
    return np.lexsort((-room, rank)).astype(np.int64)


def crowding(values: Floats) -> Floats:
    r"""Return the crowding distances of the N designs of one front, `(N,)`.

    With the designs in the order of objective r, that of the i-th gains
    $(f_r^{i+1}-f_r^{i-1})/(f_r^{\max}-f_r^{\min})$; the first and the last are at infinity. An
    objective in which all are equal adds nothing.

    Args:
        values: `(N, R)`, without NaN.

    Example:
        >>> crowding(np.array([[0.0, 3.0], [1.0, 2.0], [3.0, 0.0]])).tolist()
        [inf, 2.0, inf]
    """
    room = np.zeros(len(values))
    for column in np.asarray(values, dtype=np.float64).T:
        order = np.argsort(column, kind="stable")
        span = column[order[-1]] - column[order[0]] if len(order) else 0.0
        if not span > 0:
            continue
        room[order[[0, -1]]] = np.inf
        room[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
    return room
