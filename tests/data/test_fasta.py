"""FASTA: Biopython reads what is written, and what is written reads back."""

from __future__ import annotations

import io
import math

import pytest
from Bio import SeqIO
from hypothesis import given
from hypothesis import strategies as st

from discdiff.data.fasta import fasta_bytes, records
from discdiff.data.readers import Columns, read_chunks
from discdiff.data.tables import Table, text_of, write_table
from discdiff.errors import DataError

CELLS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
SEQUENCES = st.text("ACGTNacgt-*", min_size=1, max_size=300)


@given(st.lists(st.tuples(SEQUENCES, CELLS, CELLS), max_size=5), st.text(min_size=1))
def test_every_cell_reads_back(rows, name):
    columns = ("sequence", f"{name} ", "Score (raw)")
    text = fasta_bytes(Table(columns, rows)).decode()
    found = list(records(io.StringIO(text, newline="")))
    assert [record.sequence for record in found] == [row[0] for row in rows]
    for record, row in zip(found, rows, strict=True):
        cells = {k: text_of(v) for k, v in zip(columns[1:], row[1:], strict=True) if text_of(v)}
        assert record.values == cells
    known = list(SeqIO.parse(io.StringIO(text), "fasta"))
    assert [str(one.seq) for one in known] == [row[0] for row in rows]
    assert [one.id for one in known] == [str(i + 1) for i in range(len(rows))]


def test_headers_as_they_look():
    table = Table(
        ("sequence", "Score", "gc (raw)", "reason", "id"),
        [("ACGT" * 20, 0.5, math.nan, "", "run/1 a"), ("GG", None, 0.25, "50% = half", None)],
    )
    assert fasta_bytes(table).decode().splitlines() == [
        ">run/1%20a Score=0.5",
        "ACGT" * 17 + "AC",
        "GTACGTACGT",
        ">2 gc%20(raw)=0.25 reason=50%25%20%3D%20half",
        "GG",
    ]


@pytest.mark.parametrize("sequence", ["", "AC GT", "A>C", "é"])
def test_what_would_not_read_back_is_refused(sequence):
    with pytest.raises(DataError, match="row 1: FASTA cannot hold the sequence"):
        fasta_bytes(Table(("sequence",), [(sequence,)]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ACGT\n", "line 1: a record must start with '>', got 'ACGT'"),
        (">a\nAC\n>\nGG\n", "line 3: a record must have a name after '>'"),
        ("\n>a\n\n>b\nGG\n", "line 2: record 'a' must have a sequence, got none"),
        (">a\nAC\nAC GT\n", "line 3: a sequence must hold no blank, got 'AC GT'"),
        (">a x=1 x=2\nAC\n", "line 1: a header must give 'x' once, got it twice"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(text, message, tmp_path):
    file = tmp_path / "bad.fa"
    file.write_text(text)
    with pytest.raises(DataError, match=message):
        list(read_chunks(file, Columns()))


def test_rows_splits_and_labels(tmp_path):
    rows = [("ACGT", "train", 1, None), ("GG", "valid", 0, 0.5)]
    file = write_table(Table(("sequence", "fold", "class", "Score"), rows), tmp_path / "x.fasta")
    (chunk,) = read_chunks(file, Columns(split="fold", label="class"))
    assert [row[:4] for row in chunk] == [(1, "ACGT", "train", "1"), (2, "GG", "valid", "0")]
    with pytest.raises(DataError, match="line 1: the header must say Score="):
        list(read_chunks(file, Columns(split="Score")))
    with pytest.raises(DataError, match="strings below headers, not in a column 'sequence'"):
        list(read_chunks(file, Columns("sequence")))
