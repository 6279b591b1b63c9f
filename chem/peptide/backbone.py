"""Where the backbone of a peptide runs: its amino acids found atom by atom, not by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from rdkit.Chem import BondType, Mol

LONGEST = 5
"""Most carbons between nitrogen and carbonyl in one amino acid."""

_C, _N, _O, _S = 6, 7, 8, 16


@dataclass(frozen=True)
class Graph:
    """What the search needs of a molecule, in plain lists by atom.

    `acyl` are the carbons double-bonded to oxygen with a single-bonded nitrogen, oxygen, sulphur or
    R-group; `carbonyl` those of them that also have a carbon, as amino acids do.
    """

    elements: list[int]
    neighbours: list[list[int]]
    hydrogens: list[int]
    acyl: frozenset[int]
    carbonyl: frozenset[int]

    @classmethod
    def of(cls, mol: Mol) -> Graph:
        """Return the graph of `mol`."""
        atoms = list(mol.GetAtoms())
        elements = [atom.GetAtomicNum() for atom in atoms]
        neighbours: list[list[int]] = [[] for _ in atoms]
        double_oxygen = [0] * len(atoms)
        for bond in mol.GetBonds():
            a, b = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
            neighbours[a].append(b)
            neighbours[b].append(a)
            if bond.GetBondType() == BondType.DOUBLE:
                double_oxygen[a] += elements[b] == _O
                double_oxygen[b] += elements[a] == _O
        hydrogens = [atom.GetTotalNumHs() for atom in atoms]
        acyl, carbonyl = set(), set()
        for i, element in enumerate(elements):
            if element != _C or double_oxygen[i] != 1:
                continue
            around = [elements[j] for j in neighbours[i]]
            around.remove(_O)
            if any(element in (0, _N, _O, _S) for element in around):
                acyl.add(i)
            if i in acyl and _C in around:
                carbonyl.add(i)
        return cls(elements, neighbours, hydrogens, frozenset(acyl), frozenset(carbonyl))

    def is_acylated(self, atom: int) -> bool:
        """Return whether a nitrogen or oxygen carries an acyl carbon or an R-group."""
        return any(j in self.acyl or self.elements[j] == 0 for j in self.neighbours[atom])


class Unit(NamedTuple):
    """One amino acid: its nitrogen (oxygen in a hydroxy acid), the carbons up to its carbonyl."""

    head: int
    path: tuple[int, ...]
    carbonyl: int


def units(graph: Graph, ranks: list[int]) -> list[Unit]:
    """Return the amino acids of a molecule, each nitrogen and carbonyl in at most one.

    The shortest way from a nitrogen to a carbonyl over carbons wins, so aspartate is an alpha amino
    acid whichever of its carbonyls the chain goes on from; oxygens count where they are acylated.

    Args:
        graph: of the molecule.
        ranks: of its atoms, to settle what is equal otherwise.
    """
    found = [
        (len(path), graph.elements[head] != _N, not graph.is_acylated(head), _open(graph, end), key)
        for head in range(len(graph.elements))
        if _may_head(graph, head)
        for path, end in _ways(graph, head)
        for key in [(ranks[head], ranks[end], head, path, end)]
    ]
    taken: set[int] = set()
    chosen = []
    for *_, (_, _, head, path, end) in sorted(found):
        if head not in taken and end not in taken and taken.isdisjoint(path):
            taken.update((head, end), path)
            chosen.append(Unit(head, path, end))
    return chosen


def _may_head(graph: Graph, atom: int) -> bool:
    element, around = graph.elements[atom], graph.neighbours[atom]
    if element == _N:
        return len(around) <= 3 and (graph.hydrogens[atom] > 0 or graph.is_acylated(atom))
    return element == _O and len(around) == 2 and graph.is_acylated(atom)


def _open(graph: Graph, carbonyl: int) -> bool:
    """Whether a carbonyl ends a chain: it carries a hydroxyl rather than another residue."""
    return any(graph.elements[j] == _O and graph.hydrogens[j] for j in graph.neighbours[carbonyl])


def _ways(graph: Graph, head: int) -> list[tuple[tuple[int, ...], int]]:
    """Return the shortest ways over carbons from `head` to each carbonyl near it."""
    ways: list[tuple[tuple[int, ...], int]] = []
    seen = {head}
    reached: list[tuple[int, ...]] = [()]
    for _ in range(LONGEST + 1):
        longer: list[tuple[int, ...]] = []
        for path in reached:
            for j in graph.neighbours[path[-1] if path else head]:
                if j in seen or graph.elements[j] != _C:
                    continue
                seen.add(j)
                if j not in graph.acyl:
                    longer.append((*path, j))
                elif path and j in graph.carbonyl:
                    ways.append((path, j))
        reached = longer
    return ways
