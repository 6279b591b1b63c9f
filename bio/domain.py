"""The domains of DNA and RNA: bases as tokens, constant flanks, templates in letters of IUPAC."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from discdiff.bio import template
from discdiff.bio.bases import DNA_BASES, MEANING, RNA_BASES, reverse_complement
from discdiff.bio.equivariant import ReverseComplement
from discdiff.bio.letters import BASE_COLOURS
from discdiff.bio.linear import Sequences
from discdiff.denoiser import Denoiser
from discdiff.errors import InputError
from discdiff.gapped import Templates


class Nucleotides(Sequences):
    """Sequences of four bases; a subclass says which.

    The canonical form is upper case, and what a model writes is. Training data and seeds are read
    as `lower` and `unknown` say. A design is one strand, read from 5' to 3': it and its reverse
    complement are two designs.

    Args:
        length: bases of every valid sequence; None for any length.
        flank5: constant bases before every design, which oracles see and nothing changes.
        flank3: likewise after it.
        lower: lower case in data, as in masked repeats, is read as ``"upper"`` case, or a row with
            it is ``"refuse"``d.
        unknown: a row of data with N is ``"refuse"``d, or N is ``"unobserved"``: a position that
            training leaves masked and does not score. A design never holds N.

    Raises:
        InputError: if a flank has another letter, or an option is not one of these.
    """

    other: ClassVar[tuple[str, str]]
    wildcard = "N"
    unit = "base"
    colours = BASE_COLOURS

    def __init__(
        self,
        length: int | None = None,
        flank5: str = "",
        flank3: str = "",
        lower: str = "upper",
        unknown: str = "refuse",
    ) -> None:
        super().__init__(length, lower, unknown)
        self.flanks = (self._flank("flank5", flank5), self._flank("flank3", flank3))

    def _flank(self, name: str, flank: object) -> str:
        if not isinstance(flank, str):
            raise InputError(f"{name} must be bases, got {flank!r}")
        stray = next((base for base in flank.upper() if base not in self.letters), None)
        if stray is not None:
            raise InputError(
                f"{name} must be of the bases {self.letters}, got {stray!r} in {flank}"
            )
        return flank.upper()

    def hint(self, letter: str) -> str:
        base, domain = self.other
        if letter == base:
            return f", not one of {self.letters}: is it {domain}?"
        if letter == "N":
            return ", for an unknown base (training takes it with domain.unknown=unobserved)"
        if letter in MEANING:
            return f", ambiguous: it must be one of {self.letters}"
        return f", not one of {self.letters}"

    def augment(self, string: str, generator: np.random.Generator) -> str:
        """Return `string` or its reverse complement, each with chance one half."""
        return string if generator.random() < 0.5 else self.reverse_complement(string)

    def reverse_complement(self, string: str) -> str:
        """Return what the other strand reads from 5' to 3'."""
        return reverse_complement(string, self.letters)

    def symmetrised(self, denoiser: Denoiser) -> Denoiser:
        """Return the denoiser that reads both strands; see `ReverseComplement`."""
        return ReverseComplement(denoiser, self.alphabet)

    def read_template(self, text: str) -> Templates:
        return template.read(text, self.alphabet)

    def settings(self) -> dict[str, object]:
        return {
            "length": self.length,
            "flank5": self.flanks[0],
            "flank3": self.flanks[1],
            "lower": self.lower,
            "unknown": self.unknown,
        }


class DNA(Nucleotides):
    """DNA: sequences of A, C, G and T; see `Nucleotides` for the arguments.

    Example:
        >>> dna = DNA(length=4, flank5="TTG")
        >>> dna.prepare("gatt"), dna.invalid_reason("GATTA"), dna.reverse_complement("GATT")
        ('GATT', 'length 5 instead of 4', 'AATC')
        >>> DNA().read_template("ACNR").allowed.sum(1).tolist()
        [4, 4, 4, 2]
    """

    name = "dna"
    kind = "DNA"
    letters = DNA_BASES
    other = ("U", "RNA")
    examples = (
        "GATTACA",
        "TATAAAAGGCGCGCC",
        "ACGTACGTACGT",
        "GGGGCCCCAAAATTTT",
        "AAGCTTGAATTCGGATCC",
        "CACGTGACCTTTGACCTCAAAG",
        "ATGCATGCATGCATGCATGCATGC",
        "CCGCTAGCATTTTTTTTGCTAGCGG",
    )


class RNA(Nucleotides):
    """RNA: sequences of A, C, G and U; see `Nucleotides` for the arguments.

    Example:
        >>> RNA().prepare("gauu"), RNA().invalid_reason("GATT"), RNA().reverse_complement("GAUU")
        ('GAUU', "letter 'T' is not one of ACGU", 'AAUC')
    """

    name = "rna"
    kind = "RNA"
    letters = RNA_BASES
    other = ("T", "DNA")
    examples = tuple(sequence.replace("T", "U") for sequence in DNA.examples)
