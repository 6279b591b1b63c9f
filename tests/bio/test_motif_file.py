"""Motif files: Biopython's motifs of every format, and faults named by line."""

from __future__ import annotations

import sys

import pytest

from discdiff.bio.motif_file import chosen, from_database, labels, read_motifs
from discdiff.errors import DataError, InputError, UnsupportedError
from tests.bio.motifs import COUNTS, WRITERS, jaspar, meme, transfac


@pytest.mark.parametrize("format", WRITERS)
@pytest.mark.parametrize("told", [True, False])
def test_every_format_gives_the_counts(format, told, tmp_path):
    file = tmp_path / "motifs.txt"
    file.write_text(WRITERS[format]())
    found = read_motifs(file, format if told else None)
    for name, counts in COUNTS.items():
        motif = chosen(found, name, file)
        assert name in labels(motif)
        assert {base: list(motif.counts[base]) for base in "ACGT"} == counts


def test_jaspar_without_letters(tmp_path):
    file = tmp_path / "m.pfm"
    file.write_text(">M1 X\n1 2\n3 4\n\n5 6\n7 8\n")
    (motif,) = read_motifs(file)
    assert list(motif.counts["G"]) == [5, 6]


def test_a_name_chooses(tmp_path):
    file = tmp_path / "m.jaspar"
    file.write_text(jaspar())
    assert chosen(read_motifs(file), "M1.1", file).name == "EBOX"
    with pytest.raises(InputError, match="motif must name one of .*: EBOX, M0.1, M1.1, TBP; got"):
        chosen(read_motifs(file), None, file)
    with pytest.raises(InputError, match="got 'TBQ'. Did you mean 'TBP'"):
        chosen(read_motifs(file), "TBQ", file)


def test_a_name_that_several_have_is_refused(tmp_path):
    file = tmp_path / "m.jaspar"
    file.write_text(jaspar(["TBP"]) + jaspar(["TBP"]).replace(">M0.1", ">M0.2"))
    assert chosen(read_motifs(file), "M0.2", file).name == "TBP"
    with pytest.raises(InputError, match="motif must name one of .*'TBP', which several are call"):
        chosen(read_motifs(file), "TBP", file)


def test_a_header_of_a_database_is_no_motif(tmp_path):
    file = tmp_path / "m.transfac"
    file.write_text("VV  one\nXX\n//\n" + transfac(["TBP"]))
    assert len(read_motifs(file)) == 1


NO_ROW = jaspar(["TBP"]).replace("G [", "T [")
BAD = [
    ("", "must hold a motif, got an empty file"),
    ("hello\n", "line 1 must begin with '>' .JASPAR., 'MEME version' .* got 'hello'"),
    (jaspar().replace("18 0 20", "x 0 20"), "no jaspar file: line 2: counts must be numbers"),
    (jaspar().replace("18 0 20", "-1 0 20"), "line 2: counts must be .* at least 0"),
    (jaspar().replace("[ 1 0 1", "[ 0 1"), "line 3: a row must have 6 numbers"),
    (jaspar()[: jaspar().index("T [")], "line 1: a motif must have four rows, this one has no T"),
    (NO_ROW, "line 4: the row of G must stand here"),
    (jaspar()[:60], "line 4: the row of G must stand here, got"),
    (">M1\nA [0]\nC [0]\nG [0]\nT [0]\n", "line 1: a position must have been seen"),
    (meme().replace("ALPHABET= ACGT", "ALPHABET= ACDE"), "line 3: the alphabet must be ACGT"),
    (meme().replace("MEME version", "MEME"), "line 1: the first line must be 'MEME version'"),
    (meme().replace("Background", "Back"), "ends without a line 'Background letter freq"),
    (meme().replace("w= 6", "w= 9"), "line 17: counts must be numbers, got 'MOTIF EBOX'"),
    (meme().replace("0.05 0.05 0.0 0.9", "0.05 0.5 0.0 0.9"), "line 10: probabilities must sum"),
    (meme().replace("nsites= 20", "nsites= 0"), "line 9: nsites= must be a whole number above 0"),
    (meme(["TBP"]) + "MOTIF two\n", "line 17: a motif must have a letter-probability matrix"),
    (transfac().replace("A      C", "C      A"), "line 3: the bases of a matrix must be A C G T"),
    (transfac().replace("\n02  ", "\n03  ", 1), "line 5: rows of a matrix must be numbered from"),
    (transfac().replace("1  1  0  18", "1  1  18"), "line 4: counts must be numbers, got '01"),
    (transfac().replace("18  N", "18  5  N", 1), "must have four counts and at most one letter"),
    (transfac().replace("18  N", "18  5", 1), "must have four counts and at most one letter"),
    (transfac().replace("XX\nP0", "comment\nP0", 1), "line 2: a line must begin with a key of two"),
    (transfac()[:-3], "line 18: a record must end with //, got 'XX'"),
    ("ID  x\nXX\n//\n", "line 3: a record must have a matrix below P0"),
    (transfac(["TBP"]) + "ID  y\n//\n", "line 13: a record must have a matrix below P0, got '//'"),
    (transfac(["TBP"]) + "//\n", "line 12: a record must have a matrix below P0, got '//'"),
    (meme().replace("w= 6", "w= 5"), "line 9: the matrix must have 5 rows"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_a_bad_file_is_refused_with_line_and_reason(text, message, tmp_path):
    file = tmp_path / "bad.txt"
    file.write_text(text)
    with pytest.raises(DataError, match=message):
        read_motifs(file)


@pytest.mark.parametrize("format", WRITERS)
@pytest.mark.parametrize("other", WRITERS)
def test_another_format_than_told_is_refused(format, other, tmp_path):
    file = tmp_path / "motifs.txt"
    file.write_text(WRITERS[other]())
    if other != format:
        with pytest.raises(DataError, match=f"is no {format} file: line \\d+: "):
            read_motifs(file, format)


def test_a_missing_file_and_an_unknown_format(tmp_path):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_motifs(tmp_path / "none")
    (tmp_path / "m").write_text(jaspar())
    with pytest.raises(InputError, match="format must be one of jaspar, meme, transfac"):
        read_motifs(tmp_path / "m", "homer")


class TestDatabase:
    """JASPAR by the package pyjaspar."""

    def test_by_id_and_by_name(self):
        pytest.importorskip("pyjaspar")
        ctcf = from_database("MA0139.1", "JASPAR2022")
        assert (ctcf.name, ctcf.length) == ("CTCF", 19)
        with pytest.raises(InputError, match="motif must name one of JASPAR2022, got 'nothing'"):
            from_database("nothing", "JASPAR2022")
        with pytest.raises(InputError, match="release must be one of JASPAR2014"):
            from_database("MA0139.1", "JASPAR1066")

    def test_without_the_package(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "pyjaspar", None)
        with pytest.raises(UnsupportedError, match="pip install 'discdiff.pyjaspar.'"):
            from_database("MA0139.1", "JASPAR2022")
