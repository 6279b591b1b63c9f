"""HELM: what is read, what is written, what is refused and where."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem import rdMolDescriptors
from rdkit.Chem.Descriptors import ExactMolWt

from discdiff.chem.peptide.analyse import analyse, read
from discdiff.chem.peptide.build import build, smiles
from discdiff.chem.peptide.helm import MAX_LENGTH, End, Link, is_helm, read_helm, write_helm
from discdiff.chem.peptide.order import canonical
from discdiff.errors import DataError


@pytest.fixture(scope="module")
def drugs(golden_folder):
    return json.loads((golden_folder / "peptides.json").read_text())


def test_known_peptides_have_their_formula_and_come_back(drugs):
    for name, drug in drugs.items():
        peptide = read_helm(drug["helm"])
        mol = build(peptide)
        assert rdMolDescriptors.CalcMolFormula(mol) == drug["formula"], name
        if "mass" in drug:
            assert ExactMolWt(mol) == pytest.approx(drug["mass"], abs=1e-3), name
        assert write_helm(analyse(mol)) == drug["helm"], name


def test_known_peptides_are_read_from_the_smiles_of_a_database(drugs):
    checked = 0
    for name, drug in drugs.items():
        if "smiles" not in drug:
            continue
        checked += 1
        assert write_helm(analyse(Chem.MolFromSmiles(drug["smiles"]))) == drug["helm"], name
        if name != "leuprolide":  # drawn there as another tautomer of histidine and arginine
            assert smiles(read_helm(drug["helm"])) == Chem.CanonSmiles(drug["smiles"]), name
    assert checked == 4


ODD_ONES = st.sampled_from(["[dL]", "[dI]", "[dT]", "[dP]", "[dC]", "[Orn]", "[Nle]", "[dW]"])
LETTERS = st.sampled_from("ARNDCQEGHILKMFPSTWYV")


@given(st.lists(LETTERS | ODD_ONES, min_size=3, max_size=9), st.booleans())
@settings(max_examples=80)
def test_rdkit_builds_the_same_molecule_from_the_same_helm(symbols, closed):
    ring = f"PEPTIDE1,PEPTIDE1,{len(symbols)}:R2-1:R1" if closed else ""
    text = f"PEPTIDE1{{{'.'.join(symbols)}}}${ring}$$$"
    assert smiles(read_helm(text)) == Chem.MolToSmiles(Chem.MolFromHELM(text))


@given(st.lists(LETTERS, min_size=2, max_size=12))
@settings(max_examples=60)
def test_a_sequence_is_found_in_the_molecule_that_rdkit_makes_of_it(letters):
    mol = Chem.MolFromSequence("".join(letters))
    assert analyse(mol).chains == (tuple(letters),)


def test_blanks_divide_connections_too_and_versions_may_be_missing():
    old = "PEPTIDE3{[dL].P.Y}$PEPTIDE3 PEPTIDE3 1:R1-3:R2$$$"
    assert read_helm(old).links == (Link(End(0, 0, 1), End(0, 2, 2)),)


def test_several_chains_are_read_and_the_longest_is_written_first():
    text = "PEPTIDE7{G}|PEPTIDE2{A.C.A}|PEPTIDE1{G.C}$PEPTIDE2,PEPTIDE1,2:R3-2:R3|" + (
        "PEPTIDE7,PEPTIDE2,1:R2-1:R1$$$"
    )
    peptide = read_helm(text)
    assert peptide.chains == (("G",), ("A", "C", "A"), ("G", "C"))
    assert write_helm(canonical(peptide)) == (
        "PEPTIDE1{G.A.C.A}|PEPTIDE2{G.C}$PEPTIDE1,PEPTIDE2,3:R3-2:R3$$$V2.0"
    )
    assert smiles(peptide) == smiles(canonical(peptide))


def test_a_residue_that_the_library_has_not_is_spelt_out():
    odd = "[*:1]N[C@@H](CC=C=C)C(=O)[*:2]"
    peptide = read_helm(f"PEPTIDE1{{A.[{odd}].G}}$$$$")
    assert peptide.chains == (("A", odd, "G"),)
    text = write_helm(analyse(build(peptide)))
    assert smiles(read_helm(text)) == smiles(peptide)
    assert read_helm(text).unknown == ["C=C=CC[C@H](N[*:1])C(=O)[*:2]"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A.G", "ended by four '\\$'"),
        ("PEPTIDE1{A.G}$$", "ended by four '\\$', as in .*got 2"),
        ("PEPTIDE1{A.[dLe]}$$$$", r"PEPTIDE1, residue 2 \(character 12\): monomer 'dLe' .*'dL'"),
        ("PEPTIDE1{A.dL}$$$$", r"residue 2 .*stands in \[brackets\], got 'dL'"),
        ("PEPTIDE1{A..L}$$$$", "residue 2 .*got nothing"),
        ("PEPTIDE1{}$$$$", "residue 1 .*got nothing"),
        ("PEPTIDE1{A.Z}$$$$", "residue 2 .*monomer 'Z' is not in the library"),
        ("PEPTIDE1{A.(G,L)}$$$$", "residue 2"),
        ("PEPTIDE1{A.[dL}$$$$", r"character 12 of .*: '\[' is not closed by '\]'"),
        ("PEPTIDE1{A.G]}$$$$", "character 13 of .*: ']' too many"),
        ("PEPTIDE1{A.L$$$$", "character 9 of .*: '{' is not closed by '}'"),
        ("PEPTIDE1{A.L}}$$$$", "character 14 of .*: '}' too many"),
        ("PEPTIDE1{A.[meBmt]}$$$$", "monomer 'meBmt' .* Did you mean 'Me_Bmt'"),
        ("RNA1{R(A)P}$$$$", "RNA1 is no peptide"),
        ("CHEM1{[SMCC]}|PEPTIDE1{A.G}$$$$", "CHEM1 is no peptide"),
        ("PEPTIDE1{A.G}|PEPTIDE1{A.G}$$$$", "PEPTIDE1 occurs twice"),
        ("PEPTIDE1 A.G$$$$", "a chain must read"),
        ("PEPTIDE1{A.G}$$G1(PEPTIDE1)$$", "groups and annotations"),
        (
            "PEPTIDE1{A.G}$$$$V3.0",
            "fourth '\\$' of HELM must be followed by V2.0 or nothing, got 'V3",
        ),
        ("PEPTIDE1{A.G}$$$$V2.0$x", "or nothing, got 'V2.0\\$x'"),
        ("PEPTIDE1{A.G}$PEPTIDE1,PEPTIDE2,1:R1-2:R2$$$", "names PEPTIDE2; the chains are PEPTIDE1"),
        ("PEPTIDE1{A.G}$PEPTIDE1,PEPTIDE1,1:R1-3:R2$$$", "PEPTIDE1 has the residues 1 to 2"),
        ("PEPTIDE1{A.G}$PEPTIDE1,PEPTIDE1,1:pair-2:pair$$$", "must read PEPTIDE1,PEPTIDE1"),
        ("PEPTIDE1{A.G}$PEPTIDE1,PEPTIDE1$$$", r"connection .* \(character 15\) must read"),
        ("PEPTIDE1{" + "A." * MAX_LENGTH + "}$$$$", "at most 20000 characters"),
    ],
)
def test_what_is_no_helm_is_refused_where_it_is_wrong(text, message):
    with pytest.raises(DataError, match=message):
        read_helm(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("PEPTIDE1{A.[am].G}$$$$", r"residue 2 \(am\) must have R2 for its bond, got only R1"),
        ("PEPTIDE1{A.[ac]}$$$$", r"residue 2 \(ac\) must have R1"),
        ("PEPTIDE1{A.G.A}$PEPTIDE1,PEPTIDE1,1:R3-3:R2$$$", r"residue 1 \(A\) must have R3"),
        ("PEPTIDE1{A.G.A}$PEPTIDE1,PEPTIDE1,2:R1-3:R2$$$", r"residue 2 \(G\) has two bonds on R1"),
    ],
)
def test_a_bond_that_cannot_be_made_is_refused_with_its_residue(text, message):
    with pytest.raises(DataError, match=message):
        build(read_helm(text))


@given(st.text(alphabet="PEPTIDE1{}[]().$|,:-RAGdL*'\" é\n", max_size=60))
@settings(max_examples=400)
def test_any_text_is_read_or_refused_in_words(text):
    with contextlib.suppress(DataError):
        assert read_helm(text).chains


def test_helm_is_told_from_smiles_and_sequences():
    assert all(map(is_helm, ["PEPTIDE1{A}$$$$", "RNA1{R(A)}$$$$", " PEPTIDE12{"]))
    assert not any(map(is_helm, ["", "CCO", "PEPTIDE", "C1CC1", "ACDEF"]))


def test_a_reading_is_the_peptide_or_the_reason():
    assert read("NCC(=O)NCC(=O)O").chains == (("G", "G"),)
    assert read("CCO") == "0 amino acids"
    assert read("C1CC") == "no molecule"
