"""The library: what its monomers are made of, how they are turned, and what RDKit says of them."""

from __future__ import annotations

import re

import pytest
from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from discdiff.chem.peptide.build import closed
from discdiff.chem.peptide.monomers import (
    ALIASES,
    END,
    RESIDUE,
    START,
    library,
    mirrored,
    molecule,
    monomer,
)
from discdiff.errors import DataError

FORMULAS = {  # of the free amino acids
    **{"G": "C2H5NO2", "A": "C3H7NO2", "V": "C5H11NO2", "L": "C6H13NO2", "I": "C6H13NO2"},
    **{"P": "C5H9NO2", "F": "C9H11NO2", "W": "C11H12N2O2", "M": "C5H11NO2S", "C": "C3H7NO2S"},
    **{"S": "C3H7NO3", "T": "C4H9NO3", "Y": "C9H11NO3", "N": "C4H8N2O3", "Q": "C5H10N2O3"},
    **{"D": "C4H7NO4", "E": "C5H9NO4", "K": "C6H14N2O2", "R": "C6H14N4O2", "H": "C6H9N3O2"},
    **{"Aib": "C4H9NO2", "Abu": "C4H9NO2", "Nva": "C5H11NO2", "Nle": "C6H13NO2"},
    **{"Orn": "C5H12N2O2", "Dab": "C4H10N2O2", "Dap": "C3H8N2O2", "Cit": "C6H13N3O3"},
    **{"Hph": "C10H13NO2", "Cha": "C9H17NO2", "Chg": "C8H15NO2", "Phg": "C8H9NO2"},
    **{"Bal": "C3H7NO2", "GABA": "C4H9NO2", "Sar": "C3H7NO2", "Pip": "C6H11NO2"},
    **{"Tic": "C10H11NO2", "Hyp": "C5H9NO3", "1-Nal": "C13H13NO2", "Nal": "C13H13NO2"},
    **{"Bip": "C15H15NO2", "Phe(4-F)": "C9H10FNO2", "Phe(4-Cl)": "C9H10ClNO2"},
    **{"Phe(4-Br)": "C9H10BrNO2", "Phe(4-I)": "C9H10INO2", "Sta": "C8H17NO3", "Aze": "C4H7NO2"},
    **{"Thi": "C7H9NO2S", "Pen": "C5H11NO2S", "Sec": "C3H7NO2Se", "Oic": "C9H15NO2"},
    **{"Bmt": "C9H17NO3", "Lac": "C3H6O3", "Bn_Gly": "C9H11NO2", "meL": "C7H15NO2"},
}
CENTRES = {  # in the order of the SMILES, by the rules of Cahn, Ingold and Prelog
    **{"I": "SS", "aIle": "SR", "T": "SR", "aThr": "SS", "C": "R", "Hyp": "SR", "cHyp": "SS"},
    **{"dI": "RR", "dT": "RS", "dC": "S", "Pen": "R", "Sta": "SS", "Bmt": "SRR", "dHyp": "RS"},
    **{"Oic": "SSS", "pGlu": "S", "Lac": "S", "Flp": "SR", "meC": "R", "aMeL": "S"},
}


def centres(smiles: str) -> str:
    found = Chem.FindMolChiralCenters(
        molecule(smiles), includeUnassigned=True, useLegacyImplementation=False
    )
    return "".join(label for _, label in found)


@pytest.mark.parametrize(("symbol", "formula"), FORMULAS.items())
def test_the_free_amino_acid_has_its_formula(symbol, formula):
    assert rdMolDescriptors.CalcMolFormula(closed(monomer(symbol).smiles, ())) == formula


@pytest.mark.parametrize(("symbol", "labels"), CENTRES.items())
def test_the_configuration_is_that_of_the_name(symbol, labels):
    assert "".join(sorted(centres(monomer(symbol).smiles))) == "".join(sorted(labels))
    assert centres(monomer(symbol).smiles)[0] == labels[0]


@pytest.mark.parametrize("letter", "ARNDQEHILKMFPSTWYV")
def test_natural_residues_are_s_and_their_d_forms_r(letter):
    assert centres(monomer(letter).smiles)[0] == "S"
    assert centres(monomer(f"d{letter}").smiles)[0] == "R"


def test_no_monomer_leaves_a_configuration_open_and_no_two_are_the_same():
    spellings = {symbol: Chem.MolToSmiles(molecule(m.smiles)) for symbol, m in library().items()}
    assert not [symbol for symbol, m in library().items() if "?" in centres(m.smiles)]
    assert len(set(spellings.values())) == len(spellings) > 700


def test_d_forms_are_mirror_images_and_n_methyl_forms_have_one_carbon_more():
    known = library()
    mirrors = {Chem.MolToSmiles(molecule(mirrored(m.smiles))): m for m in known.values()}
    pairs = [(m, mirrors[Chem.MolToSmiles(molecule(m.smiles))]) for m in known.values() if m.dextro]
    assert len(pairs) > 300
    for dextro, levo in pairs:
        assert not levo.dextro
        assert dextro.symbol in (f"d{levo.symbol}", levo.symbol.replace("me", "Me_d", 1)) or (
            dextro.symbol == levo.symbol.replace("Me_", "Me_d", 1)
        )
    methylated = [s for s, m in known.items() if m.methyl and s != "Sar"]
    assert len(methylated) > 250
    for symbol in methylated:
        plain = known[re.sub("^(Me_|me)", "", symbol)]
        more = [molecule(m.smiles).GetNumAtoms() for m in (known[symbol], plain)]
        assert more[0] == more[1] + 1


def test_residues_go_on_at_both_ends_and_caps_at_one():
    kinds = {RESIDUE: {(1, 2), (1, 2, 3), (2,)}, START: {(2,), (2, 3)}, END: {(1,)}}
    for one in library().values():
        assert one.groups in kinds[one.kind], one


def test_every_alias_has_its_monomer_and_is_no_symbol_itself():
    for alias, symbol in ALIASES.items():
        assert alias not in library()
        assert monomer(alias) is library()[symbol]


@pytest.mark.parametrize(
    ("symbol", "message"),
    [
        ("Nlle", "monomer 'Nlle' is not in the library. Did you mean 'Nle'?"),
        ("[*:1]NCC(=O)[*:1]", r"must have R-groups \[\*:1\]"),
        ("*NCC(=O)[*:2]", r"must have R-groups \[\*:1\]"),
        ("[*:1]N(C(=O)[*:2]", "RDKit cannot read it"),
        ("[*:1]NC.CC(=O)[*:2]", "must be one piece"),
    ],
)
def test_what_is_no_monomer_is_refused(symbol, message):
    with pytest.raises(DataError, match=message):
        monomer(symbol)


def test_an_inline_monomer_says_what_it_is():
    dextro = monomer("[*:1]N(C)[C@H](CC=C=C)C(=O)[*:2]")
    assert (dextro.kind, dextro.dextro, dextro.methyl) == (RESIDUE, True, True)
    levo = monomer("[*:1]N[C@@H](CC=C=C)C(=O)[*:2]")
    assert (levo.kind, levo.dextro, levo.methyl) == (RESIDUE, False, False)
    assert monomer("CCCCCC(=O)[*:2]").kind == START
    assert monomer("CCCCCN[*:1]").kind == END
