"""The domain of peptides as SMILES: what is valid, how it is prepared, in which notations."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from rdkit import Chem

from discdiff import registry
from discdiff.chem.peptide.build import smiles
from discdiff.chem.peptide.domain import PeptideSmiles
from discdiff.chem.peptide.generate import generated
from discdiff.chem.peptide.helm import read_helm, write_helm
from discdiff.chem.peptide.order import canonical
from discdiff.chem.smiles import Smiles
from discdiff.constraint.constraint import Constraint
from discdiff.denoiser import TabularDenoiser
from discdiff.domain import Letters
from discdiff.errors import DataError, InputError, UnsupportedError
from discdiff.model import LengthLaw, Model
from discdiff.process import MaskedProcess
from discdiff.wrapped import Wrapped

RING = "PEPTIDE1{A.G.F.L}$PEPTIDE1,PEPTIDE1,4:R2-1:R1$$$"


@pytest.fixture(scope="module")
def peptides():
    return list(generated(60, seed=11))


@pytest.fixture(scope="module")
def domain(peptides):
    return PeptideSmiles.fit([write_helm(peptide) for peptide in peptides])


def of(helm: str) -> str:
    return Chem.CanonSmiles(smiles(read_helm(helm)))


def test_helm_is_prepared_to_smiles_that_tokens_and_notation_bring_back(domain, peptides):
    for peptide in peptides:
        prepared = domain.prepare(write_helm(peptide))
        assert domain.decode(domain.encode(prepared)) == prepared
        assert domain.invalid_reason(prepared) is None
        assert domain.canonical(prepared) == prepared == domain.prepare(prepared)
        assert domain.written(prepared, "helm") == write_helm(canonical(peptide))


def test_another_spelling_is_as_valid_and_the_same_peptide(domain, peptides):
    generator = np.random.default_rng(0)
    for peptide in peptides[:20]:
        prepared = domain.prepare(write_helm(peptide))
        spelling = domain.augment(prepared, generator)
        assert domain.invalid_reason(spelling) is None
        assert domain.written(spelling, "helm") == domain.written(prepared, "helm")


def test_charges_that_protons_make_are_removed(domain):
    zwitterion = "[NH3+][C@@H](CCCC[NH3+])C(=O)N[C@@H](CC(=O)[O-])C(=O)[O-]"
    assert domain.written(domain.prepare(zwitterion), "sequence") == "KD"
    assert domain.invalid_reason(zwitterion).startswith("unknown residue")


@pytest.mark.parametrize(
    ("options", "helm", "reason"),
    [
        ({}, RING, None),
        ({"cyclic": "refuse"}, RING, "cyclic"),
        ({"cyclic": "require"}, RING, None),
        ({"cyclic": "require"}, "PEPTIDE1{A.G}$$$$", "not cyclic"),
        ({"dextro": False}, "PEPTIDE1{A.[dL]}$$$$", "a D residue"),
        ({"dextro": False}, "PEPTIDE1{A.[Me_dL]}$$$$", "a D residue"),
        ({"methyl": False}, "PEPTIDE1{A.[Sar]}$$$$", "an N-methyl residue"),
        ({"methyl": False}, "PEPTIDE1{A.[Bn_Gly]}$$$$", None),
        ({"max_residues": 2}, "PEPTIDE1{[ac].A.G.[am]}$$$$", None),
        ({"max_residues": 2}, "PEPTIDE1{A.G.A}$$$$", "more than 2 residues"),
        ({"max_atoms": 8}, "PEPTIDE1{A.G}$$$$", "more than 8 atoms"),
    ],
)
def test_what_is_allowed_is_valid_and_nothing_else(options, helm, reason):
    assert PeptideSmiles(["C"], **options).invalid_reason(of(helm)) == reason


@pytest.mark.parametrize(
    ("spelling", "reason"),
    [
        ("CCO", "no peptide: 0 amino acids"),
        ("C1CC", "syntax error"),
        ("NCC(=O)O.NCC(=O)O", "more than 1 fragment"),
        ("NCC(=O)N[C@@H](CC=C=C)C(=O)O", "unknown residue 'C=C=CC[C@H](N[*:1])C(=O)O'"),
        ("NCC(=O)NC(C)C(=O)O", "no configuration stated for the residue 'CC(N[*:1])C(=O)O'"),
        (
            "NC(CC=CCC(N)C(=O)O)C(=O)O",
            "no peptide: amino acids joined by something else than an amide, an ester or a "
            "disulfide",
        ),
    ],
)
def test_what_is_not_valid_says_why(domain, spelling, reason):
    assert domain.invalid_reason(spelling) == reason


def test_unknown_residues_can_be_allowed_and_are_written_out():
    domain = PeptideSmiles(["C"], unknown=True)
    odd = "NCC(=O)N[C@@H](CC=C=C)C(=O)O"
    assert domain.invalid_reason(odd) is None
    assert domain.prepare(domain.written(odd, "helm")) == Chem.CanonSmiles(odd)
    assert domain.invalid_reason("CCO") == "no peptide: 0 amino acids"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("PEPTIDE1{A.[dLe]}$$$$", "cannot use 'PEPTIDE1.*: PEPTIDE1, residue 2 .*'dLe'.*'dL'"),
        ("PEPTIDE1{A.[am].G}$$$$", "cannot use 'PEPTIDE1.*must have R2"),
        ("PEPTIDE1{A.G}|PEPTIDE2{L.L.L}$$$$", "cannot use .*: its chains are not all connected"),
        ("CCO", "cannot use 'CCO': no peptide: 0 amino acids"),
        ("PEPTIDE1{A}$$$$", "cannot use .*: no peptide: 1 amino acid"),
    ],
)
def test_a_row_that_cannot_be_used_says_why(domain, row, message):
    with pytest.raises(DataError, match=message):
        domain.prepare(row)


def test_a_sequence_is_there_only_for_linear_natural_peptides(domain):
    assert domain.written(of("PEPTIDE1{G.A.V}$$$$"), "sequence") == "GAV"
    for helm in (RING, "PEPTIDE1{G.[dA]}$$$$", "PEPTIDE1{[ac].G.A}$$$$"):
        assert domain.written(of(helm), "sequence") is None


def test_a_notation_or_a_molecule_that_is_not_there_is_refused(domain):
    with pytest.raises(InputError, match="notation must be one of helm, .* got 'hlem'"):
        domain.written(of(RING), "hlem")
    with pytest.raises(DataError, match="'CCO' is no peptide"):
        domain.written("CCO", "helm")
    with pytest.raises(UnsupportedError, match="the letters domain writes no helm"):
        Letters("ACGT").written("A", "helm")


def test_a_wrapper_keeps_the_notations(domain):
    wrapped = Wrapped(domain)
    assert wrapped.notations == ("helm", "sequence")
    assert wrapped.written(of(RING), "helm") == domain.written(of(RING), "helm")


def test_settings_are_json_and_rebuild_the_domain_by_its_name(domain):
    options = {"cyclic": "require", "dextro": False, "methyl": False, "max_residues": 9}
    made = PeptideSmiles(domain.alphabet.tokens, unknown=True, **options)
    stored = json.loads(json.dumps({"name": made.name, **made.settings()}))
    again = registry.build("domains", stored)
    assert isinstance(again, PeptideSmiles)
    assert again.settings() == made.settings()
    assert {key: stored[key] for key in options} == options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cyclic": True}, "cyclic must be one of allow, require, refuse, got True"),
        ({"dextro": "no"}, "dextro must be true or false, got 'no'"),
        ({"max_residues": 0}, "max_residues must be a positive integer, got 0"),
        ({"stereo": "drop"}, "option must be one of .* got 'stereo'"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(InputError, match=message):
        PeptideSmiles.fit([RING], **options)


def test_the_structure_is_drawn(domain):
    assert domain.draw(of(RING)).lstrip().startswith("<?xml")


def test_examples_are_valid(domain):
    assert [domain.invalid_reason(string) for string in domain.examples] == [None] * 4


def test_a_model_of_smiles_can_be_held_to_peptides():
    spelt = ["NCC(=O)NCC(=O)O", "C[C@H](N)C(=O)NCC(=O)O"]
    smiles_domain = Smiles.fit(spelt)
    tokens, process = smiles_domain.encode_batch(spelt), MaskedProcess(len(smiles_domain.alphabet))
    law = LengthLaw([0.0] * tokens.shape[1] + [1.0])
    network = TabularDenoiser(tokens, torch.ones(2), process)
    held = Model(network, process, smiles_domain, law).in_domain("peptide_smiles", cyclic="refuse")
    assert isinstance(held.domain, PeptideSmiles)
    assert held.domain.alphabet.tokens == smiles_domain.alphabet.tokens
    assert held.domain.invalid_reason("CCO") == "no peptide: 0 amino acids"
    assert held.domain.cyclic == "refuse"


def test_designs_can_be_held_to_closed_smiles(domain, peptides):
    closed = Constraint(domain, {"smiles": {"depth": 12, "rings": 9}})
    prepared = [domain.prepare(write_helm(peptide)) for peptide in peptides]
    assert all(closed.automaton.accepts(domain.encode(string)) for string in prepared)
    assert not closed.automaton.accepts(domain.encode("NCC(=O)NCC(=O"))
