from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from discdiff.chem import grammar
from discdiff.errors import DataError, InputError

FILES = (
    "zinc250k",
    "qm9",
    "chembl_bioactive",
    "drugs_approved_chembl",
    "guacamol_targets",
    "cyclic_peptide_permeability",
)
TABLE = Chem.GetPeriodicTable()
ELEMENTS = [TABLE.GetElementSymbol(number) for number in range(1, 119)]
CHIRALITIES = [
    "@",
    "@@",
    *(f"@{kind}{i}" for kind in ("TH", "AL") for i in (1, 2)),
    *(f"@SP{i}" for i in (1, 2, 3)),
    *(f"@TB{i}" for i in range(1, 21)),
    *(f"@OH{i}" for i in range(1, 31)),
]

brackets = st.builds(
    "[{}{}{}{}{}{}]".format,
    st.sampled_from(["", "1", "13", "235"]),
    st.sampled_from([*ELEMENTS, *"bcnops", "se", "as", "te", "si", "*"]),
    st.sampled_from(["", *CHIRALITIES]),
    st.sampled_from(["", "H", "H0", "H3"]),
    st.sampled_from(["", "+", "-", "++", "---", "+2", "-3", "+15"]),
    st.sampled_from(["", ":0", ":12", ":9999"]),
)
closures = st.one_of(
    st.integers(0, 9).map(str),
    st.integers(10, 99).map("%{}".format),
    st.integers(0, 99_999).map("%({})".format),
)
others = st.sampled_from(["Cl", "Br", *"BCNOPSFIbcnops*", "->", "<-", *"-=#$:/\\.()"])
token_lists = st.lists(st.one_of(brackets, closures, others), max_size=40)


@given(token_lists)
def test_every_sequence_of_tokens_splits_back_into_itself(tokens):
    assert grammar.split("".join(tokens)) == tokens


@given(st.one_of(st.text(max_size=30), st.text("CNOcn123()[]=#%@+-.Hlr\\/ é\0", max_size=30)))
def test_any_string_is_split_without_loss_or_refused_where_it_stops_being_smiles(text):
    try:
        tokens = grammar.split(text)
    except DataError:
        good = grammar.stray_position(text)
        assert good < len(text)
        assert "".join(grammar.split(text[:good])) == text[:good]
    else:
        assert "".join(tokens) == text


@pytest.mark.parametrize("symbol", ELEMENTS)
def test_every_element_of_the_periodic_table_is_a_bracket_atom(symbol):
    assert grammar.split(f"[{symbol}]") == [f"[{symbol}]"]


@pytest.mark.parametrize("name", FILES)
def test_every_string_of_the_public_data_is_split_without_loss(data_folder: Path, name):
    path = data_folder / f"{name}.csv.gz"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    with gzip.open(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            assert "".join(grammar.split(row["smiles"])) == row["smiles"]


@pytest.mark.parametrize(
    ("smiles", "message"),
    [
        ("CCx", r"unexpected 'x' at position 2 of 'CCx'"),
        ("C[Xx]C", r"unexpected '\[Xx\]' at position 1 of"),
        ("C[CH", r"unexpected '\[' at position 1 of"),
        ("CC extra", r"unexpected ' ' at position 2 of"),
        ("Cé", r"unexpected 'é' at position 1 of"),
        ("C٣", r"unexpected '٣' at position 1 of"),
        ("C%1", r"unexpected '%' at position 1 of"),
        ("[C+999999]", r"unexpected '\[C\+999999\]' at position 0 of"),
        ("[99999C]", r"unexpected '\[99999C\]' at position 0 of"),
        ("C\0C", r"unexpected '\\x00' at position 1 of"),
        ("C" * 5_000 + "?", r"position 5000 of 'C{80}…'$"),
    ],
)
def test_what_is_not_smiles_is_named_with_its_position(smiles, message):
    with pytest.raises(DataError, match=message):
        grammar.split(smiles)


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("C" * grammar.MAX_LENGTH, None),
        ("C" * (grammar.MAX_LENGTH + 1), "more than 2000 characters"),
        ("C(" * 100 + "C" + ")" * 100, None),
        ("C(" * 101 + "C" + ")" * 101, "branches nested deeper than 100"),
        ("C(C)" * 400, None),
        (".".join("C" * 20), None),
        (".".join("C" * 21), "more than 20 fragments"),
        ("", None),
    ],
)
def test_hazards_are_long_deep_and_scattered_strings(smiles, reason):
    assert grammar.hazard(smiles) == reason


@pytest.mark.parametrize("value", [None, 3, b"CC", float("nan")])
def test_what_is_not_a_string_is_refused(value):
    with pytest.raises(InputError, match="smiles must be a string, got"):
        grammar.hazard(value)


@given(st.text(max_size=20))
def test_a_spelling_fault_is_found_exactly_where_split_fails(text):
    fault = grammar.spelling_fault(text)
    if not text:
        assert fault == "empty"
    elif fault is None:
        grammar.split(text)
    else:
        with pytest.raises(DataError, match="unexpected"):
            grammar.split(text)
