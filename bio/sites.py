"""The constraint that a design has no site of some restriction enzymes."""

from __future__ import annotations

from discdiff.bio.enzymes import sites
from discdiff.bio.iupac import iupac
from discdiff.constraint.automaton import Automaton
from discdiff.domain import Domain


def restriction_sites(domain: Domain, value: object) -> Automaton:
    """A design has no site of one or more restriction enzymes on either strand.

    Sites that begin or end in the constant flanks of the domain are found too.

    Args:
        domain: one of DNA or RNA letters.
        value: the name of an enzyme, or a list of names.

    Raises:
        UnsupportedError: if a token of the domain is no base.
        InputError: if an enzyme is unknown.

    Example:
        >>> from discdiff.bio.domain import DNA
        >>> dna = DNA(flank5="GGTC")
        >>> free = restriction_sites(dna, "BsaI")
        >>> [free.accepts(dna.encode(s)) for s in ("TCAA", "AGAGACC", "TTCA")]
        [False, False, True]
    """
    return iupac(domain, {"forbidden": list(sites(value).values()), "both_strands": True})
