"""What can be said of a peptide once its residues are known."""

from __future__ import annotations

from discdiff.chem.peptide.helm import End, Link, Peptide
from discdiff.chem.peptide.monomers import cap_of, is_open, molecule, monomer

HEAD_TO_TAIL, DISULFIDE, AMIDE, ESTER, OTHER = (
    "head_to_tail",
    "disulfide",
    "amide",
    "ester",
    "other",
)


def linkage(peptide: Peptide, link: Link) -> str:
    """Return what kind of bond a link is.

    ``head_to_tail`` joins the ends of one chain; ``amide`` (a lactam) and ``ester`` (a lactone)
    take part in a side chain; ``disulfide`` joins two sulphurs; ``other`` is for monomers that the
    library does not have.

    Example:
        >>> from discdiff.chem.peptide.helm import read_helm
        >>> peptide = read_helm("PEPTIDE1{K.A.D}$PEPTIDE1,PEPTIDE1,1:R3-3:R3$$$")
        >>> linkage(peptide, peptide.links[0])
        'amide'
    """
    first, second = link
    pair = {_site(peptide, first), _site(peptide, second)}
    if pair <= {"S", "Se"}:
        return DISULFIDE
    if pair == {"acyl", "O"}:
        return ESTER
    if pair != {"acyl", "N"}:
        return OTHER
    ends = {first.group, second.group} == {1, 2} and first.chain == second.chain
    return HEAD_TO_TAIL if ends else AMIDE


def sequence(peptide: Peptide) -> str | None:
    """Return the one-letter sequence of a linear peptide of natural L residues, else None.

    Its ends are free.

    Example:
        >>> sequence(Peptide((("G", "A", "K"),))), sequence(Peptide((("G", "dA"),)))
        ('GAK', None)
    """
    (chain, *others) = peptide.chains
    if others or peptide.links or any(len(symbol) > 1 for symbol in chain):
        return None
    return "".join(chain)


def _site(peptide: Peptide, end: End) -> str:
    """Return the element that an R-group is on, ``acyl`` for a carbonyl."""
    symbol = peptide.chains[end.chain][end.place]
    for atom in molecule(monomer(symbol).smiles).GetAtoms():
        if is_open(atom) and atom.GetAtomMapNum() == end.group:
            on = atom.GetNeighbors()[0]
            return "acyl" if cap_of(on) == "O" else str(on.GetSymbol())
    return OTHER
