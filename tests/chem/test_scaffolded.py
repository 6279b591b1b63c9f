"""The contract: a design holds the scaffold, substituted at its points and nowhere else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from rdkit import Chem

from discdiff.chem.scaffolded import Scaffolded
from discdiff.chem.smiles import Smiles
from discdiff.domain import Template
from discdiff.errors import InputError, UnsupportedError
from discdiff.gapped import Point
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.padding import Padded
from discdiff.process import MaskedProcess, UniformProcess
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.start import Seeds

DRUGS = [
    line.split()[0]
    for line in (Path(__file__).parents[1] / "golden" / "molecules.smi").read_text().splitlines()
    if "." not in line.split()[0]
]
SUBSTITUENTS = ("C", "N", "O", "F", "CC", "C(=O)O", "c1ccccc1", "C1CC1", "S(=O)(=O)N", "C#N")
DRAWN = (Phase.explicit, Phase.generate)  # a drug does not shrink


class AnyTokens(Smiles):
    """A domain that can write every template."""

    def __init__(self, template):
        super().__init__(sorted({t for t in self.split(template) if "*" not in t} | {"C"}))


def held(template):
    domain = AnyTokens(template)
    return Scaffolded(domain, template, {}, longest=len(domain.split(template)) + 4)


def reference(mol, template):
    """Whether the scaffold is in `mol` as the contract says, by counting neighbours.

    Of each match of the bare scaffold, every atom must have as many neighbours outside it as it
    has points, and each point must be one.
    """
    core = Chem.RWMol(Chem.MolFromSmiles(template))
    points, dummies = Counter(), []
    for atom in core.GetAtoms():
        if atom.GetAtomicNum() == 0:
            points[atom.GetNeighbors()[0].GetIdx()] += 1
            dummies.append(atom.GetIdx())
    order = [i for i in range(core.GetNumAtoms()) if i not in dummies]
    for index in sorted(dummies, reverse=True):
        core.RemoveAtom(index)
    for atom in core.GetAtoms():
        atom.SetNoImplicit(False)
        atom.SetNumExplicitHs(0)
    for match in mol.GetSubstructMatches(core, uniquify=False, maxMatches=100_000):
        chosen = dict(zip(order, match, strict=True))
        bonds = {
            frozenset((chosen[b.GetBeginAtomIdx()], chosen[b.GetEndAtomIdx()]))
            for b in Chem.MolFromSmiles(template).GetBonds()
            if b.GetBeginAtomIdx() in chosen and b.GetEndAtomIdx() in chosen
        }
        fits = all(
            sum(
                frozenset((place, n.GetIdx())) not in bonds
                for n in mol.GetAtomWithIdx(place).GetNeighbors()
            )
            == points[atom]
            for atom, place in chosen.items()
        )
        if fits:
            return True
    return False


def with_substituent(mol, index, substituent):
    """The molecule with a substituent in the place of a hydrogen of atom `index`."""
    joined = Chem.RWMol(Chem.CombineMols(mol, Chem.MolFromSmiles(substituent)))
    joined.AddBond(index, mol.GetNumAtoms(), Chem.BondType.SINGLE)
    atom = joined.GetAtomWithIdx(index)
    atom.SetNumExplicitHs(max(0, atom.GetNumExplicitHs() - 1))
    return joined.GetMol()


def sites(mol):
    return [a.GetIdx() for a in mol.GetAtoms() if a.GetTotalNumHs() and a.GetAtomicNum()]


def spelt(mol, seed=None):
    """The SMILES of an edited molecule after a round trip; None if it is none."""
    text = Chem.MolToSmiles(mol)
    read = Chem.MolFromSmiles(text)
    if read is None:
        return None
    return (
        Chem.MolToRandomSmilesVect(read, 1, randomSeed=seed)[0] if seed else Chem.MolToSmiles(read)
    )


@st.composite
def grown(draw):
    """A template of a drug, in any spelling, with one or two points; and its growth."""
    mol = Chem.MolFromSmiles(draw(st.sampled_from(DRUGS)))
    Chem.RemoveStereochemistry(mol)
    assume(mol.GetNumAtoms() <= 40 and sites(mol))
    bare, full = Chem.RWMol(mol), mol
    for number in range(1, draw(st.integers(1, 2)) + 1):
        left = [i for i in sites(bare) if i < mol.GetNumAtoms()]
        assume(left)
        site = draw(st.sampled_from(left))
        dummy = Chem.MolFromSmiles(f"[*:{number}]")
        joined = Chem.RWMol(Chem.CombineMols(bare, dummy))
        joined.AddBond(site, bare.GetNumAtoms(), Chem.BondType.SINGLE)
        atom = joined.GetAtomWithIdx(site)
        atom.SetNumExplicitHs(max(0, atom.GetNumExplicitHs() - 1))
        Chem.SanitizeMol(joined)
        bare = joined
        full = with_substituent(full, site, draw(st.sampled_from(SUBSTITUENTS)))
        Chem.SanitizeMol(full)
    seed = draw(st.integers(1, 2**31 - 1))
    return spelt(bare, seed), full, draw(st.randoms(use_true_random=False))


@settings(max_examples=80, phases=DRAWN)
@given(grown())
def test_what_was_grown_at_the_points_is_kept(example):
    template, full, random = example
    assume(template is not None)
    domain = held(template)
    design = spelt(full, random.randint(1, 2**31 - 1))
    assume(design is not None)
    assert domain.invalid_reason(design) is None
    assert domain.canonical(design) == Chem.CanonSmiles(design)


@settings(max_examples=80, phases=DRAWN)
@given(grown(), st.sampled_from(SUBSTITUENTS))
def test_what_was_grown_elsewhere_is_lost_unless_it_fits_another_way(example, more):
    template, full, random = example
    assume(template is not None and sites(full))
    other = with_substituent(full, random.choice(sites(full)), more)
    design = spelt(other)
    assume(design is not None)
    kept = reference(Chem.MolFromSmiles(design), template)
    assert held(template).invalid_reason(design) == (None if kept else "scaffold lost")


BENZIMIDAZOLE = "c1ccc2[nH]c([*:1])nc2c1"


@pytest.mark.parametrize(
    ("template", "design", "reason"),
    [
        (BENZIMIDAZOLE, "c1ccc2[nH]c(CC)nc2c1", None),
        (BENZIMIDAZOLE, "CCc1nc2ccccc2[nH]1", None),
        (BENZIMIDAZOLE, "c1ccc2n(C)c(CC)nc2c1", "scaffold lost"),
        (BENZIMIDAZOLE, "c1cc(C)c2[nH]c(CC)nc2c1", "scaffold lost"),
        (BENZIMIDAZOLE, "c1ccc2[nH]cnc2c1", "scaffold lost"),
        (BENZIMIDAZOLE, "c1ccc2[nH]c(CC)nc2c", "syntax error"),
        (BENZIMIDAZOLE, "c1ccc2[nH]c(C.C)nc2c1", "more than 1 fragment"),
        ("F[C@H](Cl)[*:1]", "F[C@H](Cl)CC", None),
        ("F[C@H](Cl)[*:1]", "CC[C@H](F)Cl", None),
        ("F[C@H](Cl)[*:1]", "F[C@@H](Cl)CC", "scaffold lost"),
        ("F[C@H](Cl)[*:1]", "FC(Cl)CC", "scaffold lost"),
        ("FC(Cl)[*:1]", "F[C@@H](Cl)CC", None),
        ("F/C=C/[*:1]", "F/C=C/CO", None),
        ("F/C=C/[*:1]", "F/C=C\\CO", "scaffold lost"),
        ("C=[*:1]", "C=O", None),
        ("C=[*:1]", "CO", "scaffold lost"),
        ("[*:1]C1CCCCC1", "O=C1CCCCC1", "scaffold lost"),
        ("[*:1]=c1cc[nH]cc1", "O=c1cc[nH]cc1", None),
        ("[*:1]=c1cc[nH]cc1", "Oc1ccncc1", "scaffold lost"),
        ("[*:1]c1ccccc1[*:2]", "c1ccc2c(c1)CCC2", None),  # one substituent on both points
    ],
)
def test_single_cases(template, design, reason):
    assert held(template).invalid_reason(design) == reason


def test_it_is_the_domain_inside_in_everything_else():
    inner = Smiles.fit(["Cc1ccccc1", "OC1CC1"])
    domain = inner.with_template("c1ccccc1[*:1]", {1: Point((1, 3))}, 12)
    assert domain.settings() == inner.settings()
    assert domain.encode("OC1CC1") == inner.encode("OC1CC1")
    assert domain.likeness(["CCO"])("CCO").tolist() == [1.0]
    assert domain.scaffold("Cc1ccccc1") == "c1ccccc1"
    assert domain.demands() == {
        "template": "c1ccccc1[*:1]",
        "parts": "c 1 c c c c c 1 [*:1]{1 to 3}",
    }
    assert inner.demands() == {}


@pytest.mark.parametrize(
    "template", ["C1CC([*:1])C1", "[*:1]C1CC1", "CC[*:1]", "[*:1]C1CC([*:2])C1"]
)
@pytest.mark.parametrize("name", ["qm9_masked", "qm9_uniform"])
def test_valid_designs_of_a_shipped_model_hold_their_scaffold(name, template):
    model = Model.load(name).with_template(template)
    sampler = FirstHitting(model) if name == "qm9_masked" else Ancestral(model, steps=16)
    drawn = sampler.sample(40, key=3)
    assert drawn.valid.sum() >= 8
    for string, valid in zip(drawn.strings, drawn.valid, strict=True):
        reason = model.domain.invalid_reason(string)
        assert (reason is None) == valid
        mol = Chem.MolFromSmiles(string) if reason in (None, "scaffold lost") else None
        if mol is not None:
            assert reference(mol, template) == valid
    fixed = [token for token in model.domain.split(template) if "*" not in token]
    for string in drawn.strings:
        remaining = iter(model.domain.split(string))
        assert all(token in remaining for token in fixed)


def small(process, frozen=False, width=8):
    domain = Smiles(["C", "O"])
    net = Transformer(2, max_length=width, width=8, depth=1, heads=2, needs_time=True)
    return Model(net, process(2), domain, LengthLaw([0.0] + [1.0] * width), frozen_training=frozen)


def test_a_model_that_cannot_is_refused():
    with pytest.raises(
        UnsupportedError, match="or a uniform or class-masked one trained with frozen"
    ):
        small(UniformProcess).with_template("C[*:1]")
    assert small(UniformProcess, frozen=True).with_template("C[*:1]").domain.template is not None
    padded = Padded(Smiles(["C", "O"]), 4)
    net = Transformer(3, max_length=4, width=8, depth=1, heads=2)
    writes_end = Model(net, MaskedProcess(3), padded, LengthLaw.fixed(4))
    with pytest.raises(UnsupportedError, match="whose length is given"):
        writes_end.with_template("C[*:1]")
    never = Model(net, MaskedProcess(3), Smiles(["C", "O", "N"]), LengthLaw.fixed(4))
    with pytest.raises(InputError, match="room for a design of 4 to 4 tokens.* it has 2 to 3"):
        never.with_template("C[*:1]", {1: (1, 2)})
    with pytest.raises(InputError, match="points: 1: length must be a positive integer, got 0"):
        never.with_template("C[*:1]", {1: 0})


def test_a_held_model_has_one_start_and_is_not_saved(tmp_path):
    model = small(MaskedProcess).with_template("C[*:1]")
    seeds = Seeds(["CC"], 0.5)
    for asked in ({"seeds": seeds}, {"template": Template(model.domain.alphabet, ["C"])}):
        with pytest.raises(InputError, match="template and seeds must be None for a model held"):
            FirstHitting(model).init(1, key=0, **asked)
    with pytest.raises(InputError, match="cannot be saved: save the model it is made of"):
        model.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()
    plain = small(MaskedProcess)
    assert plain.with_template("C[*:1]").denoiser is plain.denoiser
    assert plain.domain.template is None
