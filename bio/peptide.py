"""The domain of peptides: the 20 amino acids as tokens, templates of residues."""

from __future__ import annotations

from discdiff import _check
from discdiff.bio import template
from discdiff.bio.letters import RESIDUE_COLOURS
from discdiff.bio.linear import Sequences
from discdiff.bio.residues import AMINO_ACIDS, MEANING, OTHER
from discdiff.gapped import Templates


class Peptide(Sequences):
    """Peptides of the 20 amino acids in one-letter code, from the N to the C terminus.

    The canonical form is upper case, and what a model writes is. Ends, disulfides and other
    modifications are not part of a sequence; oracles that depend on ends have options for them.

    Args:
        length: residues of every valid sequence; None for any length.
        lower: lower case in data is ``"refuse"``d, since it may mean D residues, or read as
            ``"upper"`` case.
        unknown: a row of data with X is ``"refuse"``d, or X is ``"unobserved"``: a position that
            training leaves masked and does not score. A design never holds X.

    Raises:
        InputError: if an option is not one of these.

    Example:
        >>> peptide = Peptide()
        >>> peptide.prepare("GIGK"), peptide.invalid_reason("GIXK")
        ('GIGK', "letter 'X' is not one of ACDEFGHIKLMNPQRSTVWY")
        >>> peptide.read_template("CX{2}[KR]C").allowed.sum(1).tolist()
        [20, 20, 20, 2, 20]
    """

    name = "peptide"
    kind = "peptide"
    notations = ("helm",)
    letters = AMINO_ACIDS
    wildcard = "X"
    unit = "residue"
    colours = RESIDUE_COLOURS
    examples = (
        "GIGKFLHSAKKFGKAFVGEIMNS",
        "ACDEFGHIKLMNPQRSTVWY",
        "YGGFL",
        "CYIQNCPLG",
        "RRWQWR",
        "LLGDFFRKSKEKIGKEFKRIVQRIKDFLRNLVPRTES",
        "NGDGMWDP",
        "VVTTIVPVQ",
    )

    def __init__(
        self, length: int | None = None, lower: str = "refuse", unknown: str = "refuse"
    ) -> None:
        super().__init__(length, lower, unknown)

    def hint(self, letter: str) -> str:
        if letter == "X":
            return ", for an unknown residue (training takes it with domain.unknown=unobserved)"
        if letter in MEANING:
            return f", ambiguous: it must be {' or '.join(MEANING[letter])}"
        meaning = f", {OTHER[letter]}: it must be" if letter in OTHER else ", not"
        return f"{meaning} one of the 20 amino acids"

    def written(self, string: str, notation: str) -> str | None:
        """Return a valid `string` as HELM, a linear peptide with free ends."""
        _check.one_of("notation", notation, self.notations)
        return f"PEPTIDE1{{{'.'.join(string)}}}$$$$V2.0"

    def read_template(self, text: str) -> Templates:
        return template.read(text, self.alphabet, template.RESIDUES)
