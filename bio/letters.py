"""Colours of bases and amino acids, told apart by colour-blind readers, for black letters."""

from __future__ import annotations

from discdiff.strip import PLAIN

_GREEN, _SKY, _ORANGE, _PINK, _YELLOW = "#3fb795", "#56b4e9", "#e69f00", "#dd95bd", "#f0e442"

BASE_COLOURS = {"A": _GREEN, "C": _SKY, "G": _ORANGE, "T": _PINK, "U": _PINK}
"""Colours of the bases of DNA and RNA."""

RESIDUE_COLOURS = {
    **dict.fromkeys("AVLIMFWY", _ORANGE),  # hydrophobic
    **dict.fromkeys("KRH", _SKY),  # positive
    **dict.fromkeys("DE", _PINK),  # negative
    **dict.fromkeys("STNQ", _GREEN),  # polar
    **dict.fromkeys("CGP", _YELLOW),  # special
    "X": PLAIN,
}
"""Colours of the amino acids by the chemistry of their side chains."""
