"""Files of motifs: JASPAR, MEME (minimal) and TRANSFAC, checked line by line, read by Biopython."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from Bio import BiopythonWarning
from Bio import motifs as bio

from discdiff import _check
from discdiff.errors import DataError, InputError, UnsupportedError

DATABASE = "jaspar"
Lines = Sequence[tuple[int, str]]  # the lines that are not blank, with their numbers
Motif = Any  # Biopython leaves it without types
_parse: Callable[..., Any] = bio.parse


def read_motifs(path: str | Path, format: str | None = None) -> list[Motif]:
    """Return the motifs of a file, as Biopython's objects.

    Args:
        path: the file.
        format: ``jaspar``, ``meme`` or ``transfac``; by default what its first line looks like.
            The probabilities of MEME become whole counts of its nsites, 20 where it gives none.

    Raises:
        InputError: if `format` is unknown.
        DataError: with line and reason, if the file cannot be read or is not of the format.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise DataError(f"{path} cannot be read: {reason}") from error
    lines = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise DataError(f"{path} must hold a motif, got an empty file")
    kind = _format(path, lines[0]) if format is None else _check.one_of("format", format, [*_READ])
    try:
        _CHECKS[kind](lines)
        options = {"strict": False} if kind == "transfac" else {}
        found = list(_parse(io.StringIO(text), _READ[kind], **options))
    except (DataError, ValueError) as error:
        raise DataError(f"{path} is no {kind} file: {error}") from error
    if not found:
        raise DataError(f"{path} is no {kind} file: it holds no motif")
    return found


def from_database(name: str, release: str) -> Motif:
    """Return a motif of the JASPAR database, by matrix id such as MA0139.1 or CTCF by its name.

    Raises:
        UnsupportedError: if the package pyjaspar is not installed.
        InputError: if there is no such release or motif.
    """
    try:
        from pyjaspar import jaspar_releases, jaspardb
    except ModuleNotFoundError as error:
        if error.name != "pyjaspar":
            raise
        raise UnsupportedError(
            "path=jaspar needs the package pyjaspar: pip install 'discdiff[pyjaspar]'"
        ) from error
    database = jaspardb(release=_check.one_of("release", release, sorted(jaspar_releases)))
    if re.fullmatch(r"[A-Z]{2}\d{4}(\.\d+)?", name):
        found = [database.fetch_motif_by_id(name)]
    else:
        with warnings.catch_warnings():  # of none found, which is said below
            warnings.simplefilter("ignore", BiopythonWarning)
            found = list(database.fetch_motifs_by_name(name))
    found = [one for one in found if one is not None]
    if len(found) != 1:
        ids = ", ".join(one.matrix_id for one in found) or "none"
        raise InputError(f"motif must name one of {release}, got {name!r}, which fits {ids}")
    return found[0]


def chosen(found: Sequence[Motif], name: str | None, path: str | Path) -> Motif:
    """Return the motif called `name`, the only one where that is None.

    Raises:
        InputError: if there is none of that name, or several of it or to choose from.
    """
    named: dict[str, Motif] = {}
    for one in found:
        for label in labels(one):
            if label == name and label in named:
                raise InputError(
                    f"motif must name one of {path}, got {name!r}, which several are called"
                )
            named[label] = one
    if name is None and len(found) == 1:
        return found[0]
    known = ", ".join(sorted(named)[:10]) + ", …" * (len(named) > 10)
    if name not in named:
        hint = "" if name is None else _check.suggestion(name, named)
        raise InputError(f"motif must name one of {path}: {known}; got {name!r}.{hint}")
    return named[name]


def labels(motif: Motif) -> list[str]:
    """Return what a motif may be called: its id, accession and names."""
    annotated = [motif.get(key) for key in ("AC", "ID", "NA")] if isinstance(motif, dict) else []
    own = [getattr(motif, key, None) for key in ("matrix_id", "name")]
    return [str(label) for label in dict.fromkeys((*own, *annotated)) if label]


def _format(path: Path, first: tuple[int, str]) -> str:
    number, line = first
    if line.startswith(">"):
        return "jaspar"
    if line.startswith("MEME"):
        return "meme"
    if re.match(r"(VV|AC|ID|NA|DE|DT|XX|P0|PO)(\s|$)", line):
        return "transfac"
    raise DataError(
        f"{path} is no file of motifs: line {number} must begin with '>' (JASPAR), 'MEME version' "
        f"(MEME) or a key such as ID (TRANSFAC), got {line[:40]!r}"
    )


def _fault(number: int, reason: str, line: str) -> DataError:
    return DataError(f"line {number}: {reason}, got {line[:60]!r}")


def _numbers(number: int, line: str, words: Sequence[str], count: int | None) -> list[float]:
    try:
        found = [float(word) for word in words]
    except ValueError:
        raise _fault(number, "counts must be numbers", line) from None
    if count is not None and len(found) != count:
        raise _fault(number, f"a row must have {count} numbers", line)
    if not found or not all(value >= 0 and math.isfinite(value) for value in found):
        raise _fault(number, "counts must be one or more numbers of at least 0", line)
    return found


def _check_column(number: int, line: str, values: Sequence[float]) -> None:
    if not sum(values):
        raise _fault(number, "a position must have been seen with some base", line)


def _check_jaspar(lines: Lines) -> None:
    for start in range(0, len(lines), 5):
        number, header = lines[start]
        if not re.match(r">\s*\S", header):
            raise _fault(number, "a motif must begin with '>' and its id", header)
        rows: list[list[float]] = []
        for place, base in enumerate("ACGT", start=start + 1):
            if place >= len(lines) or lines[place][1].startswith(">"):
                reason = f"a motif must have four rows, this one has no {base}"
                raise _fault(lines[start][0], reason, header)
            number, line = lines[place]
            found = re.fullmatch(r"(?:([A-Za-z])\s*)?(?:\[([^][]*)\]|([^][]*))", line)
            if found is None or found[1] not in (None, base):
                raise _fault(number, f"the row of {base} must stand here", line)
            words = (found[2] if found[2] is not None else found[3]).split()
            rows.append(_numbers(number, line, words, len(rows[0]) if rows else None))
        for values in zip(*rows, strict=True):
            _check_column(lines[start][0], header, values)


def _check_meme(lines: Lines) -> None:
    if not lines[0][1].startswith("MEME version"):
        raise _fault(
            lines[0][0], "the first line must be 'MEME version' and its number", lines[0][1]
        )
    preamble = [line for _, line in lines if not line.startswith("MOTIF")]
    for needed in ("ALPHABET= ", "Background letter frequencies"):
        if not any(line.startswith(needed) for line in preamble):
            raise DataError(f"line {lines[-1][0]}: it ends without a line {needed.strip()!r}")
    place = 0
    while place < len(lines):
        number, line = lines[place]
        place += 1
        if line.startswith("ALPHABET= ") and line.split() not in (
            ["ALPHABET=", "ACGT"],
            ["ALPHABET=", "ACGU"],
        ):
            raise _fault(number, "the alphabet must be ACGT or ACGU", line)
        if line.startswith("MOTIF"):
            if len(line.split()) < 2:
                raise _fault(number, "a motif must have a name", line)
            place = _check_meme_matrix(lines, place, number, line)


def _check_meme_matrix(lines: Lines, place: int, number: int, motif: str) -> int:
    """Check the matrix that follows the line of a motif, and return the place after it."""
    while place < len(lines) and not lines[place][1].startswith("letter-probability matrix:"):
        if lines[place][1].startswith("MOTIF"):
            break
        place += 1
    if place >= len(lines) or lines[place][1].startswith("MOTIF"):
        raise _fault(number, "a motif must have a letter-probability matrix", motif)
    number, line = lines[place]
    keys = dict(re.findall(r"(\w+)=\s*(\S+)", line))
    for key in ("w", "nsites"):
        if not keys.get(key, "1").isdecimal() or keys.get(key) == "0":
            raise _fault(number, f"{key}= must be a whole number above 0", line)
    width = int(keys["w"]) if "w" in keys else None
    first = place = place + 1
    while place < len(lines) and (width is None or place - first < width):
        row, words = lines[place], lines[place][1].split()
        if width is None and not re.match(r"[\d.]", row[1]):
            break
        values = _numbers(*row, words, 4)
        if abs(sum(values) - 1) > 0.02:
            raise _fault(row[0], "probabilities must sum to 1", row[1])
        place += 1
    more = place < len(lines) and re.match(r"[\d.]", lines[place][1])
    if place == first or (width is not None and (place - first < width or more)):
        raise _fault(number, f"the matrix must have {width or 'some'} rows", line)
    return place


def _check_transfac(lines: Lines) -> None:
    row: int | None = None  # of the matrix that is being read
    # whether the record says anything of a motif, and has a matrix: Biopython gives one that has
    # none the matrix of the record before, or makes a motif of nothing after it
    begun = whole = after = False
    needed = "a record must have a matrix below P0"
    for number, line in lines:
        words = line.split()
        begun |= words[0] not in ("VV", "XX", "//")
        if words[0] == "//":
            if (begun or after) and not whole:
                raise _fault(number, needed, line)
            row, begun, whole, after = None, False, False, whole
        elif words[0] in ("P0", "PO"):
            if words[1:5] != list("ACGT"):
                raise _fault(number, "the bases of a matrix must be A C G T", line)
            row = 0
        elif words[0].isdecimal():
            if row is None or int(words[0]) != row + 1:
                raise _fault(number, "rows of a matrix must be numbered from 01 below P0", line)
            row, whole = row + 1, True
            if words[6:] or any(not letter.isalpha() for letter in words[5:]):
                reason = "a row must have four counts and at most one letter after them"
                raise _fault(number, reason, line)
            _check_column(number, line, _numbers(number, line, words[1:5], 4))
        elif len(words[0]) != 2:
            raise _fault(number, "a line must begin with a key of two characters", line)
        else:
            row = None
    if lines[-1][1] != "//":
        reason = "a record must end with //" if whole else needed
        raise _fault(lines[-1][0], reason, lines[-1][1])


_READ = {"jaspar": "jaspar", "meme": "minimal", "transfac": "transfac"}
_CHECKS: dict[str, Callable[[Lines], None]] = {
    "jaspar": _check_jaspar,
    "meme": _check_meme,
    "transfac": _check_transfac,
}
