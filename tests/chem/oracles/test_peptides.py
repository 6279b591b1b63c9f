"""What only peptides have, against counts by hand and by RDKit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from rdkit import Chem

from discdiff import registry
from discdiff.bio.oracles.peptides.synthesis import SPPSDifficulty
from discdiff.chem.oracles.peptides import MacrocycleSize, NMethyl, PeptideSynthesis, Residues
from discdiff.chem.peptide.build import smiles
from discdiff.chem.peptide.generate import Recipe, generated
from discdiff.chem.peptide.helm import read_helm

TAIL = "PEPTIDE1,PEPTIDE1,1:R1-{}:R2"


def of(chain: str, links: str = "") -> str:
    return Chem.CanonSmiles(smiles(read_helm(f"PEPTIDE1{{{chain}}}${links}$$$")))


def test_a_ring_from_head_to_tail_has_the_atoms_of_its_backbone():
    """Three for each alpha amino acid, more for beta and gamma."""
    for peptide in generated(60, 4, Recipe(4, 12, rings={"head_to_tail": 1})):
        (chain,) = peptide.chains
        longer = {"Bal": 1, "GABA": 2, "bhF": 1}
        extra = sum(n for symbol in chain for base, n in longer.items() if symbol.endswith(base))
        assert MacrocycleSize()([smiles(peptide)])[0] == 3 * len(chain) + extra


@pytest.mark.parametrize(
    ("chain", "links", "size"),
    [
        ("C.Y.I.Q.N.C.P.L.G.[am]", "PEPTIDE1,PEPTIDE1,1:R3-6:R3", 20),  # oxytocin
        ("[ac].[Nle].D.H.[dF].R.W.K", "PEPTIDE1,PEPTIDE1,3:R3-8:R3", 23),  # bremelanotide
        ("A.A", TAIL.format(2), 0),  # a diketopiperazine
        ("A.A.A", TAIL.format(3), 0),
        ("A.A.A.A", TAIL.format(4), 12),
        ("F.W.P", "", 0),
    ],
)
def test_known_rings_have_their_size(chain, links, size):
    assert MacrocycleSize()([of(chain, links)])[0] == size


def test_residues_and_methyl_groups_are_counted_as_they_were_put_in():
    for peptide in generated(100, 5):
        known = [one for one in peptide.monomers if one.kind == "residue"]
        spelling = smiles(peptide)
        assert Residues()([spelling])[0] == len(known)
        methylated = sum(one.symbol.startswith(("me", "Me_", "Sar")) for one in known)
        assert NMethyl()([spelling])[0] == methylated


@pytest.mark.parametrize(
    ("chain", "links", "points"),
    [
        ("G.G", "", 1),
        ("G.A.L.K.F", "", 4),
        ("[ac].G.A.[am]", "", 1),  # caps are not counted
        ("G.[meA]", "", 1 + 2 + 0.5),
        ("V.[meA]", "", 1 + 2 + 2 + 0.5),
        ("[meV].[meA]", "", 1 + 2 + 2 + 1 - 1 + 1.0),  # hindered and N-alkylated, two blocks
        ("G.P", "", 1),  # proline is no N-alkylated residue here
        ("V.I", "", 1 + 1),
        ("V.[meI]", "", 1 + 2 + 2 + 1 + 0.5),
        ("G.[Aib]", "", 1 + 1 + 0.5),
        ("[Aib].[Aib]", "", 1 + 2 + 1),
        ("[dL].G", "", 1 + 0.25),
        ("[dNle].G", "", 1 + 0.75),
        ("D.G", "", 1 + 1),
        ("[Bn_Gly].G", "", 1 + 0.5),
        ("G.A.L.K.F.A", TAIL.format(6), 6 + 2),
        ("A.A.L.K", TAIL.format(4), 4 + 2 + 3),  # nothing that folds it
        ("A.A.[dL].K", TAIL.format(4), 4 + 0.25 + 2),
        ("C.A.A.C", "PEPTIDE1,PEPTIDE1,1:R3-4:R3", 3 + 2),
        (
            "C.A.C.G.C.A.C",
            "PEPTIDE1,PEPTIDE1,1:R3-5:R3|PEPTIDE1,PEPTIDE1,3:R3-7:R3",
            6 + 2 * 2 + 3,
        ),
        ("K.A.A.D", "PEPTIDE1,PEPTIDE1,1:R3-4:R3", 3 + 2),
        ("T.A.A.G", "PEPTIDE1,PEPTIDE1,1:R3-4:R2", 4 + 2 + 2),
        ("A.[Lac].A", "", 2 + 2 + 0.5),  # an ester within the chain
        ("A.[Lac].A.[Hiv]", TAIL.format(4), 4 + 2 * 2 + 2 * 0.5 + 2 + 3),
        (".".join("A" * 24), "", 23 + 2),
    ],
)
def test_the_points_of_a_synthesis_are_those_of_its_rule(chain, links, points):
    assert PeptideSynthesis()([of(chain, links)])[0] == pytest.approx(points)


@pytest.mark.parametrize("second", "ACDEFGHIKLMNPQRSTVWY")
def test_aspartimide_costs_the_same_as_in_a_sequence(second):
    here = PeptideSynthesis()([of(f"D.{second}"), of(f"E.{second}")])
    bonded = SPPSDifficulty().figures(f"D{second}")["aspartimide"]
    assert here[0] - here[1] == bonded == {"G": 1.0}.get(second, 0.5 * (second in "DRNC"))


def test_cyclosporin_is_harder_than_a_natural_peptide_of_its_length():
    hard = of(
        "[Me_Bmt].[Abu].[Sar].[meL].V.[meL].A.[dA].[meL].[meL].[meV]",
        TAIL.format(11),
    )
    easy, harder = PeptideSynthesis()([of("G.A.L.K.F.A.G.S.L.K.A"), hard])
    assert harder > 3 * easy


@pytest.mark.parametrize("name", ["residues", "n_methyl", "peptide_synthesis"])
def test_what_is_no_peptide_has_no_score(name):
    assert np.isnan(registry.build("oracles", {"name": name})(["CCO", "C1CC"])).all()


def test_what_is_no_molecule_has_no_macrocycle():
    assert math.isnan(MacrocycleSize()(["C1CC"])[0])
