"""Motif hits of a table of sequences, as BED: a line for each place that scores enough."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from discdiff.bio.bases import read_bases
from discdiff.bio.motif_file import labels, read_motifs
from discdiff.bio.scanner import Scanner
from discdiff.data.tables import Table, text_of
from discdiff.errors import DataError


class Interval(NamedTuple):
    """A line of BED with six fields: bases `start` to `end`, from 0, the end not included."""

    chrom: str
    start: int
    end: int
    name: str
    score: float
    strand: str


def bed_bytes(table: Table, motifs: str, rate: float = 1e-4, pseudocount: float = 0.5) -> bytes:
    r"""Write the hits of every motif of a file in every sequence, in the order of the table.

    Six fields between tabs: the sequence (its `id` where the table has that column, else its row),
    start and end from 0, the motif, the score in bits with four digits, the strand. BED proper
    wants scores from 0 to 1,000; these are the log-odds themselves.

    Args:
        table: its first column holds DNA or RNA.
        motifs: a file of JASPAR, MEME (minimal) or TRANSFAC.
        rate: chance of a word of an even background to be a hit; see `Scanner.threshold`.
        pseudocount: added to every count of a motif.

    Raises:
        DataError: if a row is no DNA or RNA, or the file is wrong, with row or line.

    Example:
        >>> import tempfile, pathlib
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "m.jaspar"
        >>> _ = file.write_text(">M1 EBOX\nA [0 9 0]\nC [9 0 9]\nG [0 0 0]\nT [0 0 0]\n")
        >>> bed_bytes(Table(("sequence",), [("TTCACTT",)]), str(file), rate=0.05).decode()
        '1\t2\t5\tEBOX\t5.3655\t+\n'
    """
    scanners = [(_plain(_called(one)), Scanner(one, pseudocount)) for one in read_motifs(motifs)]
    limits = [scanner.threshold(rate) for _, scanner in scanners]
    names = table.column("id") if "id" in table.columns else [None] * len(table.rows)
    lines = []
    for number, (row, name) in enumerate(zip(table.rows, names, strict=True), start=1):
        bases = read_bases(text_of(row[0]))
        if bases is None:
            raise DataError(f"row {number}: {text_of(row[0])!r} is no DNA or RNA")
        chrom = _plain(text_of(name)) or str(number)
        for (label, scanner), limit in zip(scanners, limits, strict=True):
            for hit in scanner.hits(bases, limit):
                fields = (chrom, hit.start, hit.end, label, f"{hit.score:.4f}", hit.strand)
                lines.append("\t".join(map(str, fields)) + "\n")
    return "".join(lines).encode()


def read_bed(lines: Iterable[str]) -> Iterator[Interval]:
    r"""Yield the intervals of a BED file of six fields; comments and track lines are skipped.

    Args:
        lines: the lines of the file.

    Raises:
        DataError: with the line, if one is no such interval.

    Example:
        >>> list(read_bed(["# hits\n", "a\t0\t4\tTBP\t7.5\t-\n"]))
        [Interval(chrom='a', start=0, end=4, name='TBP', score=7.5, strand='-')]
    """
    for number, line in enumerate(lines, start=1):
        text = line.rstrip("\r\n")
        if not text.strip() or text.startswith(("#", "track", "browser")):
            continue
        fields = text.split("\t")
        try:
            chrom, start, end, name, score, strand = fields
            found = Interval(chrom, int(start), int(end), name, float(score), strand)
        except ValueError:
            raise DataError(f"line {number}: must have six fields of BED, got {text!r}") from None
        if not 0 <= found.start < found.end or strand not in ("+", "-", "."):
            raise DataError(f"line {number}: must be an interval on a strand, got {text!r}")
        yield found


def _called(motif: object) -> str:
    found = labels(motif)
    return str(getattr(motif, "name", None) or (found[0] if found else "motif"))


def _plain(text: str) -> str:
    return re.sub(r"\s+", "_", text.strip())
