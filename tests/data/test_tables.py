"""Tables as files: pandas reads back what was written."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pandas
import pytest

from discdiff.data.tables import Table, write_table
from discdiff.errors import InputError

TABLE = Table(
    ("sequence", "Score", "round", "final", "reason", "id"),
    [
        ("GATTACA", 0.1 + 0.2, 0, True, "", 7),
        ("CC", math.nan, 1, False, 'has "quotes", a comma\nand a break', 8),
        ("TT", -1e-300, 1, False, "ends\r\nlike this", 9),
    ],
)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "CSV"])
def test_pandas_reads_back_every_cell(tmp_path: Path, suffix: str):
    path = write_table(TABLE, tmp_path / f"x.{suffix}")
    # the engine in Python reads floats to the last digit
    found = (
        pandas.read_parquet(path) if suffix == "parquet" else pandas.read_csv(path, engine="python")
    )
    assert tuple(found.columns) == TABLE.columns
    found["reason"] = found["reason"].fillna("")
    for name in TABLE.columns:
        for cell, written in zip(found[name], TABLE.column(name), strict=True):
            assert cell == written or (math.isnan(cell) and math.isnan(written))
    assert found["final"].dtype == bool
    assert found["round"].dtype == "int64"


def test_lines_carry_the_number(tmp_path: Path):
    assert write_table(TABLE, tmp_path / "x.smi").read_text() == "GATTACA\t7\nCC\t8\nTT\t9\n"
    plain = Table(("sequence",), [("A",)])
    assert write_table(plain, tmp_path / "y.txt").read_text() == "A\n"


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (
            "x.xlsx",
            "out must end in .bed, .csv, .fa, .fasta, .helm, .parquet, .sdf, .smi, .txt, got",
        ),
        ("x.cvs", "Did you mean 'csv'?"),
        ("no/x.csv", "out must lie in a folder that exists"),
        ("there.csv", "out must be a new file"),
    ],
)
def test_a_wrong_target_is_refused(tmp_path: Path, out: str, message: str):
    (tmp_path / "there.csv").write_text("mine")
    with pytest.raises(InputError, match=re.escape(message)):
        write_table(TABLE, tmp_path / out)
    assert [p.read_text() for p in tmp_path.iterdir()] == ["mine"]


def test_a_ragged_row_is_refused():
    with pytest.raises(InputError, match="a row must have 2 cells, got 1"):
        Table(("a", "b"), [("x",)])
