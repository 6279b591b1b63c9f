"""Places of a peptide that react, oxidise or are cut."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from discdiff import _check
from discdiff.bio.oracles.peptides.sequence import PerPeptide
from discdiff.errors import InputError

STATISTICS = ("score", "count")
_SITES = {
    "deamidation": r"N(?=[GS])",
    "deamidation_moderate": r"N(?=[AHNT])",
    "isomerisation": r"D(?=[DGHST])",
    "cleavage": r"D(?=P)",
    "oxidation_met": r"M",
    "oxidation_trp": r"W",
    "pyroglutamate": r"^[QE]",
    "trypsin": r"(?!(?<=[CD])KD|(?<=C)K[HY]|(?<=C)RK|(?<=R)R[HR])"
    r"(?:[KR](?=[^P])|(?<=W)K(?=P)|(?<=M)R(?=P))",
    "chymotrypsin": r"[FY](?=[^P])|W(?=[^MP])",
}
_FOUND = {kind: re.compile(pattern) for kind, pattern in _SITES.items()}


class Liabilities(PerPeptide):
    r"""How free a peptide is of places that react or are cut, in (0, 1]; or how many it has.

    The score is $1/(1+\sum_kw_kn_k)$ of the counts $n_k$ and the weights $w_k$ of these kinds:

    * ``deamidation``: Asn before Gly or Ser; ``deamidation_moderate``: before Ala, His, Asn or Thr;
    * ``isomerisation``: Asp before Asp, Gly, His, Ser or Thr; ``cleavage`` by acid: Asp before Pro;
    * ``oxidation_met`` and ``oxidation_trp``: every Met and Trp;
    * ``free_cys``: 1 where the number of Cys is odd, so that one has no partner;
    * ``pyroglutamate``: Gln or Glu at the N terminus;
    * ``trypsin``: after Lys or Arg, not before Pro but in WKP and MRP, and not in CKD, DKD, CKH,
      CKY, CRK, RRH and RRR; ``chymotrypsin``, of high specificity: after Phe or Tyr not before Pro,
      after Trp not before Met or Pro.

    Sequence alone warns too often: whether a place reacts depends on what is around it.

    Args:
        weights: those that replace the defaults, by kind; 0 leaves a kind out.
        statistic: ``score``, or ``count`` of the places of the kinds whose weight is not 0.

    Raises:
        InputError: if a kind or the statistic is unknown, or a weight negative.

    Source: motifs: LAP: Liability Antibody Profiler by sequence and structural mapping of natural
    and therapeutic antibodies (Satława et al., 2024); proteases: Protein identification and
    analysis tools on the ExPASy server (Gasteiger et al., 2005). The weights are ours.

    Example:
        >>> Liabilities()(["GAAG", "GNGK"])
        array([1. , 0.5])
        >>> Liabilities().counts("MKNGC")["trypsin"], Liabilities(statistic="count")(["MKNGC"])
        (1, array([4.]))
    """

    name = "liabilities"
    WEIGHTS: ClassVar[dict[str, float]] = {
        "deamidation": 1.0,
        "deamidation_moderate": 0.5,
        "isomerisation": 1.0,
        "cleavage": 1.0,
        "oxidation_met": 0.5,
        "oxidation_trp": 0.5,
        "free_cys": 1.0,
        "pyroglutamate": 0.5,
        "trypsin": 0.1,
        "chymotrypsin": 0.1,
    }

    def __init__(
        self, weights: Mapping[str, object] | None = None, statistic: str = "score"
    ) -> None:
        if weights is not None and not isinstance(weights, Mapping):
            raise InputError(f"weights must map kinds to numbers, got {weights!r}")
        asked = {
            _check.one_of("kind", kind, tuple(self.WEIGHTS)): _check.non_negative(kind, weight)
            for kind, weight in (weights or {}).items()
        }
        self.weights = {kind: w for kind, w in {**self.WEIGHTS, **asked}.items() if w > 0}
        self.statistic = _check.one_of("statistic", statistic, STATISTICS)
        self.direction = "max" if statistic == "score" else "min"
        super().__init__(weights=None if weights is None else {**weights}, statistic=statistic)

    def value(self, residues: str, /) -> float:
        counts = self.counts(residues)
        if self.statistic == "count":
            return float(sum(counts.values()))
        return 1.0 / (1.0 + sum(self.weights[kind] * count for kind, count in counts.items()))

    def counts(self, residues: str) -> dict[str, int]:
        """Return how many places of each kind a peptide has, of kinds whose weight is not 0."""
        return {
            kind: residues.count("C") % 2
            if kind == "free_cys"
            else sum(1 for _ in _FOUND[kind].finditer(residues))
            for kind in self.weights
        }
