"""Peptides written residue after residue: the same molecule, in an order that can be told."""

from __future__ import annotations

import pytest
from rdkit import Chem

from discdiff.chem import grammar
from discdiff.chem.peptide.analyse import read
from discdiff.chem.peptide.build import smiles
from discdiff.chem.peptide.domain import BACKBONE, PeptideSmiles
from discdiff.chem.peptide.generate import Recipe, generated
from discdiff.chem.peptide.helm import read_helm, write_helm
from discdiff.chem.peptide.monomers import library
from discdiff.chem.peptide.order import canonical
from discdiff.chem.peptide.spelling import respelt, spelt
from discdiff.class_masked import class_ids
from discdiff.errors import InputError

EVERY = Recipe(4, 12, rings=dict.fromkeys(("linear", "head_to_tail", "disulfide", "lactam"), 1.0))


@pytest.mark.parametrize("recipe", [None, EVERY], ids=["usual", "every ring alike"])
def test_a_spelling_is_the_molecule_that_is_built(recipe):
    for peptide in generated(40, seed=21, recipe=recipe):
        assert Chem.CanonSmiles(spelt(peptide)) == smiles(peptide)


def test_every_monomer_is_spelt_as_it_is_built_or_not_at_all():
    unspelt = []
    for symbol, one in library().items():
        chain = {"residue": ("G", symbol, "G"), "start": (symbol, "G"), "end": ("G", symbol)}
        text = ".".join(f"[{name}]" if len(name) > 1 else name for name in chain[one.kind])
        peptide = read_helm(f"PEPTIDE1{{{text}}}$$$$") if _fits(one) else None
        spelling = None if peptide is None else spelt(peptide)
        if spelling is None:
            unspelt.append(symbol)
        else:
            assert Chem.CanonSmiles(spelling) == smiles(peptide), symbol
            assert respelt(smiles(peptide), peptide) == spelling
    # what does not lie between a nitrogen and a carbonyl that end its SMILES
    assert len(unspelt) <= 6
    assert {"pGlu", "dpGlu"} <= set(unspelt)


def _fits(one) -> bool:
    needed = {"residue": {1, 2}, "start": {2}, "end": {1}}
    return needed[one.kind] <= set(one.groups)


def test_residues_stand_in_the_order_of_the_chain():
    peptide = read_helm("PEPTIDE1{[ac].A.[meF].K.[dP].D.[am]}$PEPTIDE1,PEPTIDE1,4:R3-6:R3$$$")
    parts = [
        "CC(=O)",
        "N[C@@H](C)C(=O)",
        "N(C)[C@@H](Cc1ccccc1)C(=O)",
        "N[C@@H](CCCCN4)C(=O)",
        "N1[C@H](CCC1)C(=O)",
        "N[C@@H](CC4=O)C(=O)",
        "N",
    ]
    assert spelt(peptide) == "".join(parts)


@pytest.mark.parametrize(
    "helm",
    [
        "PEPTIDE1{[pGlu].G.A}$$$$",
        "PEPTIDE1{A.C.G}|PEPTIDE2{C.A}$PEPTIDE1,PEPTIDE2,2:R3-1:R3$$$",
        "PEPTIDE1{A.[[*:1]NCC(CCl)C([*:2])=O].A}$$$$",
    ],
)
def test_what_cannot_be_written_so_stays_canonical(helm):
    peptide = read_helm(helm)
    assert spelt(peptide) is None
    assert respelt(smiles(peptide), peptide) == smiles(peptide)


@pytest.fixture(scope="module")
def domain():
    peptides = generated(30, seed=22)
    return PeptideSmiles.fit([write_helm(one) for one in peptides], order="residues")


def test_a_domain_in_the_order_of_residues_prepares_any_spelling_to_one(domain):
    for peptide in generated(15, seed=22):
        prepared = domain.prepare(write_helm(peptide))
        assert prepared == spelt(canonical(peptide))
        assert prepared == domain.prepare(prepared) == domain.prepare(smiles(peptide))
        assert domain.canonical(prepared) == smiles(peptide)
        assert domain.decode(domain.encode(prepared)) == prepared
        assert read(domain.canonical(prepared)) == canonical(peptide)
    assert PeptideSmiles(**domain.settings()).order == "residues"
    with pytest.raises(InputError, match="order must be one of canonical, residues, got 'helm'"):
        PeptideSmiles(["C"], order="helm")


def test_classes_divide_the_alphabet_and_follow_where_tokens_stand(domain):
    named = domain.token_classes()
    assert set(named) == {"backbone", "side"}
    assert sorted([*named["backbone"], *named["side"]]) == list(domain.alphabet.tokens)
    ids = class_ids(domain)
    assert sorted([*ids["backbone"], *ids["side"]]) == list(range(len(domain.alphabet)))
    assert PeptideSmiles(["C"]).token_classes() == {"side": ("C",)}
    shares = _shares([spelt(peptide) for peptide in generated(60, seed=23)])
    assert all(share > 0.5 for token, share in shares.items() if token in BACKBONE)
    assert all(share < 0.5 for token, share in shares.items() if token not in BACKBONE)


def _shares(spellings: list[str]) -> dict[str, float]:
    """Of each token the share that matches the backbone, as a substructure; the rest is not."""
    pattern = Chem.MolFromSmarts("[N;!$(N=*)]~[C;$(CC(=O)[N,O])]~[C;$(C(=O)[N,O])]=O")
    total: dict[str, int] = {}
    inside: dict[str, int] = {}
    for spelling in spellings:
        mol = Chem.MolFromSmiles(spelling)
        backbone = {atom for match in mol.GetSubstructMatches(pattern) for atom in match}
        atom = -1
        for token in grammar.split(spelling):
            total[token] = total.get(token, 0) + 1
            if token in "()" or grammar.is_digit(token):
                continue
            if grammar.is_bond(token):
                inside[token] = inside.get(token, 0) + (token == "=" and atom + 1 in backbone)
            else:
                atom += 1
                inside[token] = inside.get(token, 0) + (atom in backbone)
    return {token: inside.get(token, 0) / count for token, count in total.items()}
