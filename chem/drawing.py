"""Drawings of molecules as SVG documents."""

from __future__ import annotations

from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D


def svg(mol: Chem.Mol, width: int = 240, height: int = 180) -> str:
    """Return `mol` drawn in two dimensions on a white ground.

    Args:
        mol: a molecule, which is left as it is.
        width: of the drawing, in pixels.
        height: of the drawing, in pixels.

    Example:
        >>> from discdiff.chem.molecule import parse
        >>> "<path class='bond-0 atom-0 atom-1'" in svg(parse("CCO"))
        True
    """
    drawer = rdMolDraw2D.MolDraw2DSVG(width, height)
    rdMolDraw2D.PrepareAndDrawMolecule(drawer, Chem.Mol(mol))
    drawer.FinishDrawing()
    text: str = drawer.GetDrawingText()
    return text
