"""From a molecule to its residues: which, in which order, joined how, and what is not known."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import chain as chained
from itertools import combinations, pairwise

from rdkit import Chem

from discdiff.chem import molecule
from discdiff.chem.peptide.backbone import Graph, Unit, units
from discdiff.chem.peptide.build import closed
from discdiff.chem.peptide.helm import Peptide
from discdiff.chem.peptide.monomers import is_open, library
from discdiff.chem.peptide.order import ordered
from discdiff.chem.peptide.sidechains import TAUTOMERS
from discdiff.errors import DataError

MAX_ATOMS = 600
"""Largest molecule that is analysed, in heavy atoms."""


@dataclass
class _Cutting:
    """A molecule, its amino acids, and the bonds between residues that are cut."""

    graph: Graph
    units: list[Unit]
    cuts: set[tuple[int, int]] = field(default_factory=set)
    part: list[int] = field(default_factory=list)  # of each atom

    def cut(self, a: int, b: int) -> None:
        self.cuts.add((min(a, b), max(a, b)))

    def divide(self) -> list[list[int]]:
        """Number the parts that the cuts leave, and return the units in each."""
        self.part = [-1] * len(self.graph.elements)
        count = 0
        for start in range(len(self.part)):
            if self.part[start] >= 0:
                continue
            stack = [start]
            self.part[start] = count
            while stack:
                i = stack.pop()
                for j in self.graph.neighbours[i]:
                    if self.part[j] < 0 and (min(i, j), max(i, j)) not in self.cuts:
                        self.part[j] = count
                        stack.append(j)
            count += 1
        inside: list[list[int]] = [[] for _ in range(count)]
        for number, unit in enumerate(self.units):
            inside[self.part[unit.head]].append(number)
        return inside


def analyse(mol: Chem.Mol) -> Peptide:
    """Return the peptide that a molecule is.

    Amino acids are found by their backbone, the bonds between them (amide, ester, disulfide) are
    cut, and each part is named where it is in the library; a residue or cap that is not stands in
    the result as its SMILES. `Peptide.unknown` lists those.

    Args:
        mol: one molecule, with its stereochemistry.

    Raises:
        DataError: if it has fewer than two amino acids, several fragments, or residues that are
            joined in another way.

    Example:
        >>> from discdiff.chem.peptide.helm import write_helm
        >>> peptide = analyse(Chem.MolFromSmiles("CC(=O)N[C@@H](C)C(=O)N(C)[C@H](C)C(=O)NCC(N)=O"))
        >>> write_helm(peptide)
        'PEPTIDE1{[ac].A.[Me_dA].G.[am]}$$$$V2.0'
    """
    if mol.GetNumAtoms() > MAX_ATOMS:
        raise DataError(f"more than {MAX_ATOMS} atoms")
    if len(Chem.GetMolFrags(mol)) > 1:
        raise DataError("several fragments")
    graph = Graph.of(mol)
    ranks = list(Chem.CanonicalRankAtoms(mol, breakTies=True))
    cutting = _Cutting(graph, units(graph, ranks))
    if len(cutting.units) < 2:
        raise DataError(f"{len(cutting.units)} amino acid{'s' * (len(cutting.units) != 1)}")
    _cut_backbone(cutting)
    inside = _separate(cutting)
    _mend(cutting)
    roles = _roles(cutting, inside, ranks)
    symbols = _symbols(mol, cutting, roles, len(inside))
    links = [
        ((cutting.part[a], roles[a, b]), (cutting.part[b], roles[b, a])) for a, b in cutting.cuts
    ]
    return ordered(symbols, links)


@lru_cache(maxsize=16_384)
def read(smiles: str) -> Peptide | str:
    """Return the peptide of a SMILES, or why it is none; the last 16,384 are kept.

    Example:
        >>> read("NCC(=O)NCC(=O)O").chains, read("CCO")
        ((('G', 'G'),), '0 amino acids')
    """
    mol = molecule.parse(smiles)
    if mol is None:
        return "no molecule"
    try:
        return analyse(mol)
    except DataError as error:
        return str(error)


def _cut_backbone(cutting: _Cutting) -> None:
    graph = cutting.graph
    for head, path, carbonyl in cutting.units:
        for j in graph.neighbours[carbonyl]:
            if graph.elements[j] in (7, 16) or (
                graph.elements[j] == 8 and len(graph.neighbours[j]) == 2
            ):
                cutting.cut(carbonyl, j)
        for j in graph.neighbours[head]:
            if j in graph.acyl and j not in path:
                cutting.cut(head, j)
    for i, element in enumerate(graph.elements):
        if element in (16, 34):
            for j in graph.neighbours[i]:
                if graph.elements[j] in (16, 34):
                    cutting.cut(i, j)


def _separate(cutting: _Cutting) -> list[list[int]]:
    """Cut the amides and esters between side chains until no part holds two amino acids."""
    while True:
        inside = cutting.divide()
        crowded = next((held for held in inside if len(held) > 1), None)
        if crowded is None:
            return inside
        way = _way(cutting, crowded[0], crowded[1:])
        acylated = [
            (a, b)
            for a, b in pairwise(way)
            if (a in cutting.graph.acyl and cutting.graph.elements[b] in (7, 8, 16))
            or (b in cutting.graph.acyl and cutting.graph.elements[a] in (7, 8, 16))
        ]
        if not acylated:
            raise DataError(
                "amino acids joined by something else than an amide, an ester or a disulfide"
            )
        for a, b in acylated:
            cutting.cut(a, b)


def _way(cutting: _Cutting, start: int, others: list[int]) -> list[int]:
    """Return the atoms of a shortest way from one amino acid to another of the same part."""
    first = cutting.units[start].path[0]
    ends = {cutting.units[number].path[0] for number in others}
    before = {first: first}
    layer = [first]
    while layer:
        following = []
        for i in layer:
            for j in cutting.graph.neighbours[i]:
                if j not in before and (min(i, j), max(i, j)) not in cutting.cuts:
                    before[j] = i
                    following.append(j)
                    if j in ends:
                        way = [j]
                        while way[-1] != first:
                            way.append(before[way[-1]])
                        return way
        layer = following
    return []


def _mend(cutting: _Cutting) -> None:
    """Take back the cuts inside one residue, such as the lactam of pyroglutamate."""
    cutting.cuts = {(a, b) for a, b in cutting.cuts if cutting.part[a] != cutting.part[b]}


def _roles(
    cutting: _Cutting, inside: list[list[int]], ranks: list[int]
) -> dict[tuple[int, int], int]:
    """Return the R-group that each end of a cut is, by (atom, atom at the other end).

    R1 is on the nitrogen of the backbone, R2 on its carbonyl. In a part without amino acid the
    first acyl carbon has R2, and the first nitrogen or oxygen R1. All others count on from R3.
    """
    roles: dict[tuple[int, int], int] = {}
    taken: defaultdict[int, set[int]] = defaultdict(set)
    ends = chained(cutting.cuts, ((b, a) for a, b in cutting.cuts))
    for a, b in sorted(ends, key=lambda end: (ranks[end[0]], ranks[end[1]])):
        part = cutting.part[a]
        wanted = _backbone_role(cutting, inside[part], a)
        if wanted is None or wanted in taken[part]:
            wanted = max({2, *taken[part]}) + 1
        taken[part].add(wanted)
        roles[a, b] = wanted
    return roles


def _backbone_role(cutting: _Cutting, held: list[int], atom: int) -> int | None:
    if held:
        unit = cutting.units[held[0]]
        return {unit.head: 1, unit.carbonyl: 2}.get(atom)
    if atom in cutting.graph.acyl:
        return 2
    return 1 if cutting.graph.elements[atom] in (7, 8) else None


def _symbols(
    mol: Chem.Mol, cutting: _Cutting, roles: dict[tuple[int, int], int], count: int
) -> list[str]:
    """Return for each part its symbol, or its SMILES where the library does not have it."""
    bonds, labels = [], []
    for a, b in cutting.cuts:
        bond = mol.GetBondBetweenAtoms(a, b)
        begin, end = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        bonds.append(bond.GetIdx())
        labels.append((roles[end, begin], roles[begin, end]))  # of the atom that was replaced
    divided = Chem.FragmentOnBonds(mol, bonds, dummyLabels=labels)
    members: list[tuple[int, ...]] = []
    pieces = Chem.GetMolFrags(
        divided, asMols=True, sanitizeFrags=False, fragsMolAtomMapping=members
    )
    symbols = [""] * count
    for piece, atoms in zip(pieces, members, strict=True):
        key = Chem.MolToSmiles(piece)
        symbols[cutting.part[atoms[0]]] = _by_key().get(key) or _spelt(piece)
    return symbols


def _spelt(piece: Chem.Mol) -> str:
    """Return a part that is not in the library as the SMILES of a monomer."""
    for atom in piece.GetAtoms():
        if is_open(atom):
            atom.SetAtomMapNum(atom.GetIsotope())
            atom.SetIsotope(0)
    spelling: str = Chem.MolToSmiles(piece)
    return spelling


@cache
def _by_key() -> dict[str, str]:
    """Return the symbols of the library by the SMILES of a part, some of its R-groups closed."""
    found: dict[str, str] = {}
    for symbol, one in library().items():
        spellings = [one.smiles]
        spellings += [one.smiles.replace(a, b) for a, b in TAUTOMERS.items() if a in one.smiles]
        for spelling in spellings:
            for size in range(1, len(one.groups) + 1):
                for opened in combinations(one.groups, size):
                    found.setdefault(Chem.MolToSmiles(closed(spelling, opened)), symbol)
    return found
