"""Molecules as graphs for a network: atoms with chirality, bonds with stereochemistry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rdkit import Chem
from rdkit.Chem import Atom, Bond, Mol, rdCIPLabeler
from torch import nn

from discdiff import _check
from discdiff.chem import molecule
from discdiff.chem.domain import Molecules
from discdiff.domain import Domain
from discdiff.errors import InputError
from discdiff.nn.graph import Graph, GraphNet, Graphs
from discdiff.predictor.representation import Representation, Unread

# Of each category the values that are told apart; the last place is for all others.
_ELEMENTS = (6, 7, 8, 16, 9, 17, 35, 53, 15, 5, 14, 34, 1)
_CHARGES = (0, 1, -1, 2, -2)
_HYBRIDS = (
    Chem.HybridizationType.SP3,
    Chem.HybridizationType.SP2,
    Chem.HybridizationType.SP,
)
_CENTRES = ("", "R", "S", "r", "s")
_ORDERS = (
    Chem.BondType.SINGLE,
    Chem.BondType.DOUBLE,
    Chem.BondType.TRIPLE,
    Chem.BondType.AROMATIC,
)
_SIDES = ("", "E", "Z")
_NEIGHBOURS, _HYDROGENS = 6, 4
_RINGS = (0, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24)  # least sizes of the smallest ring of an atom
_LABEL = "_CIPCode"
_MOST_STEPS = 100_000  # of the search for a label; far more than peptides take

ATOM_SIZES = (
    len(_ELEMENTS) + 1,
    _NEIGHBOURS + 1,
    _HYDROGENS + 1,
    len(_CHARGES) + 1,
    len(_HYBRIDS) + 1,
    2,
    len(_RINGS),
    len(_CENTRES) + 1,
)
"""Values of element, neighbours, hydrogens, charge, hybridisation, aromatic, ring and centre."""

BOND_SIZES = (len(_ORDERS) + 1, 2, 2, len(_SIDES) + 1)
"""Values of order, conjugated, in a ring and side of a double bond."""


def graph(mol: Mol) -> Graph:
    """Return a molecule's heavy atoms and bonds as categories.

    Stereochemistry enters as CIP labels, which do not depend on the order of the atoms.

    Args:
        mol: with one atom or more; it is not changed.

    Source:
        Specification of organic stereochemistry: Cahn, Ingold and Prelog (1966), as digraphs by
        Hanson et al., Algorithmic Analysis of Cahn-Ingold-Prelog Rules (2018).

    Example:
        >>> from discdiff.chem.molecule import parse
        >>> left, right = graph(parse("C[C@H](N)O")), graph(parse("C[C@@H](N)O"))
        >>> left.nodes.shape, left.ends.shape, (left.nodes != right.nodes).sum().item()
        ((4, 8), (2, 6), 1)
    """
    labelled = Chem.Mol(mol)  # molecules are shared
    rdCIPLabeler.AssignCIPLabels(labelled, maxRecursiveIterations=_MOST_STEPS)
    rings = labelled.GetRingInfo()
    atoms = [_atom(atom, rings.MinAtomRingSize(atom.GetIdx())) for atom in labelled.GetAtoms()]
    bonds = list(labelled.GetBonds())
    ends = np.array([(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in bonds], np.int64)
    ends = ends.reshape(-1, 2)
    kinds = np.array([_bond(bond) for bond in bonds], np.int64).reshape(-1, len(BOND_SIZES))
    both = np.concatenate([ends, ends[:, ::-1]])
    return Graph(np.array(atoms, np.int64), np.ascontiguousarray(both.T), np.tile(kinds, (2, 1)))


def _atom(atom: Atom, ring: int) -> tuple[int, ...]:
    return (
        _place(atom.GetAtomicNum(), _ELEMENTS),
        min(atom.GetDegree(), _NEIGHBOURS),
        min(atom.GetTotalNumHs(), _HYDROGENS),
        _place(atom.GetFormalCharge(), _CHARGES),
        _place(atom.GetHybridization(), _HYBRIDS),
        int(atom.GetIsAromatic()),
        sum(ring >= least for least in _RINGS) - 1,
        _place(_label(atom), _CENTRES),
    )


def _bond(bond: Bond) -> tuple[int, ...]:
    return (
        _place(bond.GetBondType(), _ORDERS),
        int(bond.GetIsConjugated()),
        int(bond.IsInRing()),
        _place(_label(bond), _SIDES),
    )


def _label(part: Atom | Bond) -> str:
    return part.GetProp(_LABEL) if part.HasProp(_LABEL) else ""


def _place(value: Any, known: Sequence[Any]) -> int:
    return known.index(value) if value in known else len(known)


class MoleculeGraphs(Representation):
    """Atoms and bonds of a molecule, for a graph network (GINE, in torch-geometric).

    It reads any valid molecule, whatever tokens it is spelt with.

    Args:
        domain: of molecules.
        width: channels of the network.
        depth: its layers.
        dropout: chance that a channel is dropped in training.

    Raises:
        InputError: if the domain's strings are no molecules, or a number is outside its range.

    Example:
        >>> from discdiff.chem.smiles import Smiles
        >>> graphs = MoleculeGraphs(Smiles(["C", "O"]), width=8, depth=1)
        >>> batch = graphs.collate(graphs.items(["CCO", "CN"]))
        >>> batch.sizes.tolist(), graphs.member(1)(batch).shape
        ([3, 2], torch.Size([2, 1]))
        >>> graphs.items(["C1CC"])[0].reason
        'syntax error'
    """

    def __init__(
        self, domain: Domain, width: int = 128, depth: int = 4, dropout: float = 0.1
    ) -> None:
        super().__init__()
        if not isinstance(domain, Molecules):
            raise InputError(
                "domain must be one of molecules, such as smiles, peptide_smiles or selfies, got "
                f"{domain.name!r}: say domain=smiles"
            )
        self.domain = domain
        self.width = _check.positive_int("width", width)
        self.depth = _check.positive_int("depth", depth)
        self.dropout = _check.in_range("dropout", dropout, 0.0, 0.95)

    def items(self, strings: Sequence[str]) -> list[Any]:
        return [self._item(string) for string in strings]

    def _item(self, string: str) -> Graph | Unread:
        reason = molecule.read(string).reason
        if reason is not None:
            return Unread(reason)
        mol = molecule.parse(string)
        return Unread("no molecule") if mol is None else graph(mol)

    def size(self, item: Any) -> int:
        return 1  # graphs need no padding, and batches of one size would be of one series

    def collate(self, items: Sequence[Any]) -> Graphs:
        return Graphs.of(items)

    def member(self, outputs: int) -> nn.Module:
        return GraphNet(ATOM_SIZES, BOND_SIZES, outputs, self.width, self.depth, self.dropout)

    def settings(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in ("width", "depth", "dropout")}
