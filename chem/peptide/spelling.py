"""Peptides written residue after residue: SMILES that read as the chain does."""

from __future__ import annotations

import re

from rdkit import Chem

from discdiff.chem.molecule import read
from discdiff.chem.peptide.helm import End, Peptide
from discdiff.chem.peptide.monomers import END, is_open, molecule, monomer

_FIRST_ATOM = re.compile(r"\[[^\]]+\]|[A-Z]")
_FIRST_DIGIT = 4
"""Of the bonds between residues; the rings of monomers use 1 to 3."""


def spelt(peptide: Peptide) -> str | None:
    r"""Return a SMILES of a peptide that has its residues one after the other.

    Each residue is written from its nitrogen over its side chain to its carbonyl, as the library
    has it; bonds that no chain contains are ring digits from 4 on. None where that cannot be
    written: of several chains, of monomers that the library does not have or that do not begin and
    end at the backbone (pyroglutamate), of more than five such bonds.

    Args:
        peptide: in the order in which it is to be written.

    Example:
        >>> from discdiff.chem.peptide.helm import read_helm
        >>> spelt(read_helm("PEPTIDE1{A.[dL].P}$PEPTIDE1,PEPTIDE1,1:R1-3:R2$$$"))
        'N4[C@@H](C)C(=O)N[C@H](CC(C)C)C(=O)N1[C@@H](CCC1)C4=O'
        >>> spelt(read_helm("PEPTIDE1{[ac].C.G.C.[am]}$PEPTIDE1,PEPTIDE1,2:R3-4:R3$$$"))
        'CC(=O)N[C@@H](CS4)C(=O)NCC(=O)N[C@@H](CS4)C(=O)N'
    """
    if len(peptide.chains) != 1 or peptide.unknown or len(peptide.links) > 5:
        return None
    digits: dict[End, str] = {}
    for number, link in enumerate(peptide.links, start=_FIRST_DIGIT):
        digits.update(dict.fromkeys(link, str(number)))
    (chain,) = peptide.chains
    pieces = []
    for place, symbol in enumerate(chain):
        inner = {1: place > 0, 2: place + 1 < len(chain)}
        ends = {
            group: "" if inner.get(group) else digits.get(End(0, place, group))
            for group in monomer(symbol).groups
        }
        piece = _written(symbol, ends)
        if piece is None:
            return None
        pieces.append(piece)
    return "".join(pieces)


def respelt(smiles: str, peptide: Peptide) -> str:
    """Return the SMILES of a peptide residue after residue, itself where that cannot be written.

    That both are the same molecule is checked.

    Args:
        smiles: canonical.
        peptide: what it is, see `analyse.read`.

    Example:
        >>> from discdiff.chem.peptide.analyse import read
        >>> respelt("C[C@H](N)C(=O)NCC(=O)O", read("C[C@H](N)C(=O)NCC(=O)O"))
        'N[C@@H](C)C(=O)NCC(=O)O'
    """
    spelling = spelt(peptide)
    if spelling is None or read(spelling).canonical != smiles:
        return smiles
    return spelling


def _written(symbol: str, ends: dict[int, str | None]) -> str | None:
    """Return the text of a monomer between its neighbours.

    Args:
        symbol: of the monomer.
        ends: of each R-group: empty for a neighbour in the chain, the digit of another bond, or
            None where it is open.
    """
    found = monomer(symbol)
    text = found.smiles
    if found.kind == END:  # written as it is left, not as it is entered
        mol = molecule(text)
        (start,) = (atom.GetIdx() for atom in mol.GetAtoms() if is_open(atom))
        text = Chem.MolToSmiles(mol, rootedAtAtom=start)
    if (1 in ends and not text.startswith("[*:1]")) or (2 in ends and not text.endswith("[*:2]")):
        return None
    if 1 in ends:
        text = text.removeprefix("[*:1]")
        text = _FIRST_ATOM.sub(lambda match: match[0] + (ends[1] or ""), text, count=1)
    for group in (2, 3):
        if group in ends:
            text = _ended(text, f"[*:{group}]", ends[group])
    return text


def _ended(text: str, mark: str, end: str | None) -> str:
    """Return `text` with an R-group on an atom or a carbonyl replaced by what is bonded there."""
    if end is None:
        text = text.replace(f"(=O){mark}", "(=O)O").replace(f"[Se]{mark}", "[SeH]")
        return text.replace(mark, "")
    if end:
        text = text.replace(f"(=O){mark}", f"{end}=O")
    return text.replace(mark, end)
