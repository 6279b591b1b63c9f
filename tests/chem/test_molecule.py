from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from discdiff.chem import grammar, molecule
from discdiff.errors import DataError, InputError

DRUGS = [
    line.split()[0]
    for line in (Path(__file__).parents[1] / "golden" / "molecules.smi").read_text().splitlines()
]
PIECES = [
    *("C", "N", "O", "c", "n", "[nH]", "[C@@H]", "[O-]", "[NH3+]", "Cl", "(", ")", "1", "2", "="),
    *("#", "/", "\\", "[Fe]", "[13C]", "-", ".", "%10", "[U]", "S", "P", "[CH2]", "->", "[Pt@SP1]"),
]


@pytest.fixture
def parses(monkeypatch):
    """Start from empty caches; the strings that RDKit parses from then on."""
    molecule._read.cache_clear()
    molecule._parse.cache_clear()
    seen: list[str] = []
    real = molecule._from_smiles

    def counting(smiles, sanitize=True):
        seen.append(smiles)
        return real(smiles, sanitize)

    monkeypatch.setattr(molecule, "_from_smiles", counting)
    return seen


HOSTILE = [
    ("", "empty"),
    (" ", "whitespace"),
    ("CC extra", "whitespace"),
    ("CC\n", "whitespace"),
    ("C\tC", "whitespace"),
    ("CC |$a;b$|", "whitespace"),
    ("Cé", "not ASCII"),
    ("С", "not ASCII"),  # a Cyrillic letter
    ("C\u2028C", "not ASCII"),
    ("C\0C", "not SMILES"),
    ("[C+999999]", "not SMILES"),
    ("[99999C]", "not SMILES"),
    ("[CH99]", "not SMILES"),
    ("[#6]", "not SMILES"),
    ("C~C", "not SMILES"),
    ("[C;H]", "not SMILES"),
    ("C>>C", "not SMILES"),
    ("=cmd|' /C calc'!A0", "whitespace"),
    ("<script>", "not SMILES"),
    ("C" * 100_000, "more than 2000 characters"),
    ("C" * 10_000, "more than 2000 characters"),
    ("C" * 2_000, "more than 250 atoms"),
    ("C(" * 500_000 + "C" + ")" * 500_000, "more than 2000 characters"),
    ("C(" * 50_000, "more than 2000 characters"),
    ("C(" * 400 + "C" + ")" * 400, "branches nested deeper than 100"),
    ("(" * 1_000, "branches nested deeper than 100"),
    (".".join("C" * 20_000), "more than 2000 characters"),
    (".".join("C" * 900), "more than 20 fragments"),
    ("[" * 1_000, "not SMILES"),
    ("C1" * 900, "syntax error"),
    ("C%10" * 400, "syntax error"),
    ("C1CC", "syntax error"),
    ("C(C", "syntax error"),
    ("C)C", "syntax error"),
    ("C()C", "syntax error"),
    ("C==C", "syntax error"),
    ("C11", "syntax error"),
    ("C..C", "syntax error"),
    ("1CC1", "syntax error"),
    ("C(C)(C)(C)(C)C", "impossible valence"),
    ("F=F", "impossible valence"),
    ("cc", "cannot be kekulized"),
    ("c1cccc1", "cannot be kekulized"),
    ("c1ccnc1", "cannot be kekulized"),
    ("CC.CC", "more than 1 fragment"),
    ("[Na+].[Cl-]", "more than 1 fragment"),
    ("*", "dummy atom"),
    ("C[*]", "dummy atom"),
    ("[C+5]", "charge beyond ±4"),
    ("[C+99]", "charge beyond ±4"),
    ("[O-14]", "charge beyond ±4"),
    ("[CH3:1]C", "atom-map number"),
    ("[U][Fe@OH5]I", "unstable canonical form"),
    ("C[CH]C", "unpaired electron"),
    ("C1=C[N+]=CC=C1", "unpaired electron"),
]


@pytest.mark.parametrize(("smiles", "reason"), HOSTILE, ids=[repr(s[:16]) for s, _ in HOSTILE])
def test_hostile_strings_are_refused_with_the_right_reason(smiles, reason):
    assert molecule.invalid_reason(smiles) == reason


@pytest.mark.parametrize("smiles", [s for s, _ in HOSTILE if grammar.hazard(s)])
def test_hazardous_strings_never_reach_rdkit(parses, smiles):
    assert molecule.parse(smiles) is None
    assert not molecule.rdkit_parses(smiles)
    assert molecule.invalid_reason(smiles) is not None
    assert parses == []


@pytest.mark.parametrize(
    "smiles",
    [
        "C",
        "[H][H]",
        "[13CH4]",
        "[Si+4]",
        "C%(123)CCC%(123)",
        "C1.C1",
        "F[P-](F)(F)(F)(F)F",
        "C$[U]",
        "N[Pt](N)(Cl)Cl",
        "C12C3C4C1C5C2C3C45",  # cubane
    ],
)
def test_unusual_molecules_are_valid(smiles):
    assert molecule.invalid_reason(smiles) is None


@pytest.mark.parametrize("smiles", DRUGS)
def test_canonical_form_is_that_of_rdkit(smiles):
    mol = Chem.MolFromSmiles(smiles)
    spellings = Chem.MolToRandomSmilesVect(mol, 5, randomSeed=1)
    assert {molecule.canonical(s) for s in spellings} == {Chem.MolToSmiles(mol)}
    assert Chem.MolToSmiles(molecule.parse(smiles)) == Chem.MolToSmiles(mol)


def test_reason_describes_the_limits_that_were_asked_for():
    assert molecule.invalid_reason("CCO", max_atoms=2) == "more than 2 atoms"
    assert molecule.invalid_reason("[H]C([H])C", max_atoms=2) is None
    assert molecule.invalid_reason("CCO", max_length=2) == "more than 2 characters"
    assert molecule.invalid_reason("C.C", max_fragments=2) is None
    assert molecule.invalid_reason("C.C.C", max_fragments=2) == "more than 2 fragments"


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ({"max_atoms": 0}, "max_atoms must be a positive integer, got 0"),
        ({"max_length": 5000}, r"max_length must lie in \[1, 2000\], got 5000"),
        ({"max_fragments": 0}, r"max_fragments must lie in \[1, 20\], got 0"),
    ],
)
def test_limits_out_of_range_are_refused(limit, message):
    with pytest.raises(InputError, match=message):
        molecule.invalid_reason("CCO", **limit)


def test_canonical_of_no_molecule_names_the_reason():
    with pytest.raises(DataError, match="'C1CC' is not a molecule: syntax error"):
        molecule.canonical("C1CC")


@pytest.mark.parametrize("function", ["parse", "canonical", "invalid_reason", "rdkit_parses"])
def test_what_is_not_a_string_is_refused(function):
    with pytest.raises(InputError, match="smiles must be a string, got None"):
        getattr(molecule, function)(None)


def test_rdkit_rate_is_its_own_answer():
    quirks = ["", "CC extra", "Cé", "[C+999999]", "CC.CC", "*"]
    assert [molecule.rdkit_parses(s) for s in quirks] == [
        Chem.MolFromSmiles(s) is not None for s in quirks
    ]
    assert all(molecule.invalid_reason(s) for s in quirks)


def test_a_string_is_parsed_once_and_its_canonical_form_once(parses):
    raw = "OC(=O)c1ccccc1OC(C)=O"
    assert molecule.invalid_reason(raw) is None
    form = molecule.canonical(raw)
    assert parses == [raw, form]
    mol = molecule.parse(form)
    assert molecule.invalid_reason(form) is None
    assert molecule.canonical(form) == form
    assert molecule.parse(form) is mol
    assert parses == [raw, form]


def test_a_canonical_string_is_parsed_once(parses):
    assert molecule.invalid_reason("CCO") is None
    molecule.parse(molecule.canonical("CCO"))
    assert parses == ["CCO"]


def test_rdkit_is_silent_in_our_calls_and_nowhere_else(capfd):
    molecule._read.cache_clear()
    molecule._parse.cache_clear()
    for smiles in ("C1CC", "C(C)(C)(C)(C)C", "c1cccc1"):
        assert molecule.parse(smiles) is None
        assert molecule.invalid_reason(smiles)
        assert not molecule.rdkit_parses(smiles)
    assert capfd.readouterr().err == ""
    assert Chem.MolFromSmiles("C1CC") is None
    assert "unclosed ring" in capfd.readouterr().err


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=25), st.lists(st.sampled_from(PIECES), max_size=25).map("".join)))
def test_any_string_is_classified_and_the_valid_ones_keep_their_promises(text):
    reason = molecule.invalid_reason(text)
    if reason is not None:
        assert 0 < len(reason) < 60
        return
    form = molecule.canonical(text)
    assert molecule.rdkit_parses(text)
    assert molecule.invalid_reason(form) is None
    assert molecule.canonical(form) == form
    assert "".join(grammar.split(form)) == form
    assert molecule.parse(form).GetNumAtoms() == Chem.MolFromSmiles(text).GetNumAtoms() > 0
    assert "." not in form
