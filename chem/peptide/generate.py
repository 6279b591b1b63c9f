"""Peptides drawn at random, by length, composition and ring: training data of any size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from discdiff import _check
from discdiff.chem.peptide import sidechains
from discdiff.chem.peptide.helm import End, Link, Peptide
from discdiff.chem.peptide.monomers import library, symbol_of
from discdiff.errors import InputError

RINGS = ("linear", "head_to_tail", "disulfide", "lactam", "side_to_tail", "disulfide_pair")
NATURAL = ("G", *sidechains.NATURAL)
COMMON = (
    *("Aib", "Abu", "Nva", "Nle", "Tle", "Cha", "Chg", "Phg", "Hph", "1-Nal", "Nal", "Bip"),
    *("Phe(4-F)", "Phe(4-Cl)", "Phe(4-CF3)", "Phe(3-Cl)", "Tyr(Me)", "3Pal", "Thi", "Orn", "Dab"),
    *("Dap", "Cit", "hArg", "Pip", "Tic", "Hyp", "Aze", "Bal", "GABA", "aIle", "aThr", "aMeL"),
    *("Ser(tBu)", "Bn_Gly", "Pr_Gly", "bhF"),
)
"""The non-canonical residues that are drawn."""

_SHORTEST = {"linear": 2, "head_to_tail": 4, "lactam": 4, "side_to_tail": 4, "disulfide": 4}
_AMINES, _ACIDS = ("K", "Orn", "Dab", "Dap"), ("D", "E")
_STARTS, _ENDS = ("ac",), ("am", "NHEt", "pip")


@dataclass(frozen=True)
class Recipe:
    """What peptides are drawn.

    Each residue is non-canonical with a probability of its own, else one of the 20; then it is the
    D form and the N-methyl form, where there is one.

    Args:
        shortest: fewest residues.
        longest: most residues; lengths between are equally likely.
        dextro: probability of the D form.
        methyl: probability of the N-methyl form.
        uncommon: probability of a non-canonical residue.
        capped: probability of a cap on each end that is free.
        rings: weights of `RINGS`; those left out are not drawn.

    Raises:
        InputError: if one of these is out of range, or no ring fits into `shortest` residues.
    """

    shortest: int = 4
    longest: int = 14
    dextro: float = 0.2
    methyl: float = 0.2
    uncommon: float = 0.2
    capped: float = 0.3
    rings: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType(
            {
                "linear": 0.2,
                "head_to_tail": 0.4,
                "disulfide": 0.1,
                "lactam": 0.1,
                "side_to_tail": 0.15,
                "disulfide_pair": 0.05,
            }
        )
    )

    def __post_init__(self) -> None:
        _check.positive_int("shortest", self.shortest)
        if _check.positive_int("longest", self.longest) < self.shortest:
            raise InputError(f"longest must be at least {self.shortest}, got {self.longest}")
        for name in ("dextro", "methyl", "uncommon", "capped"):
            _check.fraction(name, getattr(self, name))
        for ring, weight in self.rings.items():
            _check.one_of("rings", ring, RINGS)
            if not weight >= 0:
                raise InputError(f"rings must have weights of 0 or more, got {weight} of {ring}")
        drawn = [ring for ring, weight in self.rings.items() if weight > 0]
        needed = max((_SHORTEST.get(ring, 8) for ring in drawn), default=0)
        if not drawn or self.longest < needed:
            raise InputError(
                f"rings must name some, all for {self.longest} residues, got {dict(self.rings)}"
            )


def generated(n: int, seed: int = 0, recipe: Recipe | None = None) -> Iterator[Peptide]:
    """Yield `n` peptides, the same for the same seed and recipe; the first are the same for any n.

    Args:
        n: how many.
        seed: of the random numbers.
        recipe: what is drawn; by default 4 to 14 residues of every kind, most of them cyclic.

    Raises:
        InputError: if `n` or `seed` is negative.

    Example:
        >>> from discdiff.chem.peptide.helm import write_helm
        >>> linear = Recipe(3, 3, dextro=0, methyl=0, uncommon=0, capped=0, rings={"linear": 1})
        >>> [write_helm(peptide) for peptide in generated(2, recipe=linear)]
        ['PEPTIDE1{H.G.N}$$$$V2.0', 'PEPTIDE1{H.T.Y}$$$$V2.0']
    """
    _check.non_negative_int("n", n)
    _check.seed("seed", seed)
    recipe = Recipe() if recipe is None else recipe
    for number in range(n):
        yield _drawn(np.random.default_rng((seed, number)), recipe)


def _drawn(random: np.random.Generator, recipe: Recipe) -> Peptide:
    weights = np.array([recipe.rings.get(ring, 0.0) for ring in RINGS])
    ring = RINGS[int(random.choice(len(RINGS), p=weights / weights.sum()))]
    shortest = max(recipe.shortest, _SHORTEST.get(ring, 8))
    length = int(random.integers(shortest, recipe.longest + 1))
    residues = [_residue(random, recipe) for _ in range(length)]
    bonds = _closing(ring, residues, random)
    used = {end for bond in bonds for end in bond}
    chain = list(residues)
    shift = 0
    if (0, 1) not in used and 1 in _groups(chain[0]) and random.random() < recipe.capped:
        chain.insert(0, _one_of(random, _STARTS))
        shift = 1
    if (length - 1, 2) not in used and random.random() < recipe.capped:
        chain.append(_one_of(random, _ENDS))
    links = [
        Link(*sorted((End(0, a + shift, group_a), End(0, b + shift, group_b))))
        for (a, group_a), (b, group_b) in bonds
    ]
    return Peptide((tuple(chain),), tuple(sorted(links)))


def _closing(
    ring: str, residues: list[str], random: np.random.Generator
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Put the residues that a ring needs where it closes, and return its bonds."""
    last = len(residues) - 1
    if ring == "head_to_tail":
        return [((0, 1), (last, 2))]
    if ring == "side_to_tail":
        place = int(random.integers(0, last - 2))
        residues[place] = _one_of(random, ("T", "S", *_AMINES))
        return [((place, 3), (last, 2))]
    if ring == "lactam":
        a, b = _apart(random, 0, last)
        pair = [_one_of(random, _AMINES), _one_of(random, _ACIDS)]
        random.shuffle(pair)
        residues[a], residues[b] = pair
        return [((a, 3), (b, 3))]
    if ring == "disulfide":
        a, b = _apart(random, 0, last)
        residues[a], residues[b] = (_one_of(random, ("C", "C", "dC", "Pen")) for _ in range(2))
        return [((a, 3), (b, 3))]
    if ring == "disulfide_pair":
        half = len(residues) // 2
        pairs = [_apart(random, 0, half - 1), _apart(random, half, last)]
        if random.random() < 0.5:  # crossed
            (a, b), (c, d) = pairs
            pairs = [(a, c), (b, d)]
        for place in (place for pair in pairs for place in pair):
            residues[place] = "C"
        return [((a, 3), (b, 3)) for a, b in pairs]
    return []


def _apart(random: np.random.Generator, first: int, last: int) -> tuple[int, int]:
    """Return two places with at least two between them."""
    a = int(random.integers(first, last - 2))
    return a, int(random.integers(a + 3, last + 1))


def _residue(random: np.random.Generator, recipe: Recipe) -> str:
    base = _one_of(random, COMMON if random.random() < recipe.uncommon else NATURAL)
    dextro, methyl = random.random() < recipe.dextro, random.random() < recipe.methyl
    known = library()
    for form in ((dextro, methyl), (dextro, False), (False, methyl)):
        if (symbol := symbol_of(base, *form)) in known:
            return symbol
    return base


def _one_of(random: np.random.Generator, choices: tuple[str, ...]) -> str:
    return choices[int(random.integers(len(choices)))]


def _groups(symbol: str) -> tuple[int, ...]:
    return library()[symbol].groups
