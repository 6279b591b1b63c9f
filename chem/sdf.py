"""Tables of molecules as SDF: coordinates of a drawing, and every column as a property."""

from __future__ import annotations

from rdkit import Chem
from rdkit.Chem import rdDepictor

from discdiff.chem.molecule import invalid_reason, parse
from discdiff.data.tables import Table, text_of
from discdiff.errors import DataError

_TAG = str.maketrans({"<": "(", ">": ")", "\n": " ", "\r": " "})  # a tag ends at the first ">"


def sdf_bytes(table: Table) -> bytes:
    r"""Write one record a row, in two dimensions, named after the column `id` where there is one.

    Cells without a value are left out. Line breaks in a cell become blanks, angle brackets in the
    name of a column round ones: they would end a property and a tag.

    Args:
        table: its first column is named SMILES and holds molecules.

    Raises:
        DataError: if it does not, with the row.

    Example:
        >>> print(sdf_bytes(Table(("SMILES", "Score"), [("CO", 0.5)])).decode().split("END")[1])
        <BLANKLINE>
        >  <SMILES>  (1)
        CO
        <BLANKLINE>
        >  <Score>  (1)
        0.5
        <BLANKLINE>
        $$$$
        <BLANKLINE>
    """
    if table.columns[0] != "SMILES":
        raise DataError(f"an SDF file needs a first column SMILES, got {table.columns[0]!r}")
    names = table.column("id") if "id" in table.columns else [None] * len(table.rows)
    return "".join(
        _record(number, table.columns, [text_of(cell) for cell in row], text_of(name))
        for number, (row, name) in enumerate(zip(table.rows, names, strict=True), start=1)
    ).encode()


def _record(number: int, columns: tuple[str, ...], cells: list[str], name: str) -> str:
    found = parse(cells[0])
    if found is None:
        raise DataError(f"row {number}: {cells[0]!r} is no molecule: {invalid_reason(cells[0])}")
    mol = Chem.Mol(found)  # the parsed one is shared
    rdDepictor.Compute2DCoords(mol)
    mol.SetProp("_Name", name)
    block = Chem.MolToMolBlock(mol)
    properties = "".join(
        f">  <{column.translate(_TAG)}>  ({number})\n{' '.join(cell.splitlines())}\n\n"
        for column, cell in zip(columns, cells, strict=True)
        if cell
    )
    return f"{block}{properties}$$$$\n"
