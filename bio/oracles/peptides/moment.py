"""How much one side of a helix or strand is apolar and the other is not."""

from __future__ import annotations

import numpy as np

from discdiff import _check
from discdiff.bio.oracles.peptides.sequence import PerPeptide

STATISTICS = ("max", "mean")
_CONSENSUS = {
    **{"A": 0.62, "R": -2.53, "N": -0.78, "D": -0.90, "C": 0.29, "Q": -0.85, "E": -0.74},
    **{"G": 0.48, "H": -0.40, "I": 1.38, "L": 1.06, "K": -1.50, "M": 0.64, "F": 1.19},
    **{"P": 0.12, "S": -0.18, "T": -0.05, "W": 0.81, "Y": 0.26, "V": 1.08},
}
"""Eisenberg's normalised consensus scale of hydrophobicity."""


class HydrophobicMoment(PerPeptide):
    r"""Hydrophobic moment of the best window, $\max_w\frac1n|\sum_{k<n}h(x_{w+k})e^{ik\delta}|$.

    Args:
        angle: degrees δ from one side chain to the next: 100 in an α-helix, 160 to 180 in a strand.
        window: residues n of a window; a shorter peptide is its own, and None takes the whole.
        statistic: ``max`` of the windows at every position, or their ``mean``.

    Raises:
        InputError: if an argument is wrong.

    Source: The hydrophobic moment detects periodicity in protein hydrophobicity (Eisenberg, Weiss
    and Terwilliger, 1984).

    Example:
        >>> HydrophobicMoment()(["FLPVLAGLTPSIVPKLVCLLTKKC"]).round(3)
        array([0.52])
        >>> HydrophobicMoment(angle=160)(["FLPVLAGLTPSIVPKLVCLLTKKC"]).round(3)
        array([0.271])
    """

    name = "hydrophobic_moment"

    def __init__(
        self, angle: float = 100.0, window: int | None = 11, statistic: str = "max"
    ) -> None:
        self.angle = _check.finite("angle", angle)
        self.window = None if window is None else _check.positive_int("window", window)
        self.statistic = _check.one_of("statistic", statistic, STATISTICS)
        super().__init__(angle=angle, window=window, statistic=statistic)

    def value(self, residues: str, /) -> float:
        size = len(residues) if self.window is None else min(self.window, len(residues))
        turns = np.exp(1j * np.radians(self.angle) * np.arange(size))
        scale = np.array([_CONSENSUS[residue] for residue in residues])
        windows = np.lib.stride_tricks.sliding_window_view(scale, size)
        moments = np.abs(windows @ turns) / size
        return float(moments.max() if self.statistic == "max" else moments.mean())
