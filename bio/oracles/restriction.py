"""Sites of restriction enzymes."""

from __future__ import annotations

from collections.abc import Sequence

from discdiff import _check
from discdiff.bio.enzymes import LICENCE, both_strands, pattern, sites
from discdiff.bio.oracles.sequence import PerSequence

MODES = ("count", "has", "absent")


class RestrictionSites(PerSequence):
    """How many sites of restriction enzymes a sequence has, on either strand.

    A site that is its own reverse complement counts once. Sites in or across constant flanks count
    too, since flanks are part of what an oracle is shown.

    Args:
        enzymes: a name or several, as REBASE has them; by default the two of Golden Gate assembly
            with BsaI and BsmBI.
        mode: ``count``; ``has`` (1 if there is a site, else 0); or ``absent`` (the reverse).

    Raises:
        InputError: if an enzyme or the mode is unknown.

    Example:
        >>> RestrictionSites(["EcoRI", "BsaI"])(["AGAATTCAGAGACC", "ACGT"])
        array([2., 0.])
    """

    name = "restriction_sites"
    licence = LICENCE

    def __init__(
        self, enzymes: str | Sequence[str] = ("BsaI", "BsmBI"), mode: str = "count"
    ) -> None:
        self.sites = sites(enzymes)
        self.mode = _check.one_of("mode", mode, MODES)
        self.direction = "max" if mode == "absent" else "min"
        self._patterns = {
            name: [pattern(letters) for letters in both_strands(site)]
            for name, site in self.sites.items()
        }
        super().__init__(enzymes=list(self.sites), mode=mode)

    def value(self, bases: str) -> float:
        count = sum(map(len, self.find(bases).values()))
        return float(count if self.mode == "count" else (count > 0) == (self.mode == "has"))

    def find(self, bases: str) -> dict[str, list[int]]:
        """Return where the sites of each enzyme begin in DNA, from 0, on the strand as given.

        Example:
            >>> RestrictionSites("BsaI").find("GGTCTCAGAGACC")
            {'BsaI': [0, 7]}
        """
        return {
            name: sorted({found.start() for one in patterns for found in one.finditer(bases)})
            for name, patterns in self._patterns.items()
        }
