"""Molecules as graphs, predictors of them, splits by scaffold, and the forest beside them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator
from rdkit.Chem.Scaffolds import MurckoScaffold

from discdiff.chem.graphs import ATOM_SIZES, BOND_SIZES, MoleculeGraphs, graph
from discdiff.chem.molecule import canonical, parse
from discdiff.chem.peptide.domain import PeptideSmiles
from discdiff.chem.smiles import Smiles
from discdiff.domain import Letters
from discdiff.errors import DataError, InputError
from discdiff.predictor.forest import forest, refuse_forest
from discdiff.predictor.predictor import Predictor
from discdiff.predictor.representation import Unread
from discdiff.predictor.rows import read_items
from discdiff.predictor.splits import by_scaffold, split
from discdiff.predictor.table import TableColumns, read_table
from discdiff.predictor.training import fit

RING = "C[C@@H]1NC(=O)[C@@H](Cc2ccccc2)NC(=O)[C@H](CC(C)C)N(C)C(=O)[C@@H]2CCCN2C1=O"
MOLECULES = [
    "C",
    "[NH4+]",
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1CCC[C@H]1c1cccnc1",
    "C/C=C\\CO",
    "C[C@H](O)[C@@H](N)C(=O)O",
    "O=S(=O)(N)c1ccc(F)cc1",
    "C#CC[N+](=O)[O-]",
    RING,
]
APART = [
    ("C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O"),
    ("C[C@H](N)C(=O)O", "CC(N)C(=O)O"),
    ("C[C@H](O)[C@@H](N)C(=O)O", "C[C@@H](O)[C@@H](N)C(=O)O"),
    ("C/C=C\\CO", "C/C=C/CO"),
    ("C[C@H]1CC[C@@H](O)CC1", "C[C@H]1CC[C@H](O)CC1"),
    (RING, RING.replace("[C@@H](Cc2", "[C@H](Cc2")),
]
DOMAIN = Smiles(["C", "O"])


@pytest.fixture(scope="module")
def table() -> tuple[list[str], dict[str, list[float]]]:
    """Small molecules, and what follows from them: nitrogens, and whether a ring is aromatic."""
    heads = ("C", "CC", "N", "O", "CN", "CO", "C[C@H](N)", "C[C@@H](N)", "FC", "ClC")
    tails = ("C", "c1ccccc1", "C1CCCC1", "c1ccncc1", "CCO", "N(C)C", "C1CCNCC1", "C(=O)N")
    links = ("C", "CC", "C(=O)N", "CO")
    found = sorted({canonical(h + m + t) for h in heads for m in links for t in tails})
    atoms = [parse(s).GetAtoms() for s in found]
    return found, {
        "nitrogens": [float(sum(a.GetSymbol() == "N" for a in one)) for one in atoms],
        "aromatic": [float(any(a.GetIsAromatic() for a in one)) for one in atoms],
    }


@pytest.fixture(scope="module")
def trained(table) -> Predictor:
    strings, values = table
    return fit(
        strings,
        {"nitrogens": values["nitrogens"]},
        DOMAIN,
        representation=MoleculeGraphs(DOMAIN, width=16, depth=2, dropout=0.0),
        members=2,
        steps=100,
        rate=1e-2,
    )


class TestGraph:
    """Atoms and bonds as categories."""

    @pytest.mark.parametrize("smiles", MOLECULES)
    def test_categories_are_in_range(self, smiles):
        found, mol = graph(parse(smiles)), Chem.MolFromSmiles(smiles)
        assert found.nodes.shape == (mol.GetNumAtoms(), len(ATOM_SIZES))
        assert found.ends.shape == (2, 2 * mol.GetNumBonds())
        assert found.edges.shape == (2 * mol.GetNumBonds(), len(BOND_SIZES))
        assert ((found.nodes >= 0) & (found.nodes < ATOM_SIZES)).all()
        assert ((found.edges >= 0) & (found.edges < BOND_SIZES)).all()
        bonds = {(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in mol.GetBonds()}
        assert set(map(tuple, found.ends.T.tolist())) == bonds | {(b, a) for a, b in bonds}

    def test_the_molecule_is_left_alone(self):
        mol = Chem.MolFromSmiles("C[C@H](N)O")
        mol.GetAtomWithIdx(1).ClearProp("_CIPCode")
        graph(mol)
        assert not mol.GetAtomWithIdx(1).HasProp("_CIPCode")

    @torch.no_grad()
    def test_the_order_of_atoms_does_not_matter(self):
        torch.manual_seed(0)
        graphs = MoleculeGraphs(DOMAIN, width=16, depth=3)
        net, rng = graphs.member(1).eval(), np.random.default_rng(0)
        for smiles in MOLECULES:
            mol = Chem.MolFromSmiles(smiles)
            orders = [rng.permutation(mol.GetNumAtoms()).tolist() for _ in range(5)]
            several = [graph(Chem.RenumberAtoms(mol, order)) for order in orders]
            said = net(graphs.collate([graph(mol), *several]))
            torch.testing.assert_close(said[1:], said[:1].expand(5, 1), msg=smiles)

    @torch.no_grad()
    @pytest.mark.parametrize(("one", "other"), APART)
    def test_stereo_is_told_apart(self, one, other):
        assert canonical(one) != canonical(other)
        torch.manual_seed(0)
        graphs = MoleculeGraphs(DOMAIN, width=16, depth=4)
        said = graphs.member(32).eval()(graphs.collate(graphs.items([one, other])))
        assert float((said[0] - said[1]).abs().max()) > 1e-3

    def test_what_does_not_parse_says_why(self):
        graphs = MoleculeGraphs(DOMAIN)
        assert graphs.items(["C1CC", "CC"])[0] == Unread("syntax error")
        with pytest.raises(DataError, match=r"row 2, 'C1CC', cannot be read: syntax error"):
            read_items(graphs, ["CC", "C1CC"])

    def test_rows_of_a_file_that_do_not_parse_are_named(self, tmp_path):
        file = tmp_path / "mine.csv"
        file.write_text("smiles,a\nCC,1\nC1CC,2\nCCO,3\n")
        with pytest.raises(DataError, match="row 2: .*C1CC.*syntax error"):
            read_table(file, DOMAIN, TableColumns(("a",)))

    def test_limits_of_an_assay(self, tmp_path):
        file = tmp_path / "mine.csv"
        file.write_text("smiles,a\nCC,-10\nOCC,-5\nCCO,-9\nCCC,-3\n")
        table = read_table(file, DOMAIN, TableColumns(("a",), limits=(-8.0, -4.0)))
        assert table.values[:, 0].tolist() == [-8.0, -6.5, -4.0]
        with pytest.raises(InputError, match=r"limits must be \[low, high\], low < high, got \[1"):
            TableColumns(("a",), limits=(1.0,))

    def test_other_domains_are_refused(self):
        with pytest.raises(InputError, match="domain must be one of molecules.*say domain=smiles"):
            MoleculeGraphs(Letters("CNO"))


class TestPredictor:
    """An ensemble of graph networks is a predictor as any other."""

    def test_it_learns(self, trained):
        found = trained.quality["nitrogens"]
        assert found["predictor"]["R2"] > 0.8
        assert found["predictor"]["RMSE"] < found["mean"]["RMSE"] / 2

    def test_what_is_loaded_says_the_same(self, trained, table, tmp_path):
        trained.save(tmp_path / "graph")
        again = Predictor.load(tmp_path / "graph")
        strings = [*table[0][:20], "C1CC"]
        here, there = trained(strings), again(strings)
        np.testing.assert_array_equal(here.mean, there.mean)
        np.testing.assert_array_equal(here.similarity, there.similarity)
        assert there.reasons[-1] == "syntax error"
        assert again.ensemble.representation.settings() == {
            "width": 16,
            "depth": 2,
            "dropout": 0.0,
        }

    def test_classes(self, table):
        strings, values = table
        aromatic = {"aromatic": values["aromatic"]}
        graphs = MoleculeGraphs(DOMAIN, width=8, depth=1, dropout=0.0)
        options = {"task": "classification", "members": 1, "steps": 40, "rate": 1e-2}
        found = fit(strings, aromatic, DOMAIN, representation=graphs, **options)
        assert found.quality["aromatic"]["predictor"]["AUC"] > 0.95

    def test_it_reads_what_peptide_smiles_writes(self, trained):
        helm = "PEPTIDE1{L.P.[meA].[dF].[Nle]}$PEPTIDE1,PEPTIDE1,5:R2-1:R1$$$V2.0"
        domain = PeptideSmiles.fit([helm])
        said = trained([domain.canonical(domain.prepare(helm))])
        assert said.reasons == ("",)
        assert np.isfinite(said.mean).all()


class TestScaffolds:
    """Molecules of one scaffold stay together."""

    def test_groups_are_those_of_rdkit(self, table):
        strings = [*table[0], RING]
        theirs = [
            MurckoScaffold.MurckoScaffoldSmiles(s, includeChirality=False) or s for s in strings
        ]
        assert by_scaffold(strings, DOMAIN) == theirs
        assert len(set(theirs)) < len(strings)

    def test_no_scaffold_is_on_two_sides(self, table):
        keys = by_scaffold(table[0], DOMAIN)
        sides = [*split(keys, "guide", test_fraction=0.3), *split(keys, "judge")[:2]]
        held_out, guide, judge = (
            {keys[i] for i in rows}
            for rows in (sides[2], [*sides[0], *sides[1]], set(sides[3]) | set(sides[4]))
        )
        assert held_out
        assert guide
        assert not guide & judge
        assert not held_out & guide

    def test_stereoisomers_stay_together(self):
        one, other = "C[C@H]1CC[C@@H](O)CC1", "C[C@H]1CC[C@H](O)CC1"
        assert len(set(by_scaffold([one, other], DOMAIN))) == 1

    def test_strings_without_scaffolds_are_refused(self):
        with pytest.raises(InputError, match="group_by must be null: letters strings have no"):
            by_scaffold(["GATT"], Letters("ACGT"))


class TestForest:
    """A random forest on fingerprints."""

    def test_it_is_that_of_scikit_learn(self, table):
        sklearn = pytest.importorskip("sklearn.ensemble")
        strings, values = table
        known = np.array(values["nitrogens"])[:, None]
        said = forest(strings[:60], known[:60], strings[60:], DOMAIN, trees=10, seed=3)
        make = rdFingerprintGenerator.GetMorganGenerator(3, includeChirality=True, fpSize=2048)
        x = np.stack([make.GetCountFingerprintAsNumPy(Chem.MolFromSmiles(s)) for s in strings])
        theirs = sklearn.RandomForestRegressor(10, max_features=1 / 3, random_state=3)
        theirs.fit(x[:60].astype(float), known[:60, 0])
        np.testing.assert_allclose(said[:, 0], theirs.predict(x[60:].astype(float)))

    def test_missing_values_and_classes(self, table):
        pytest.importorskip("sklearn")
        strings, values = table
        known = np.stack([values["aromatic"], values["aromatic"]], 1)
        known[::2, 1] = np.nan
        said = forest(strings, known, strings, DOMAIN, task="classification", trees=20)
        assert ((said[:, 0] > 0.5) == (known[:, 0] > 0.5)).mean() > 0.95
        assert ((said >= 0) & (said <= 1)).all()

    def test_it_stands_in_the_quality(self, table):
        pytest.importorskip("sklearn")
        strings, values = table
        found = fit(
            strings,
            {"nitrogens": values["nitrogens"]},
            DOMAIN,
            representation=MoleculeGraphs(DOMAIN, width=8, depth=1),
            members=1,
            steps=2,
            forest=20,
            groups=by_scaffold(strings, DOMAIN),
        )
        measured = found.quality["nitrogens"]
        assert measured["forest on fingerprints"]["rows"] == measured["predictor"]["rows"]
        assert "| nitrogens | forest on fingerprints |" in found.card["quality"]

    def test_refusals(self, monkeypatch):
        with pytest.raises(InputError, match="forest must be 0: letters strings have no"):
            refuse_forest(Letters("ACGT"), 10)
        monkeypatch.setattr("discdiff.predictor.forest.find_spec", lambda name: None)
        with pytest.raises(InputError, match=r"pip install 'discdiff\[forest\]'"):
            refuse_forest(DOMAIN, 10)
        refuse_forest(DOMAIN, 0)
