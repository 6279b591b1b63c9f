"""The genetic algorithm over graphs: every change does what it says, every child is a molecule."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcMolFormula

from discdiff.chem import molecule, mutation
from discdiff.chem.crossover import crossover, cut_chain, cut_ring, joined
from discdiff.chem.genetic import GraphGA
from discdiff.chem.mutation import CHANGES, closed, mutate, odd_ring, opened
from discdiff.errors import DataError, InputError

# drug-like molecules with charges, fused rings, stereochemistry, sulfur and halogens
POOL = [
    "CC(C)Cc1ccc([C@@H](C)C(=O)O)cc1",
    "CN1CCC[C@H]1c1cccnc1",
    "NS(=O)(=O)c1ccc(N)cc1",
    "CC(=O)Nc1ccc(O)cc1",
    "C[NH+]1CCN(c2ccc(Cl)cc2)CC1",
    "O=C(NCc1ccco1)c1cc2ccccc2[nH]1",
    "FC(F)(F)c1ccc(/C=C/C#N)cc1",
    "O=[N+]([O-])c1ccc(Br)s1",
    "CCOP(=O)(OCC)Oc1ccccc1",
    "C1CC2CCC1CC2",
]
seeds = st.integers(0, 10**6)
molecules = st.sampled_from(POOL)


def outcomes(change, smiles, tries=200, most_atoms=38):
    """Every valid molecule that `change` made of `smiles`, over many seeds."""
    found = set()
    for seed in range(tries):
        mol = opened(smiles)
        if change(mol, np.random.default_rng(seed)):
            found.add(closed(mol, most_atoms))
    return found - {None}


def canonical(*strings):
    return {Chem.CanonSmiles(string) for string in strings}


SMALL_RINGS = ("CC1CCC1", "CCC1CC1", "CCC1CCC1", "CCCC1CC1", "CCC1CC1C", "CC1CCC1C")


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        ("append_atom", "C", ("CC", "CN", "CO", "CF", "CS", "CCl", "CBr", "C=C", "C=N", "C=O")),
        ("append_atom", "OO", ("COO", "NOO", "OOO", "FOO", "OOS", "OOCl", "OOBr")),
        ("insert_atom", "FF", ("FCF", "FNF", "FOF", "FSF")),
        ("insert_atom", "C=O", ("CCO", "CNO", "COO", "CSO", "C=CO", "C=NO", "CC=O", "CN=O")),
        ("delete_atom", "CO", ("C", "O")),
        ("delete_atom", "CNO", ("CN", "NO", "CO")),
        ("change_bond_order", "CC", ("C=C", "C#C")),
        ("change_bond_order", "C=C", ("CC", "C#C")),
        ("change_bond_order", "C#N", ("CN", "C=N")),
        ("delete_ring_bond", "C1CCOCC1", ("CCCOCC", "CCCCOC", "CCCCCO")),
        ("add_ring_bond", "CCCCC", ("C1CC1CC", "CC1CC1C", "C1CCC1C", "C1CCCC1")),
        ("add_ring_bond", "CCCCCC", ("C1CCCCC1", "CC1CCCC1")),
        ("change_atom", "CC", ("CN", "CO", "CF", "CS", "CCl", "CBr")),
    ],
)
def test_each_change_does_what_it_says(change, before, after):
    expected = canonical(*after)
    found = outcomes(getattr(mutation, change), before)
    if change == "add_ring_bond":  # rare sizes are not drawn at every place in so few tries
        assert found <= expected | canonical(*SMALL_RINGS)
        assert canonical(after[-1]) <= found
    elif change == "append_atom" and before == "C":
        assert found == expected | canonical("C#C", "C#N")
    elif change == "insert_atom" and before == "C=O":
        assert expected - canonical("CN=O") <= found <= expected | canonical("C#CO", "OC=C")
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("FC(Cl)Br", ("FCCl", "FCBr", "ClCBr")),  # a halogen cannot stand between two others
        ("CN(C)C", ("CCC", "CNC")),
        ("CC(C)(C)N", ("CC(C)C", "CC(C)N", "CCCN", "CCNC", "CN(C)C")),
        ("C1CCC1", ("C1CC1",)),
        ("C1CC1", ("CC",)),
    ],
)
def test_neighbours_of_a_deleted_atom_are_joined(before, after):
    assert outcomes(mutation.delete_atom, before) == canonical(*after)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@given(smiles=molecules, seed=seeds)
@settings(max_examples=15, deadline=None)
def test_a_change_makes_a_molecule_or_none(change, smiles, seed):
    mol = opened(smiles)
    before = Chem.Mol(mol)
    if change(mol, np.random.default_rng(seed)):
        child = closed(mol, 38)
        assert child is None or molecule.invalid_reason(child) is None
        if change.__name__ in ("append_atom", "insert_atom"):
            assert mol.GetNumAtoms() == before.GetNumAtoms() + 1
        if change.__name__ == "delete_atom":
            assert mol.GetNumAtoms() == before.GetNumAtoms() - 1
        if change.__name__ == "delete_ring_bond":
            assert mol.GetNumBonds() == before.GetNumBonds() - 1
    else:
        assert Chem.MolToSmiles(mol) == Chem.MolToSmiles(before)


@given(smiles=molecules)
def test_to_open_and_close_keeps_all_but_stereochemistry(smiles):
    flat = Chem.MolFromSmiles(smiles)
    Chem.RemoveStereochemistry(flat)
    assert closed(opened(smiles), 99) == Chem.CanonSmiles(Chem.MolToSmiles(flat))


@given(first=molecules, second=molecules, seed=seeds, most=st.integers(8, 38))
@settings(max_examples=40, deadline=None)
def test_children_are_valid_canonical_and_of_allowed_size(first, second, seed, most):
    generator = np.random.default_rng(seed)
    child = crossover(first, second, generator, most)
    for made in (child, mutate(child or first, generator, most)):
        if made is not None:
            assert molecule.invalid_reason(made, max_atoms=most) is None
            assert made == Chem.CanonSmiles(made)
            assert not set("@/") & set(made)
    again = np.random.default_rng(seed)
    assert crossover(first, second, again, most) == child


def test_pieces_of_chains_are_joined_by_a_single_bond():
    generator = np.random.default_rng(0)
    made = set()
    for _ in range(60):
        one, two = cut_chain(opened("FC#N"), generator), cut_chain(opened("ClCBr"), generator)
        made |= {closed(joined(a, b, generator), 9) for a in one for b in two}
    expected = ("FCl", "FBr", "FCCl", "FCBr", "ClC#N", "BrC#N", "N#CCCl", "N#CCBr")
    assert made == canonical(*expected)


def test_pieces_of_rings_are_joined_by_two_bonds():
    generator = np.random.default_rng(1)
    made = set()
    for _ in range(100):
        one = cut_ring(opened("C1CCCCC1"), generator)
        two = cut_ring(opened("C1CNCCO1"), generator)
        assert {len(piece.ends) for piece in [*one, *two]} == {2}
        made |= {closed(joined(a, b, generator), 12) for a in one for b in two}
    children = [Chem.MolFromSmiles(smiles) for smiles in made - {None}]
    assert {child.GetRingInfo().NumRings() for child in children} == {1}
    assert any("=" in smiles for smiles in made - {None})
    assert canonical("C1CCOCC1") & made  # two atoms of one, four of the other


def test_a_ring_child_of_two_drugs_keeps_a_part_of_both():
    generator = np.random.default_rng(3)
    for _ in range(20):
        child = crossover("Fc1ccccc1", "Clc1ccncc1", generator, 38)
        if child is not None and "F" in child and "Cl" in child:
            break
    else:
        pytest.fail("no child has both halogens")


@pytest.mark.parametrize(
    ("smiles", "odd"),
    [("C1CCCCCC1", True), ("C1=CCC1", True), ("c1ccccc1", False), ("C=C=C", False)],
)
def test_odd_rings(smiles, odd):
    assert odd_ring(smiles) is odd


class Nitrogens:
    """How many atoms are nitrogen, and every string that was asked for."""

    def __init__(self):
        self.asked = []

    def __call__(self, strings):
        self.asked += strings
        return [Chem.MolFromSmiles(s).GetSubstructMatches(_NITROGEN).__len__() for s in strings]


_NITROGEN = Chem.MolFromSmarts("[#7]")


@given(seed=st.integers(0, 99), budget=st.integers(1, 60))
@settings(max_examples=6, deadline=None)
def test_the_budget_is_kept_to_the_call_and_nothing_is_asked_twice(seed, budget):
    score = Nitrogens()
    found = GraphGA(population=8, offspring=10, mutation=0.5).run(score, POOL, budget, seed)
    assert list(found.strings) == score.asked
    assert len(score.asked) == budget == len(set(score.asked))
    assert all(molecule.canonical(smiles) == smiles for smiles in score.asked)
    assert all(molecule.invalid_reason(smiles, max_atoms=38) is None for smiles in score.asked)


def test_a_seed_decides_the_search_and_a_small_budget_is_its_beginning():
    search = GraphGA(population=8, offspring=10)
    long, again = (search.run(Nitrogens(), POOL, 60, seed=3) for _ in range(2))
    short = search.run(Nitrogens(), POOL, 30, seed=3)
    assert long.strings == again.strings
    assert short.strings == long.strings[:30]
    assert long.strings != search.run(Nitrogens(), POOL, 60, seed=4).strings
    assert long.running_best()[-1] > long.running_best()[7]


def test_molecules_without_a_value_are_no_parents_where_there_are_others():
    def score(strings):
        return [np.nan if "1" in s else 1.0 for s in strings]

    found = GraphGA(population=4, offspring=6, mutation=0.0).run(score, ["CCO", "CCN", *POOL], 30)
    rings = {s for s in found.strings[4:] if "1" in s}
    assert len(found.strings) > 4
    assert not rings  # chains alone were crossed


def test_formula_of_a_child_is_that_of_its_pieces():
    for seed in range(30):
        generator = np.random.default_rng(seed)
        one, two = cut_chain(opened("CCO"), generator), cut_chain(opened("CCS"), generator)
        child = joined(one[0], two[1], generator)
        Chem.SanitizeMol(child)
        heavy = len(one[0].atoms) + len(two[1].atoms)
        assert child.GetNumAtoms() == heavy
        assert "H" in CalcMolFormula(child)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: GraphGA(population=1), InputError, "population must be at least 2, got 1"),
        (lambda: GraphGA(mutation=1.5), InputError, "mutation must"),
        (lambda: GraphGA(offspring=0), InputError, "offspring must be a positive integer, got 0"),
        (lambda: GraphGA().run(len, [], 9), InputError, "pool must be a list of molecules"),
        (lambda: GraphGA().run(len, "CC", 9), InputError, "pool must be a list of molecules"),
        (
            lambda: GraphGA().run(len, ["CC", "C(C"], 9),
            DataError,
            "molecule 2 of the pool: syntax error, got 'C(C'",
        ),
        (lambda: mutate("C1CC", np.random.default_rng(0), 9), DataError, "is not a molecule"),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make()
