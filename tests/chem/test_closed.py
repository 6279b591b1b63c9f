"""Closed SMILES: the automaton against RDKit's parser, on every short word of a small alphabet."""

from __future__ import annotations

from itertools import product

import pytest
from rdkit import Chem, RDLogger

from discdiff.chem.closed import smiles
from discdiff.chem.selfies import Selfies
from discdiff.chem.smiles import Smiles
from discdiff.constraint.constraint import Constraint
from discdiff.errors import InputError, UnsupportedError
from discdiff.model import Model

TOKENS = ["C", "=", "(", ")", "1", "2", "."]


def test_every_short_word_is_accepted_if_rdkit_reads_it():
    RDLogger.DisableLog("rdApp.*")
    try:
        domain = Smiles(TOKENS)
        closed = smiles(domain, "closed")
        stricter = 0
        for length in range(1, 7):
            for word in product(range(len(TOKENS)), repeat=length):
                text = "".join(TOKENS[i] for i in word)
                read = Chem.MolFromSmiles(text, sanitize=False) is not None
                if read:
                    assert closed.accepts(word), text
                elif closed.accepts(word):
                    assert "1" in text or "2" in text, text  # a ring of one or two atoms
                    stricter += 1
        assert stricter > 0
    finally:
        RDLogger.EnableLog("rdApp.*")


def accepted(value, text):
    domain = Smiles(["C", "c", "n", "(", ")", "1", "2", "3", "%10", "=", "/", "[NH+]"])
    return smiles(domain, value).accepts(domain.encode(text))


def test_depth_and_rings_are_bounded():
    assert accepted("closed", "C(C(C(C(C(C(C)))))))"[:-1])
    assert not accepted({"depth": 5}, "C(C(C(C(C(C(C))))))")
    assert accepted({"depth": 1}, "C(C)C(C)")
    assert not accepted({"depth": 1}, "C(C(C))")
    assert accepted({"rings": 2}, "C12CCC1CC2")
    assert not accepted({"rings": 2}, "C13CCC1CC3")
    assert accepted({"rings": 4}, "C%10CC%10")
    assert not accepted({"rings": 3}, "C%10CC%10")
    assert not accepted({"rings": 0}, "C1CC1")


def test_the_spellings_of_drugs_are_accepted():
    model = Model.load("zinc_smiles")
    closed = Constraint(model.domain, {"smiles": "closed"})
    for text in (
        "CC(=O)Nc1ccc(O)cc1",
        "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
        "CC(C)Cc1ccc(C(C)C(=O)O)cc1",
        "O=C(O)c1ccccc1OC(C)=O",
        "c1ccc2c(c1)ccc1ccccc12",
    ):
        assert closed.fault(text) is None
    assert len(closed.automaton) < 1000
    assert closed.fault("CC(=O)Nc1ccc(O)cc") == "smiles"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("open", "smiles must be closed, or a mapping with depth or rings, got 'open'"),
        (
            {"ring": 3},
            "key of smiles must be one of depth, rings, got 'ring'. Did you mean 'rings'",
        ),
        ({"depth": -1}, "depth must be a non-negative integer, got -1"),
    ],
)
def test_a_wrong_value_is_refused(value, message):
    with pytest.raises(InputError, match=message):
        smiles(Smiles(TOKENS), value)


def test_strings_of_another_kind_are_refused():
    with pytest.raises(UnsupportedError, match="must be left out for selfies strings"):
        smiles(Selfies(["[C]", "[O]"]), "closed")
