"""Scaffold templates: what is read, what may grow where, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from rdkit import Chem

from discdiff.chem import grammar, template
from discdiff.chem.growth import Growth, Place
from discdiff.chem.smiles import Smiles
from discdiff.domain import Alphabet
from discdiff.errors import InputError
from discdiff.gapped import Point
from discdiff.model import LengthLaw

DRUGS = [
    line.split()[0]
    for line in (Path(__file__).parents[1] / "golden" / "molecules.smi").read_text().splitlines()
    if "." not in line.split()[0]
]
TOKENS = Alphabet(["#", "(", ")", "-", ".", "/", "1", "2", "=", "C", "F", "N", "[H]", "c", "*"])


def closed(run):
    """Whether brackets and ring digits of a run are its own."""
    depth, rings = 0, set()
    for token in run:
        depth += (token == "(") - (token == ")")
        if depth < 0:
            return False
        if token.isdigit() or token.startswith("%"):
            rings ^= {token}
    return depth == 0 and not rings


def is_atom(token):
    return token[0].isalpha() or token[0] == "["


def cuts(tokens):
    """Every way to read a spelling as a scaffold with one substituent: (first, last) of the run.

    Found on the spelling alone: a branch, what ends the string or what begins it, whose brackets
    and ring digits are its own.
    """
    size = len(tokens)
    for i in range(1, size):
        if is_atom(tokens[i]) and closed(tokens[:i]):
            yield 0, i - (tokens[i - 1] in "=#")  # what begins the string, before an atom
        if is_atom(tokens[i]) and closed(tokens[i:]) and tokens[i - 1] not in "(":
            yield i, size
        if tokens[i - 1] == "(":
            end = next(
                j
                for j in range(i, size)
                if tokens[i - 1 : j + 1].count(")") == tokens[i - 1 : j + 1].count("(")
            )
            single = tokens[i] in ("-", "/", "\\") or is_atom(tokens[i])
            if closed(tokens[i:end]):
                yield (i, end) if single else (i + 1, end)


@st.composite
def cut_molecules(draw):
    mol = Chem.MolFromSmiles(draw(st.sampled_from(DRUGS)))
    seed = draw(st.integers(1, 2**31 - 1))
    spelling = Chem.MolToRandomSmilesVect(mol, 1, randomSeed=seed)[0]
    found = sorted(set(cuts(grammar.split(spelling))))
    return spelling, draw(st.sampled_from(found)) if found else None


@settings(max_examples=150, phases=(Phase.explicit, Phase.generate))  # a drug does not shrink
@given(cut_molecules())
def test_what_a_smiles_writer_puts_there_may_stand_there(cut):
    """A molecule cut at one bond: the scaffold reads, and the rest of the string may grow."""
    spelling, found = cut
    if found is None:
        return
    tokens = grammar.split(spelling)
    first, last = found
    alphabet = Alphabet(sorted(set(tokens)))
    read = template.read("".join([*tokens[:first], "[*:7]", *tokens[last:]]))
    room = {7: Point(length=(last - first, last - first))}
    layout = template.gapped(read, alphabet, room, longest=len(tokens))
    (only,), _ = layout.draw(LengthLaw.fixed(len(tokens)), torch.full((1, 2), 0.5).double())
    ids = torch.tensor([alphabet.index(token) for token in tokens])
    fixed = only.tokens != alphabet.mask_id
    assert fixed.tolist() == [not first <= i < last for i in range(len(tokens))]
    assert torch.equal(ids[fixed], only.tokens[fixed])
    assert only.allowed[torch.arange(len(ids)), ids].all()


def run(alphabet=TOKENS, leads=False, bonded=False, rings="", most=8, **point):
    place = Place(1, leads, bonded, frozenset(rings))
    return Growth(alphabet, place, 1, most, Point(**point))


def spelt(choices):
    return [" ".join(choice) for choice in choices]


def test_what_may_stand_in_a_branch_or_at_the_end():
    assert spelt(run().choices(1)) == ["C F N c"]
    assert spelt(run().choices(2)) == ["- / C F N c", "C F N c"]
    assert spelt(run().choices(4)) == [
        "- / C F N c",
        "# ( - / = C F N c",
        "# - / = C F N c",
        ") C F N c",
    ]
    assert spelt(run().choices(5))[1] == "# ( - / 1 2 = C F N c"
    assert spelt(run().choices(5))[2] == "# ( - / = C F N c"
    assert spelt(run().choices(5))[4] == ") 1 2 C F N c"


def test_what_may_stand_before_the_scaffold():
    assert spelt(run(leads=True).choices(1)) == ["C F N c"]
    assert spelt(run(leads=True).choices(3)) == ["C F N c", "# - / = C F N c", "- / C F N c"]
    assert "1" in run(leads=True).choices(5)[4]


def test_a_written_bond_is_the_only_one():
    assert spelt(run(bonded=True).choices(2))[0] == "C F N c"
    assert spelt(run(leads=True, bonded=True).choices(2))[1] == "C F N c"


def test_open_ring_digits_are_left_out_and_closed_ones_used_again():
    read = template.read("c1cc2c([*:1])c[nH]c2cc1[*:2]")
    rings = {place.number: place.open_rings for place in read.places.values()}
    assert rings == {1: {"1", "2"}, 2: frozenset()}
    assert not {"1", "2"} & set(run(rings="12").choices(5)[4])
    assert {"1", "2"} <= set(run().choices(5)[4])


def test_two_digits_of_a_percent_sign_are_one_ring():
    read = template.read("C%12CC([*:1])CC%12[*:2]")
    assert [sorted(p.open_rings) for p in read.places.values()] == [["%12"], []]


def test_lists_of_the_user_come_on_top():
    assert spelt(run(tokens=("C", "N", "=")).choices(3)) == ["C N", "C N =", "C N"]
    found = run(positions=("N", None, ("C", "F"))).choices(4)
    assert spelt(found)[0] == "N"
    assert spelt(found)[1] == "# ( - / = C F N c"
    assert spelt(found)[2:] == ["C F", ") C F N c"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("c1ccccc1", r"must have an attachment point such as \[\*:1\], got 'c1ccccc1'"),
        ("CC([*:1])C[*:1]", r"must number its points differently, got \[\*:1\] twice"),
        ("CC*", r"must write its points as \[\*:1\].*got '\*' at position 2"),
        ("CC[1*]", r"got '\[1\*\]' at position 2"),
        ("C[CH2:1]C[*:2]", r"number no other atom, got '\[CH2:1\]' at position 1"),
        ("CC[*:0]", r"got '\[\*:0\]' at position 2"),
        ("CC.C[*:1]", r"must be one fragment, got '\.' at position 2"),
        ("C1CC[*:1]", "must be a SMILES, got 'C1CC.*: syntax error"),
        ("C(C)(C)(C)(C)[*:1]", "must be a SMILES.*: impossible valence"),
        ("c1cccc1[*:1]", "must be a SMILES.*: cannot be kekulized"),
        ("CCX[*:1]", "must be a SMILES: unexpected 'X' at position 2"),
        ("C[*:1]C", r"one atom of the scaffold, got \[\*:1\] with 2 neighbours"),
        ("C1C[*:1]1", r"one atom of the scaffold, got \[\*:1\] with 2 neighbours"),
        ("[*:1][*:2]", r"one atom of the scaffold, got \[\*:1\] with 1 neighbours"),
        ("[*:1]", r"one atom of the scaffold, got \[\*:1\] with 0 neighbours"),
        ("C" * 3000 + "[*:1]", "must be a SMILES.*more than 2000 characters"),
        ("", r"must have an attachment point such as \[\*:1\], got ''"),
        (None, "template must be a string, got None"),
    ],
)
def test_what_is_no_template_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        template.read(text)


HELD = "c1ccc([*:1])cc1"
DOMAIN = Smiles(["(", ")", "1", "=", "C", "N", "c"])


@pytest.mark.parametrize(
    ("text", "points", "longest", "message"),
    [
        ("c1cc(O)c([*:1])cc1", {}, 20, r"got 'O' at position 5 of 'c1cc\(O\).*not one of them"),
        ("c1cc(Cl)c([*:1])cc1", {}, 20, "got 'Cl' at position 5.*Did you mean 'C'"),
        (HELD, {2: Point()}, 20, "points must be those of the template, 1, got 2"),
        (HELD, {}, 10, "it needs at least 11 tokens, and the model writes at most 10"),
        (HELD, {1: Point((5, 6))}, 14, "it needs at least 15 tokens"),
        (HELD, {1: Point((2, 2), ("=",))}, 20, "point 1: nothing that is allowed may stand at 0 "),
        (HELD, {1: Point((1, 2), None, ("C",) * 3)}, 20, "point 1: positions must be at most 2"),
        (HELD, {1: Point((2, 2), None, (None, "("))}, 20, "at 1 of a run of 2 tokens"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(text, points, longest, message):
    with pytest.raises(InputError, match=message):
        DOMAIN.with_template(text, points, longest)


def test_an_unknown_token_of_a_list_is_named():
    with pytest.raises(InputError, match="point 1: token 'X' is not in the alphabet"):
        DOMAIN.with_template(HELD, {1: Point(tokens=("X",))}, 20)
    with pytest.raises(InputError, match="point 1: token 'Y' is not in the alphabet"):
        DOMAIN.with_template(HELD, {1: Point(positions=("Y",))}, 20)


def test_a_range_ends_where_the_model_does():
    held = DOMAIN.with_template(HELD, {1: Point((2, 1_000_000_000))}, 14)
    assert (held.template.low, held.template.high) == (12, 14)
    two = DOMAIN.with_template("c1cc([*:2])c([*:1])cc1", {1: Point((3, 9))}, 18)
    assert (two.template.low, two.template.high) == (12 + 1 + 3, 12 + 3 + 5)
