"""The monomer library: residues made from side chains by rule, and caps for either end.

A monomer is a SMILES in which ``[*:1]`` stands at the nitrogen (R1), ``[*:2]`` at the carbonyl (R2)
and ``[*:3]`` on the side chain (R3). An open R is a hydrogen, on a carbonyl a hydroxyl. Symbols
follow the use of HELM: ``L``, ``dL`` (D), ``meL`` (N-methyl), ``Me_dL`` (both), and ``Nle``,
``dNle``, ``Me_Nle``, ``Me_dNle`` where a symbol has several letters.

Source: HELM, a hierarchical notation language for complex biomolecule structure representation
(Zhang et al., 2012).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType

from rdkit import Chem, rdBase

from discdiff import _check
from discdiff.chem.peptide import sidechains
from discdiff.chem.peptide.backbone import Graph, units
from discdiff.errors import DataError

RESIDUE, START, END = "residue", "start", "end"

_DEXTRO = Chem.MolFromSmarts("[#7,#8;$(*~[#0])][C@H]([#6;!$([#6]=O)])C(=O)[#0]")
_METHYL = Chem.MolFromSmarts("[CH3][NX3][#0]")

OTHER_BACKBONES = {
    "G": "CC(=O)",
    "Aib": "C(C)(C)C(=O)",
    "Ac5c": "C2(CCCC2)C(=O)",
    "Ac6c": "C2(CCCCC2)C(=O)",
    "Bal": "CCC(=O)",
    "GABA": "CCCC(=O)",
    "5-Ava": "CCCCC(=O)",
    "Ahx": "CCCCCC(=O)",
    "Sta": "[C@@H](CC(C)C)[C@@H](O)CC(=O)",
    "2Abz": "c2ccccc2C(=O)",
    "3Abz": "c2cccc(c2)C(=O)",
    "Bmt": "[C@@H]([C@H](O[*:3])[C@H](C)C/C=C/C)C(=O)",
}
"""What follows the nitrogen in residues that have no side chain, or another backbone."""

HYDROXY = {"Lac": "A", "Hiv": "V", "Hic": "L", "Hmp": "I", "aHmp": "aIle", "Pla": "F"}
"""Hydroxy acids, the oxygen in the place of nitrogen, and the amino acids they are like."""

WHOLE = {
    "pGlu": "[*:2]C(=O)[C@H]1NC(=O)CC1",
    "Asp_piperidide": "[*:1]N[C@H](C(=O)N2CCCCC2)CC(=O)[*:2]",
}
"""Residues that the rules do not make; the last is read only, it is written ``D`` and ``pip``."""

STARTS = {
    "ac": "CC(=O)[*:2]",
    "For": "O=C[*:2]",
    "prop": "CCC(=O)[*:2]",
    "piv": "CC(C)(C)C(=O)[*:2]",
    "deca": "CCCCCCCCCC(=O)[*:2]",
    "palm": "CCCCCCCCCCCCCCCC(=O)[*:2]",
    "Bz": "O=C(c1ccccc1)[*:2]",
    "Tfa": "FC(F)(F)C(=O)[*:2]",
    "glyco": "OCC(=O)[*:2]",
    "mpa": "O=C(CCS[*:3])[*:2]",
    "Boc": "CC(C)(C)OC(=O)[*:2]",
    "Cbz": "O=C(OCc1ccccc1)[*:2]",
    "Fmoc": "O=C(OCC1c2ccccc2-c2ccccc21)[*:2]",
}
ENDS = {
    "am": "N[*:1]",
    "NHMe": "CN[*:1]",
    "NMe2": "CN(C)[*:1]",
    "NHEt": "CCN[*:1]",
    "NHtBu": "CC(C)(C)N[*:1]",
    "NHiPr": "CC(C)N[*:1]",
    "NHBn": "c1ccccc1CN[*:1]",
    "pip": "C1CCCCN1[*:1]",
    "pyrr": "C1CCCN1[*:1]",
    "mor": "C1COCCN1[*:1]",
    "azagly": "NC(=O)NN[*:1]",
    "OMe": "CO[*:1]",
    "OEt": "CCO[*:1]",
    "OtBu": "CC(C)(C)O[*:1]",
    "OBn": "c1ccccc1CO[*:1]",
    "Thr-ol": "OC[C@@H](N[*:1])[C@H](O)C",
    "Phe-ol": "OC[C@H](Cc1ccccc1)N[*:1]",
    "Leu-ol": "OC[C@H](CC(C)C)N[*:1]",
}

ALIASES = {
    "ac-": "ac",
    "glyco-": "glyco",
    "deca-": "deca",
    "-pip": "pip",
    "Ac": "ac",
    "NH2": "am",
    "bAla": "Bal",
    "gAbu": "GABA",
    "bHph": "bhF",
    "bhPhe": "bhF",
    "hPhe": "Hph",
    "2-Nal": "Nal",
    "Npg": "Ala(tBu)",
    "Alg": "Gly(allyl)",
    "6-Ahx": "Ahx",
    "Hcy": "hCys",
    "Meval": "meV",
    "Me_Bmt(E)": "Me_Bmt",
    "Sta(3R 4R)": "dSta",
    "(N->O)Val": "Hiv",
    "(N->O)Leu": "Hic",
    "d(N->O)Val": "dHiv",
    "d(N->O)Leu": "dHic",
    "d(N->O)aIle": "daHmp",
}
"""Other symbols that are read; `Sar` is the one written for N-methylglycine."""


@dataclass(frozen=True)
class Monomer:
    """One monomer: its symbol, its SMILES with open R-groups, and what it is.

    `kind` says whether it is an amino acid or a cap of a start or an end; `dextro` is the D form of
    a residue that has one, and `methyl` the N-methyl form.
    """

    symbol: str
    smiles: str
    kind: str = RESIDUE
    dextro: bool = False
    methyl: bool = False

    @property
    def groups(self) -> tuple[int, ...]:
        """The numbers of its R-groups, in order."""
        return _groups(self.smiles)


@cache
def library() -> Mapping[str, Monomer]:
    """Return every monomer by its symbol.

    Example:
        >>> known = library()
        >>> known["L"].smiles, known["Me_dL"].smiles
        ('[*:1]N[C@@H](CC(C)C)C(=O)[*:2]', '[*:1]N(C)[C@H](CC(C)C)C(=O)[*:2]')
        >>> known["Hyp"].smiles, known["dHyp"].groups
        ('[*:1]N1[C@@H](C[C@@H](O[*:3])C1)C(=O)[*:2]', (1, 2, 3))
    """
    made = [*_residues()]
    made += [Monomer(symbol, smiles, START) for symbol, smiles in STARTS.items()]
    made += [Monomer(symbol, smiles, END) for symbol, smiles in ENDS.items()]
    return MappingProxyType({one.symbol: one for one in made})


def monomer(symbol: str) -> Monomer:
    """Return the monomer of a symbol or an alias, or the one that an inline SMILES spells.

    Raises:
        DataError: if there is none, with the nearest symbol.

    Example:
        >>> monomer("ac-").symbol, monomer("[*:1]NCC(=O)[*:2]").groups
        ('ac', (1, 2))
        >>> monomer("meLeu")
        Traceback (most recent call last):
        discdiff.errors.DataError: monomer 'meLeu' is not in the library. Did you mean 'meL'?
    """
    known = library()
    found = known.get(ALIASES.get(symbol, symbol))
    if found is not None:
        return found
    if "*" in symbol:
        return _inline(symbol)
    hint = _check.suggestion(symbol, [*known, *ALIASES])
    raise DataError(f"monomer {symbol!r} is not in the library.{hint}")


def mirrored(smiles: str) -> str:
    """Return the mirror image of a SMILES; itself where nothing is chiral.

    Example:
        >>> mirrored("N[C@@H](C)[C@H](O)C")
        'N[C@H](C)[C@@H](O)C'
    """
    return smiles.replace("@@", "\0").replace("@", "@@").replace("\0", "@")


def symbol_of(base: str, dextro: bool = False, methyl: bool = False) -> str:
    """Return the symbol of a form of the residue `base`.

    Example:
        >>> symbol_of("L", methyl=True), symbol_of("Nle", dextro=True, methyl=True)
        ('meL', 'Me_dNle')
    """
    symbol = "d" * dextro + base
    if not methyl:
        return symbol
    if base == "G":
        return "Sar"
    return f"me{symbol}" if len(symbol) == 1 else f"Me_{symbol}"


@lru_cache(maxsize=4_096)
def molecule(smiles: str) -> Chem.Mol:
    """Return the molecule of a monomer, its R-groups as dummy atoms with atom-map numbers."""
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        raise DataError(f"{smiles!r} is no monomer: RDKit cannot read it")
    return mol


def is_open(atom: Chem.Atom) -> bool:
    """Return whether an atom of a monomer is an R-group."""
    return atom.GetAtomicNum() == 0


def cap_of(atom: Chem.Atom) -> str:
    """Return what an open R-group on `atom` is: ``O`` (a hydroxyl) on a carbonyl, else ``H``."""
    acyl = atom.GetAtomicNum() == 6 and any(
        bond.GetBondType() == Chem.BondType.DOUBLE and bond.GetOtherAtom(atom).GetSymbol() == "O"
        for bond in atom.GetBonds()
    )
    return "O" if acyl else "H"


def _residues() -> Iterator[Monomer]:
    for base, after in _after_nitrogen().items():
        yield from _forms(base, "N", after, may_methylate=True)
    for base, side in sidechains.TO_NITROGEN.items():
        yield from _forms(base, "N1", f"[C@@H]({side})C(=O)", may_methylate=False)
    yield from _forms("P", "N1", f"[C@@H]({sidechains.NATURAL['P']})C(=O)", may_methylate=False)
    sides = sidechains.NATURAL | sidechains.ALKYL
    for base, like in HYDROXY.items():
        after = f"[C@@H]({sides[like]})C(=O)"
        yield from _forms(base, "O", after, may_methylate=False)
    for name, on_nitrogen in sidechains.ON_GLYCINE.items():
        yield Monomer(f"{name}_Gly", f"[*:1]N({on_nitrogen})CC(=O)[*:2]")
    for symbol, smiles in WHOLE.items():
        yield Monomer(symbol, smiles)
    yield Monomer("dpGlu", mirrored(WHOLE["pGlu"]), dextro=True)


def _after_nitrogen() -> dict[str, str]:
    sides = {
        **{letter: side for letter, side in sidechains.NATURAL.items() if letter != "P"},
        **sidechains.ALKYL,
        **sidechains.AROMATIC,
        **sidechains.substituted(),
        **sidechains.POLAR,
    }
    found = {base: f"[C@@H]({side})C(=O)" for base, side in sides.items()}
    found |= OTHER_BACKBONES
    for letter in "AVLIFKDESTWYM":
        found[f"bh{letter}"] = f"[C@@H]({sidechains.NATURAL[letter]})CC(=O)"
    for name in ("L", "F", "V", "Abu"):  # alpha-methyl
        found[f"aMe{name}"] = f"[C@@](C)({sides[name]})C(=O)"
    return found


def _forms(base: str, head: str, after: str, *, may_methylate: bool) -> Iterator[Monomer]:
    for dextro in (False, True) if "@" in after else (False,):
        chain = mirrored(after) if dextro else after
        for methyl in (False, True) if may_methylate else (False,):
            on_nitrogen = "(C)" if methyl else ""
            smiles = f"[*:1]{head}{on_nitrogen}{chain}[*:2]"
            symbol = symbol_of(base, dextro, methyl)
            yield Monomer(symbol, smiles, RESIDUE, dextro, methyl)


@lru_cache(maxsize=4_096)
def _groups(smiles: str) -> tuple[int, ...]:
    return tuple(sorted(a.GetAtomMapNum() for a in molecule(smiles).GetAtoms() if is_open(a)))


@lru_cache(maxsize=4_096)
def _inline(smiles: str) -> Monomer:
    mol = molecule(smiles)
    opened = [atom for atom in mol.GetAtoms() if is_open(atom)]
    groups = sorted(atom.GetAtomMapNum() for atom in opened)
    if not groups or 0 in groups or len(set(groups)) < len(groups):
        raise DataError(
            f"inline monomer {smiles!r} must have R-groups [*:1], [*:2], …, each at most once"
        )
    if any(atom.GetDegree() != 1 for atom in opened) or "." in smiles:
        raise DataError(f"inline monomer {smiles!r} must be one piece with R-groups at its ends")
    graph = Graph.of(mol)
    if units(graph, list(Chem.CanonicalRankAtoms(mol))):
        return Monomer(
            smiles,
            smiles,
            RESIDUE,
            dextro=mol.HasSubstructMatch(_DEXTRO, useChirality=True),
            methyl=mol.HasSubstructMatch(_METHYL),
        )
    return Monomer(smiles, smiles, END if 1 in groups else START)
