"""Residues of molecules: generated ones, drugs, a database, and what is no peptide."""

from __future__ import annotations

import csv
import gzip

import numpy as np
import pytest
from rdkit import Chem

from discdiff.chem.peptide.analyse import analyse
from discdiff.chem.peptide.build import build, smiles
from discdiff.chem.peptide.generate import generated
from discdiff.chem.peptide.helm import Peptide, read_helm, write_helm
from discdiff.chem.peptide.monomers import END, START, library
from discdiff.chem.peptide.order import canonical
from discdiff.chem.peptide.summary import linkage, sequence
from discdiff.errors import DataError

FEW, MANY = 300, 10_000


def comes_back(peptide: Peptide) -> None:
    """HELM → SMILES → residues → HELM → SMILES, all of it the same."""
    spelling = smiles(peptide)
    mol = Chem.MolFromSmiles(spelling)
    found = analyse(mol)
    assert found == canonical(peptide), write_helm(found)
    text = write_helm(found)
    assert canonical(read_helm(text)) == found
    assert Chem.CanonSmiles(smiles(read_helm(text))) == Chem.MolToSmiles(mol)


def test_generated_peptides_come_back():
    for peptide in generated(FEW):
        comes_back(peptide)


@pytest.mark.slow
def test_ten_thousand_generated_peptides_come_back():
    for peptide in generated(MANY, seed=1):
        comes_back(peptide)


def test_every_monomer_of_the_library_is_found_where_it_can_stand():
    for symbol, one in library().items():
        if symbol == "Asp_piperidide":
            continue
        if one.kind == START or 1 not in one.groups:
            chain = (symbol, "A", "F")
        else:
            chain = ("A", "F", symbol) if one.kind == END else ("A", symbol, "F")
        found = analyse(Chem.MolFromSmiles(smiles(Peptide((chain,)))))
        assert found == Peptide((chain,))


def test_the_piperidide_of_aspartate_is_written_as_its_parts():
    whole = read_helm("PEPTIDE1{A.[Asp_piperidide].F}$PEPTIDE1,PEPTIDE1,1:R1-3:R2$$$")
    parts = read_helm("PEPTIDE1{F.A.D.[pip]}$PEPTIDE1,PEPTIDE1,1:R1-3:R3$$$")
    assert smiles(whole) == smiles(parts)
    assert analyse(build(whole)) == canonical(parts)


@pytest.mark.parametrize("seed", range(5))
def test_the_spelling_does_not_matter(seed):
    peptide = next(iter(generated(1, seed=seed + 100)))
    mol = build(peptide)
    for spelling in Chem.MolToRandomSmilesVect(mol, 10, randomSeed=seed + 1):
        assert analyse(Chem.MolFromSmiles(spelling)) == canonical(peptide)


@pytest.mark.parametrize(
    ("helm", "kinds"),
    [
        ("PEPTIDE1{G.A.F.L}$PEPTIDE1,PEPTIDE1,4:R2-1:R1$$$", ["head_to_tail"]),
        ("PEPTIDE1{C.A.F.C}$PEPTIDE1,PEPTIDE1,1:R3-4:R3$$$", ["disulfide"]),
        ("PEPTIDE1{K.A.F.D}$PEPTIDE1,PEPTIDE1,1:R3-4:R3$$$", ["amide"]),
        ("PEPTIDE1{T.A.F.G}$PEPTIDE1,PEPTIDE1,1:R3-4:R2$$$", ["ester"]),
        ("PEPTIDE1{A.K.F.G}$PEPTIDE1,PEPTIDE1,2:R3-4:R2$$$", ["amide"]),
        ("PEPTIDE1{A.E.F.G}$PEPTIDE1,PEPTIDE1,2:R3-1:R1$$$", ["amide"]),
        (
            "PEPTIDE1{C.A.C.G.C.A.C}$PEPTIDE1,PEPTIDE1,1:R3-5:R3|PEPTIDE1,PEPTIDE1,3:R3-7:R3$$$",
            ["disulfide"] * 2,
        ),
        ("PEPTIDE1{[Cys(CH2CO)].A.K.G}$PEPTIDE1,PEPTIDE1,1:R3-3:R3$$$", ["amide"]),
        ("PEPTIDE1{A.[Lac].A.[dLac]}$PEPTIDE1,PEPTIDE1,1:R1-4:R2$$$", ["head_to_tail"]),
    ],
)
def test_every_way_of_closing_a_ring_is_found(helm, kinds):
    peptide = canonical(read_helm(helm))
    found = analyse(Chem.MolFromSmiles(smiles(peptide)))
    assert found == peptide
    assert [linkage(found, link) for link in found.links] == kinds
    assert found.rings == len(kinds)


def test_two_chains_may_be_joined_without_a_ring():
    found = analyse(build(read_helm("PEPTIDE1{C.A}|PEPTIDE2{C.G}$PEPTIDE1,PEPTIDE2,1:R3-1:R3$$$")))
    assert (len(found.chains), found.rings) == (2, 0)
    assert sequence(found) is None


@pytest.mark.parametrize(
    ("spelling", "reason"),
    [
        ("CCO", "0 amino acids"),
        ("NCC(=O)O", "1 amino acid$"),
        ("NCC(=O)O.NCC(=O)O", "several fragments"),
        ("NCC(=O)NCC(=O)O.CCO", "several fragments"),
        ("NC(CC=CCC(N)C(=O)O)C(=O)O", "joined by something else"),
        ("C" * 601, "more than 600 atoms"),
    ],
)
def test_what_is_no_peptide_says_why(spelling, reason):
    with pytest.raises(DataError, match=reason):
        analyse(Chem.MolFromSmiles(spelling))


def test_what_is_not_known_is_spelt_out_and_the_rest_is_named():
    found = analyse(Chem.MolFromSmiles("CC(C)C(=O)N[C@@H](C)C(=O)N[C@@H](CC=C=C)C(=O)NC(C)C(=O)O"))
    assert found.chains == (
        ("CC(C)C(=O)[*:2]", "A", "C=C=CC[C@H](N[*:1])C(=O)[*:2]", "CC(N[*:1])C(=O)O"),
    )
    assert [one.kind for one in found.monomers] == ["start", "residue", "residue", "residue"]


def rows(path):
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.DictReader(file))


def database(path, count):
    table = rows(path)
    chosen = np.random.default_rng(0).permutation(len(table))[:count]
    known = equal = readable = 0
    for row in (table[i] for i in chosen.tolist()):
        mol = Chem.MolFromSmiles(row["smiles"])
        try:
            found = analyse(mol)
        except DataError:
            continue
        assert smiles(found) == Chem.MolToSmiles(mol)
        known += not found.unknown
        try:
            given = read_helm(row["helm"])
        except DataError:
            continue  # a monomer with a name of that database
        readable += 1
        equal += smiles(given) == Chem.MolToSmiles(mol)
    return known / count, equal, readable


def test_a_database_of_cyclic_peptides_is_covered(data_folder):
    """Of its 7,337 rows 96 % are fully analysed; here a sample, standard error 0.01."""
    known, equal, readable = database(data_folder / "cyclic_peptide_permeability.csv.gz", 400)
    assert known > 0.93
    assert equal == readable > 320


@pytest.mark.slow
def test_the_whole_database_of_cyclic_peptides_is_covered(data_folder):
    known, equal, readable = database(data_folder / "cyclic_peptide_permeability.csv.gz", 7337)
    assert known > 0.959
    assert equal == readable > 6200


def test_drugs_that_divide_into_parts_are_put_together_again(data_folder):
    found = 0
    for row in rows(data_folder / "drugs_approved_chembl.csv.gz"):
        mol = Chem.MolFromSmiles(row["smiles"])
        if mol is None or "." in row["smiles"] or row["smiles"].count("N") < 2:
            continue
        try:
            peptide = analyse(mol)
        except DataError:
            continue
        found += 1
        if not peptide.unknown:  # the tautomers of the library
            continue
        assert smiles(peptide) == Chem.MolToSmiles(mol), row["name"]
    assert found > 40
