"""Results of a laboratory: what a table of them says, and every row that says nothing."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from discdiff.data.results import read_results
from discdiff.errors import DataError, InputError


def write(folder: Path, text: str, name: str = "x.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_columns_in_any_order_and_what_a_spreadsheet_adds(tmp_path: Path):
    text = "\ufeffnote,b,SMILES,a\r\nx,1e-3,CCO, 2 \r\n,,,\r\ny,FAILED,CCN,-1\r\n"
    found = read_results(write(tmp_path, text), ["a", "b"], default="SMILES")
    assert found.strings == ["CCO", "CCN"]
    assert found.rows == [1, 3]
    assert found.values[0].tolist() == [2.0, 1e-3]
    assert found.values[1, 0] == -1
    assert math.isnan(found.values[1, 1])


def test_the_column_of_strings(tmp_path: Path):
    path = write(tmp_path, "id\tsmi\ta\nCC\tCCO\t1\n", "x.tsv")
    assert read_results(path, ["a"], default="SMILES").strings == ["CC"]
    assert read_results(path, ["a"], "smi", default="id").strings == ["CCO"]


def test_what_is_missing_is_an_error_or_left_out(tmp_path: Path):
    path = write(tmp_path, "s,a,b\nCCO,1,2\nCCN,,3\nCCC,4,5\nC,6\n")
    with pytest.raises(DataError, match=r"row 2: a is missing \(write 'failed'.*; row 4: b is mis"):
        read_results(path, ["a", "b"])
    found = read_results(path, ["a", "b"], missing="skip")
    assert (found.strings, found.rows) == (["CCO", "CCC"], [1, 3])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must have a header, got an empty file"),
        ("s,b\nC,1\n", "must have a column 'a', got s, b."),
        ("s,A\nC,1\n", "must have a column 'a', got s, A."),
        ("s,a,a\nC,1,2\n", "must have only one column 'a'"),
        ("s,a\n", "must hold at least one result, got none"),
        ("s,a\nC,>10\n", "row 1: a must be a number, got '>10'"),
        ("s,a\nC,1\nN,inf\n", "row 2: a must be a finite number, got 'inf'"),
        ("s,a\n" + "C,x\n" * 9, "row 5: a must be a number, got 'x'; and 4 more"),
    ],
)
def test_a_bad_table(tmp_path: Path, text: str, message: str):
    with pytest.raises(DataError, match=re.escape(message)):
        read_results(write(tmp_path, text), ["a"])


def test_a_file_that_is_none(tmp_path: Path):
    with pytest.raises(DataError, match="absent.csv cannot be read: No such file"):
        read_results(tmp_path / "absent.csv", ["a"])
    with pytest.raises(DataError, match=r"results must be a .csv or .tsv file, got .*x.xlsx"):
        read_results(write(tmp_path, "PK", "x.xlsx"), ["a"])
    (tmp_path / "y.csv").write_bytes(b"s,a\nC,\xff\n")
    with pytest.raises(DataError, match="y.csv cannot be read: .*decode"):
        read_results(tmp_path / "y.csv", ["a"])
    with pytest.raises(InputError, match="missing must be one of error, skip, got 'drop'"):
        read_results(write(tmp_path, "s,a\nC,1\n"), ["a"], missing="drop")
