from __future__ import annotations

from xml.etree import ElementTree

import pytest

from discdiff.chem import drawing, molecule
from discdiff.chem.smiles import Smiles


def test_a_drawing_is_an_svg_document_of_the_asked_size():
    root = ElementTree.fromstring(drawing.svg(molecule.parse("c1ccccc1O"), 300, 200))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert (root.get("width"), root.get("height")) == ("300px", "200px")
    bonds = {
        cls
        for path in root.iter("{http://www.w3.org/2000/svg}path")
        for cls in path.get("class", "").split()
        if cls.startswith("bond-")
    }
    assert len(bonds) == 7


def test_drawing_leaves_the_shared_molecule_without_coordinates():
    mol = molecule.parse("CCO")
    drawing.svg(mol)
    assert mol.GetNumConformers() == 0


@pytest.mark.parametrize("string", ["", "C1CC", "C" * 9_000])
def test_a_domain_draws_molecules_only(string):
    domain = Smiles(["C"])
    assert domain.draw(string) is None
    assert "<svg" in domain.draw("C")
