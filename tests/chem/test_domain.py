"""What the SMILES and SELFIES domains promise alike."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from discdiff.chem.selfies import Selfies
from discdiff.chem.smiles import Smiles
from discdiff.errors import DataError, InputError

DRUGS = [
    line.split()[0]
    for line in (Path(__file__).parents[1] / "golden" / "molecules.smi").read_text().splitlines()
]
FILES = (
    "zinc250k",
    "qm9",
    "chembl_bioactive",
    "drugs_approved_chembl",
    "guacamol_targets",
    "cyclic_peptide_permeability",
)
ROWS = 300  # of each file: a fault that 1.5 % of its rows have is seen with probability 0.99

both = pytest.mark.parametrize("kind", [Smiles, Selfies], ids=lambda kind: kind.name)


@pytest.fixture(scope="module")
def salted():
    """The salts among the drugs."""
    return [s for s in DRUGS if "." in s]


@both
@pytest.mark.parametrize("name", FILES)
def test_real_molecules_are_prepared_and_come_back(data_folder: Path, kind, name):
    path = data_folder / f"{name}.csv.gz"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    with gzip.open(path, "rt", newline="") as file:
        rows = [row["smiles"] for row in csv.DictReader(file)]
    chosen = np.random.default_rng(0).permutation(len(rows))[:ROWS]
    prepared = []
    for smiles in (rows[i] for i in chosen):
        if "C" not in smiles.upper().replace("CL", ""):
            continue  # an inorganic salt
        form = kind(["[C]"]).prepare(smiles)
        if "." not in smiles:
            assert form == Chem.CanonSmiles(smiles)
        prepared.append(form)
    domain = kind.fit(prepared)
    for form in prepared:
        decoded = domain.decode(domain.encode(form))
        assert Chem.CanonSmiles(decoded) == form
        assert domain.invalid_reason(decoded) is None
        assert domain.canonical(decoded) == form


@both
def test_a_batch_of_tokens_comes_back(kind):
    domain = kind.fit(DRUGS)
    prepared = [domain.prepare(s) for s in DRUGS if s not in ("O=C([O-])[O-].[Li+].[Li+]",)]
    tokens = domain.encode_batch(prepared)
    assert [domain.canonical(s) for s in domain.decode_batch(tokens)] == prepared


@both
def test_the_alphabet_is_sorted_and_the_same_in_any_order_of_rows(kind):
    tokens = kind.fit(DRUGS).alphabet.tokens
    assert list(tokens) == sorted(tokens)
    assert kind.fit(iter(DRUGS[::-1])).alphabet.tokens == tokens


@both
def test_the_alphabet_is_that_of_the_prepared_rows(kind):
    assert (
        kind.fit(["C1=CC=CC=C1", "garbage"]).alphabet.tokens
        == kind.fit(["c1ccccc1"]).alphabet.tokens
    )


@both
@pytest.mark.parametrize(
    "options", [{}, {"stereo": "drop", "salts": "keep", "max_atoms": 80}, {"salts": "refuse"}]
)
def test_settings_are_json_and_rebuild_the_domain(kind, options):
    domain = kind.fit(DRUGS, **options)
    stored = json.loads(json.dumps(domain.settings()))
    again = kind(**stored)
    assert again.settings() == domain.settings() == stored
    assert again.encode("CCO") == domain.encode("CCO")
    assert {key: stored[key] for key in options} == options


@both
def test_salts_are_stripped_by_default_and_not_valid(kind, salted):
    domain = kind.fit(DRUGS)
    assert "." not in domain.alphabet
    assert domain.prepare("CN(C)C(=N)NC(=N)N.Cl") == "CN(C)C(=N)NC(=N)N"
    for smiles in salted:
        assert domain.prepare(smiles) in smiles.split(".")
        assert domain.invalid_reason(smiles) == "more than 1 fragment"


@both
def test_salts_can_be_kept(kind, salted):
    domain = kind.fit(DRUGS, salts="keep")
    assert "." in domain.alphabet
    for smiles in salted:
        assert domain.prepare(smiles) == smiles
        assert domain.invalid_reason(smiles) is None
        assert domain.canonical(domain.decode(domain.encode(smiles))) == smiles


@both
def test_salts_can_be_refused(kind, salted):
    domain = kind.fit(DRUGS, salts="refuse")
    for smiles in salted:
        with pytest.raises(DataError, match=r"cannot use .*: more than 1 fragment"):
            domain.prepare(smiles)
        assert domain.invalid_reason(smiles) == "more than 1 fragment"


@both
def test_stereo_is_kept_by_default(kind):
    assert kind.fit(DRUGS).prepare("F/C=C/[C@H](N)O") == Chem.CanonSmiles("F/C=C/[C@H](N)O")


@both
def test_stereo_can_be_dropped(kind):
    domain = kind.fit(DRUGS, stereo="drop")
    assert not any(set(token) & set("@/\\") for token in domain.alphabet.tokens)
    assert domain.prepare("F/C=C/[C@H](N)O") == "NC(O)C=CF"


@both
@pytest.mark.parametrize("stereo", ["keep", "drop"])
def test_preparing_twice_changes_nothing_more(kind, stereo):
    domain = kind.fit(DRUGS, stereo=stereo)
    for smiles in DRUGS:
        once = domain.prepare(smiles)
        assert domain.prepare(once) == once


@both
@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("", "empty"),
        ("CC extra", "whitespace"),
        ("C1CC", "syntax error"),
        ("C(C)(C)(C)(C)C", "impossible valence"),
        ("CCCCC", "more than 4 atoms"),
        ("[Na+].[Cl-]", "no organic fragment"),
        ("C*", "dummy atom"),
    ],
)
def test_rows_that_cannot_be_used_say_why(kind, smiles, reason):
    with pytest.raises(DataError, match=f"cannot use .*: {reason}"):
        kind.fit(["CCO"], max_atoms=4).prepare(smiles)


@both
def test_the_largest_molecule_counts_after_stripping(kind):
    assert kind.fit(["CCO"], max_atoms=4).prepare("CCO.[Na+].[Cl-]") == "CCO"


@both
def test_augmented_spellings_are_reproducible_in_the_alphabet_and_the_same_molecule(kind):
    domain = kind.fit(DRUGS)
    prepared = [domain.prepare(s) for s in DRUGS]
    runs = []
    for _ in range(2):
        generator = np.random.default_rng(7)
        runs.append([domain.augment(s, generator) for s in prepared for _ in range(3)])
    assert runs[0] == runs[1]
    for smiles, spelling in zip(np.repeat(prepared, 3), runs[0], strict=True):
        assert Chem.CanonSmiles(domain.decode(domain.encode(spelling))) == smiles
    assert len(set(runs[0])) > 2 * len(prepared)


@both
def test_a_spelling_outside_the_alphabet_gives_way_to_the_canonical_one(kind):
    domain = kind.fit(["CCO"])  # has no double bond
    for seed in range(20):
        spelling = domain.augment("O(C)C(C)=O", np.random.default_rng(seed))
        assert spelling == Chem.CanonSmiles("O(C)C(C)=O")


@both
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stereo": "none"}, "stereo must be one of keep, drop, got 'none'"),
        ({"salts": "stripped"}, "salts must be one of .* Did you mean 'strip'"),
        ({"max_atoms": -1}, "max_atoms must be a positive integer, got -1"),
        ({"max_atom": 5}, "option must be one of .* got 'max_atom'. Did you mean 'max_atoms'"),
    ],
)
def test_options_are_checked(kind, options, message):
    with pytest.raises(InputError, match=message):
        kind.fit(["CCO"], **options)


@both
@pytest.mark.parametrize("rows", [[], ["C1CC", ""]])
def test_an_alphabet_needs_a_usable_row(kind, rows):
    with pytest.raises(DataError, match=r"strings must hold a row that the .* domain can use"):
        kind.fit(rows)


@both
def test_a_token_outside_the_alphabet_is_named(kind):
    with pytest.raises(
        DataError, match=r"token '.*Br.*' at position 2 of 'CCBr' is not in the alph"
    ):
        kind.fit(["CCO"]).encode("CCBr")


@both
def test_alerts_are_counted(kind):
    domain = kind.fit(["CCO"])
    assert domain.alerts("CCO") == 0
    assert domain.alerts("O=Cc1ccc(cc1)N=Nc1ccccc1") == 5  # as the oracle counts them


def test_classes_are_what_molecules_are_held_together_by():
    smiles = Smiles(["(", ")", "/", "1", "=", "%12", ".", "C", "[nH]"])
    assert smiles.token_classes() == {
        "branch": ("(", ")"),
        "bond": ("/", "="),
        "ring": ("1", "%12"),
    }
    assert Smiles.fit(["CCO"]).token_classes() == {}
    symbols = ["[C]", "[=Branch1]", "[Ring2]", "[#Branch3]", "[-/Ring1]", "[=Ring1]", "[=C]"]
    assert Selfies(symbols).token_classes() == {
        "branch": ("[=Branch1]", "[#Branch3]"),
        "ring": ("[Ring2]", "[-/Ring1]", "[=Ring1]"),
    }
