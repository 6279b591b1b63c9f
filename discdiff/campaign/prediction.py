"""What measured values say of designs that have not been measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from discdiff.campaign.rounds import Task
from discdiff.campaign.rows import Row
from discdiff.domain import Domain
from discdiff.oracle.measured import Answer, Measured, measured_columns, measured_in
from discdiff.oracle.scores import Floats
from discdiff.surrogate import GaussianProcess


def predictor(task: Task, domain: Domain, told: Sequence[Row]) -> Answer | None:
    """Return the optimistic prediction of the measured outputs, None if one has no value yet.

    It is the mean plus `explore` standard deviations of a Gaussian process for each output, on the
    side that is better, and never worse than the worst value that was told.

    Args:
        task: says what is measured.
        domain: says how alike designs are.
        told: what is known.
    """
    oracle: Measured | None = measured_in(task.oracle)
    places = measured_columns(task.oracle)
    values = np.array([[row.scores[place] for place in places] for row in told])
    if oracle is None or not len(values) or np.isnan(values).all(axis=0).any():
        return None
    known = [np.flatnonzero(np.isfinite(column)) for column in values.T]
    sequences = [row.sequence for row in told]
    likeness = domain.likeness(sequences)
    matrix = np.array([likeness(sequence) for sequence in sequences])
    signs = [1.0 if task.oracle.directions[place] == "max" else -1.0 for place in places]
    learnt = [
        GaussianProcess(matrix[np.ix_(rows, rows)], column[rows])
        for rows, column in zip(known, values.T, strict=True)
    ]
    worst = [
        s * (s * column[rows]).min() for s, rows, column in zip(signs, known, values.T, strict=True)
    ]

    def answer(asked: Sequence[str]) -> Floats:
        to_known = np.array([likeness(sequence) for sequence in asked])
        columns = []
        for process, rows, sign, floor in zip(learnt, known, signs, worst, strict=True):
            mean, deviation = process.predict(to_known[:, rows])
            hoped = mean + sign * oracle.explore * deviation
            columns.append(sign * np.maximum(sign * hoped, sign * floor))
        return np.stack(columns, axis=1)

    return answer
