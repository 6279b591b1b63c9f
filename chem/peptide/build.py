"""From monomers and links to a molecule."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from rdkit import Chem

from discdiff.chem.peptide.helm import End, Link, Peptide
from discdiff.chem.peptide.monomers import Monomer, cap_of, is_open, molecule, monomer
from discdiff.errors import DataError

_CAPS = {"H": "[H][*:{}]", "O": "O[*:{}]"}


def build(peptide: Peptide) -> Chem.Mol:
    """Return the molecule of a peptide; open R-groups become hydrogens and hydroxyls.

    Args:
        peptide: see `read_helm`.

    Raises:
        DataError: naming the residue, if a bond needs an R-group that it has not, or that is used.

    Example:
        >>> from discdiff.chem.peptide.helm import read_helm
        >>> Chem.MolToSmiles(build(read_helm("PEPTIDE1{G.[Sar].[am]}$$$$")))
        'CN(CC(N)=O)C(=O)CN'
    """
    bonds = _bonds(peptide)
    used = {end: number for number, ends in enumerate(bonds, start=1) for end in ends}
    pieces = []
    following = len(bonds)
    for c, chain in enumerate(peptide.chains):
        for place, symbol in enumerate(chain):
            found = monomer(symbol)
            numbers = {}
            for group in found.groups:
                number = used.get(End(c, place, group))
                if number is None:
                    following += 1
                    number = following
                    pieces.append(_cap(found.smiles, group, number))
                numbers[group] = number
            pieces.append(_numbered(found, numbers))
    return _joined(pieces)


def smiles(peptide: Peptide) -> str:
    """Return the canonical SMILES of a peptide.

    Raises:
        DataError: as `build` does.
    """
    spelling: str = Chem.MolToSmiles(build(peptide))
    return spelling


def closed(spelling: str, opened: Collection[int]) -> Chem.Mol:
    """Return the molecule of a monomer with some R-groups open, as dummy atoms with isotopes.

    Args:
        spelling: SMILES of the monomer.
        opened: numbers of the R-groups that stay; the others become hydrogens and hydroxyls.
    """
    mol = Chem.RWMol(molecule(spelling))
    for atom in [atom for atom in mol.GetAtoms() if is_open(atom)]:
        group = atom.GetAtomMapNum()
        atom.SetAtomMapNum(0)
        if group in opened:
            atom.SetIsotope(group)
        else:
            atom.SetAtomicNum({"H": 1, "O": 8}[cap_of(atom.GetNeighbors()[0])])
            atom.SetNoImplicit(False)
    mol.UpdatePropertyCache()
    return Chem.RemoveHs(mol.GetMol())


def _bonds(peptide: Peptide) -> list[Link]:
    chained = [
        Link(End(c, place, 2), End(c, place + 1, 1))
        for c, chain in enumerate(peptide.chains)
        for place in range(len(chain) - 1)
    ]
    bonds = [*chained, *peptide.links]
    seen: set[End] = set()
    for end in (end for link in bonds for end in link):
        symbol = peptide.chains[end.chain][end.place]
        groups = monomer(symbol).groups
        where = f"PEPTIDE{end.chain + 1}, residue {end.place + 1} ({symbol})"
        if end.group not in groups:
            listed = ", ".join(f"R{group}" for group in groups)
            raise DataError(f"{where} must have R{end.group} for its bond, got only {listed}")
        if end in seen:
            raise DataError(f"{where} has two bonds on R{end.group}")
        seen.add(end)
    return bonds


def _numbered(found: Monomer, numbers: dict[int, int]) -> Chem.Mol:
    mol = Chem.Mol(molecule(found.smiles))
    for atom in mol.GetAtoms():
        if is_open(atom):
            atom.SetAtomMapNum(numbers[atom.GetAtomMapNum()])
    return mol


@lru_cache(maxsize=4_096)
def _cap_kind(spelling: str, group: int) -> str:
    mol = molecule(spelling)
    (atom,) = (a for a in mol.GetAtoms() if is_open(a) and a.GetAtomMapNum() == group)
    return cap_of(atom.GetNeighbors()[0])


def _cap(spelling: str, group: int, number: int) -> Chem.Mol:
    cap = Chem.MolFromSmiles(_CAPS[_cap_kind(spelling, group)].format(number), sanitize=False)
    return cap


def _joined(pieces: list[Chem.Mol]) -> Chem.Mol:
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = Chem.CombineMols(whole, piece)
    mol = Chem.molzip(whole)
    mol = Chem.RemoveHs(mol)
    Chem.SanitizeMol(mol)
    Chem.AssignStereochemistry(mol, cleanIt=True, force=True)
    return mol
