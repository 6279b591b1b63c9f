"""Measures of files of peptides: HELM and SMILES count alike, and shares are those of the rows."""

from __future__ import annotations

import pytest

from discdiff.chem.metrics import report
from discdiff.chem.metrics.peptides import evaluate
from discdiff.chem.peptide.build import smiles
from discdiff.chem.peptide.generate import generated
from discdiff.chem.peptide.helm import read_helm, write_helm


def test_helm_and_smiles_of_the_same_peptides_measure_alike():
    peptides = list(generated(12, 2))
    spelt = [smiles(peptide) for peptide in peptides]
    measured = evaluate([write_helm(peptide) for peptide in peptides], spelt[:5])
    assert measured == evaluate(spelt, [write_helm(peptide) for peptide in peptides[:5]])
    plain = report.evaluate(spelt, spelt[:5])
    assert {name: measured[name] for name in plain} == plain
    assert measured["validity"] == measured["analysed"] == 1


def test_shares_are_of_the_peptides_and_of_their_residues():
    ring = "PEPTIDE1{A.[dL].[meF].G}$PEPTIDE1,PEPTIDE1,4:R2-1:R1$$$"
    unknown = smiles(read_helm("PEPTIDE1{G.[[*:1]N[C@@H](CC=C=C)C(=O)[*:2]]}$$$$"))
    found = evaluate([ring, unknown, "CCO", "PEPTIDE1{A.[dLe]}$$$$", "C1CC"])
    assert found["validity"] == 3 / 5
    assert (found["peptides"], found["analysed"]) == (2 / 5, 1 / 5)
    assert (found["cyclic"], found["residues_mean"]) == (1 / 2, 3)
    assert (found["dextro"], found["n_methyl"]) == pytest.approx((1 / 6, 1 / 6))
    assert found["unknown"] == pytest.approx(1 / 6)


def test_without_a_peptide_the_shares_are_undefined():
    found = evaluate(["CCO", "CCN"])
    assert (found["peptides"], found["cyclic"], found["residues_mean"]) == (0, None, None)
