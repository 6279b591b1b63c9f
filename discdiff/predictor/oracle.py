"""A predictor as an oracle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from discdiff import _check, licence
from discdiff.domain import Domain
from discdiff.errors import InputError, UnsupportedError
from discdiff.oracle.scores import Floats, Scores
from discdiff.predictor.ensemble import spread
from discdiff.predictor.predictor import Predictor
from discdiff.relaxed import Relaxed

COLUMNS = ("mean", "sd", "lower", "upper", "inside")
OUTSIDE = ("refuse", "keep")
_Numbers = TypeVar("_Numbers", Floats, Tensor)


class PredictorOracle:
    r"""What a trained predictor says: the mean of its members, or a bound below or above it.

    For each output it has the `columns` asked for: ``mean`` under the output's own name, ``sd``,
    the standard deviation over the members, under NAME_sd, ``lower``, $\text{mean}-k\,\text{sd}$,
    under NAME_lower, for what is to be high, and ``upper``, $\text{mean}+k\,\text{sd}$, under
    NAME_upper, for what is to be low; and once ``inside``, 1 in the applicability domain and 0
    outside of it, where a string is less similar to the nearest training string than all but a few
    of those held out. A
    string outside is refused: it is *invalid* for this oracle and has no value, with the reason;
    with ``outside: keep`` it has its values. One that cannot be read is *failed*.

    It has `relaxed` where its networks read tokens that the model writes and `inside` is not asked
    for.

    Args:
        path: a `Predictor`, or a folder of one or the name of a shipped one.
        columns: of ``mean``, ``sd``, ``lower``, ``upper`` and ``inside``.
        k: standard deviations of ``lower`` below the mean, and of ``upper`` above it.
        outside: ``refuse`` or ``keep``, what becomes of strings outside of the applicability
            domain.
        flanks: whether it was trained on sequences with the constant flanks of the domain.
        domain: of the designs, whose tokens relaxed rows have; by default the predictor's.

    Raises:
        InputError: if an argument is outside its range.
        CheckpointError: if the folder holds no predictor.

    Example:
        >>> from discdiff.domain import Letters
        >>> from discdiff.predictor.training import fit
        >>> strings = [f"{a}{b}{c}A" for a in "ACGT" for b in "ACGT" for c in "ACGT"]
        >>> table = {"g": [float(s.count("G")) for s in strings]}
        >>> predictor = fit(strings, table, Letters("ACGT"), members=2, steps=2, width=8, depth=1)
        >>> oracle = PredictorOracle(predictor, columns=["lower", "inside"])
        >>> oracle.outputs, oracle(["GGGA", "TTTTTTTT"]).status
        (('g_lower', 'inside'), ('ok', 'invalid'))
    """

    name = "predictor"
    version = "1"
    licence = ""
    direction = "max"
    outputs: tuple[str, ...] = ()

    def __init__(
        self,
        path: Predictor | str | Path,
        columns: Sequence[str] = ("mean",),
        k: float = 1.0,
        outside: str = "refuse",
        flanks: bool = False,
        domain: Domain | None = None,
    ) -> None:
        self.predictor = path if isinstance(path, Predictor) else Predictor.load(path)
        if isinstance(columns, str) or not columns or len(set(columns)) < len(columns):
            raise InputError(f"columns must list some of {', '.join(COLUMNS)}, got {columns!r}")
        self.columns = tuple(_check.one_of("columns", column, COLUMNS) for column in columns)
        self.k = _check.non_negative("k", k)
        self.outside = _check.one_of("outside", outside, OUTSIDE)
        self.sees_flanks = bool(flanks)
        self.outputs = self._names()
        self.signed = self.predictor.task == "regression" or "lower" in self.columns
        self.licence = licence.of_card(self.predictor.card)
        kind = self.predictor.domain.kind
        self.reads = (kind,) if kind else ()
        self.parameters: dict[str, object] = {
            "weights": self.predictor.fingerprint,
            "threshold": self.predictor.applicability.threshold,
            "columns": list(self.columns),
            "k": self.k,
            "outside": self.outside,
        }
        self._places = self._own_tokens(domain)

    def _names(self) -> tuple[str, ...]:
        names = [
            output if column == "mean" else f"{output}_{column}"
            for output in self.predictor.outputs
            for column in self.columns
            if column != "inside"
        ]
        return (*names, "inside") if "inside" in self.columns else tuple(names)

    def _columns(self, mean: _Numbers, sd: _Numbers) -> dict[str, _Numbers]:
        reach = self.k * sd
        return {"mean": mean, "sd": sd, "lower": mean - reach, "upper": mean + reach}

    def _own_tokens(self, domain: Domain | None) -> list[int] | None:
        """Return where each of the predictor's tokens stands among those of relaxed rows."""
        own = self.predictor.domain.alphabet
        given = own if domain is None else domain.alphabet
        if any(token not in own for token in given.tokens):
            return None  # it cannot read all of what is drawn
        return [given.index(token) if token in given else -1 for token in own.tokens]

    def __call__(self, sequences: Sequence[str], /) -> Scores:
        """Return the values of `sequences`."""
        found = self.predictor(sequences)
        values = self._values(found.mean, found.sd, found.inside)
        reasons = list(found.reasons)
        valid = np.array([self.predictor.domain.invalid_reason(s) is None for s in sequences], bool)
        status = ["ok"] * len(reasons)
        for i, reason in enumerate(reasons):
            if reason:
                status[i] = "failed" if valid[i] else "invalid"
            elif self.outside == "refuse" and not found.inside[i]:
                status[i], valid[i] = "invalid", False
                # one text for all: reasons are counted
                reasons[i] = (
                    "outside of the applicability domain: similarity to the nearest training "
                    f"sequence below {self.predictor.applicability.threshold:.3f}"
                )
            if status[i] != "ok":
                values[i] = np.nan
        return Scores(values=values, valid=valid, status=tuple(status), reasons=tuple(reasons))

    def _values(
        self,
        mean: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
        sd: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
        inside: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        known = self._columns(mean, sd)
        picked = [
            known[column][:, place]
            for place in range(len(self.predictor.outputs))
            for column in self.columns
            if column != "inside"
        ]
        if "inside" in self.columns:
            picked.append(inside.astype(np.float64))
        return np.stack(picked, axis=1)

    @property
    def relaxed(self) -> Relaxed | None:
        """From rows of probabilities `(N, L, V)` to values `(N, R)`, with gradients; or None."""
        representation = type(self.predictor.ensemble.representation)
        if "inside" in self.columns or self._places is None or not representation.differentiable:
            return None
        return self._relaxed

    def _relaxed(self, rows: Tensor) -> Tensor:
        ensemble, places = self.predictor.ensemble, self._places
        if places is None:
            raise UnsupportedError("relaxed rows need tokens that the predictor reads")
        ensemble.to(rows.device)
        rows = rows.to(ensemble.centre.dtype)
        kept = torch.tensor([max(place, 0) for place in places], device=rows.device)
        here = torch.tensor([place >= 0 for place in places], device=rows.device)
        own = rows[..., kept] * here.to(rows.dtype)
        values = ensemble.values(ensemble.representation.relaxed(own))
        mean, sd = values.mean(0), spread(values)
        known = self._columns(mean, sd)
        picked = [
            known[column][:, place] for place in range(mean.shape[1]) for column in self.columns
        ]
        return torch.stack(picked, dim=1)
