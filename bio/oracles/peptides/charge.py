"""The net charge of a peptide at a pH."""

from __future__ import annotations

from torch import Tensor

from discdiff import _check
from discdiff.bio.ionisation import LICENCE, SETS, Groups
from discdiff.bio.oracles.peptides.sequence import PerPeptide, column, flag
from discdiff.bio.residues import AMINO_ACIDS
from discdiff.domain import Domain


class Charge(PerPeptide):
    r"""Net charge by Henderson and Hasselbalch: each group as if it were alone, ends included.

    $\sum_{\text{bases}}\frac1{1+10^{\text{pH}-\text{pK}}}
    -\sum_{\text{acids}}\frac1{1+10^{\text{pK}-\text{pH}}}$. Every Cys counts as a free thiol. With
    the set of Bjellqvist it is ProtParam's charge. It takes relaxed rows, for guidance by
    gradients.

    Args:
        ph: the pH.
        pk: the set of pK values: ``bjellqvist``, ``emboss``, ``lehninger`` or ``sillero``; see
            `discdiff.bio.ionisation`.
        amide: whether the C terminus is an amide, which has no charge.
        acetyl: whether the N terminus is acetylated, so that it has none.
        domain: whose tokens relaxed rows are over; those of `Peptide` by default.

    Raises:
        InputError: if an argument is wrong.

    Source: Henderson-Hasselbalch; The focusing positions of polypeptides in immobilized pH
    gradients can be predicted from their amino acid sequences (Bjellqvist et al., 1993).

    Example:
        >>> Charge()(["GIGKFLHSAKKFGKAFVGEIMNS", "DEDE"]).round(2)
        array([ 2.85, -4.23])
        >>> Charge(amide=True)(["GIGKFLHSAKKFGKAFVGEIMNS"]).round(2)
        array([3.85])
    """

    name = "charge"
    units = "e"
    signed = True
    licence = LICENCE

    def __init__(
        self,
        ph: float = 7.0,
        pk: str = "bjellqvist",
        amide: bool = False,
        acetyl: bool = False,
        domain: Domain | None = None,
    ) -> None:
        self.ph = _check.in_range("ph", ph, 0, 14)
        _check.one_of("pk", pk, tuple(SETS))
        self.groups = Groups(SETS[pk], flag("amide", amide), flag("acetyl", acetyl))
        super().__init__(ph=ph, pk=pk, amide=amide, acetyl=acetyl)
        self.domain = domain
        self._keywords = {**self.parameters, "domain": domain}

    def value(self, residues: str, /) -> float:
        return self.groups.charge(residues, self.ph)

    def relaxed(self, rows: Tensor) -> Tensor:
        """Return the charges `(N,)` of relaxed rows `(N, L, V)` over the tokens of the domain.

        Raises:
            UnsupportedError: if the rows are over other tokens.
        """
        side = {one: self.groups.side_chain(one, self.ph) for one in AMINO_ACIDS}
        first = {one: self.groups.n_terminus(one, self.ph) for one in AMINO_ACIDS}
        last = {one: self.groups.c_terminus(one, self.ph) for one in AMINO_ACIDS}
        inside, start, end = (column(self, t, rows, self.domain) for t in (side, first, last))
        return (rows @ inside).sum(1) + rows[:, 0] @ start + rows[:, -1] @ end
