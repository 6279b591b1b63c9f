"""The SMILES domain: the tokens of a string are its characters, atoms and bonds in SMILES order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from discdiff.chem import grammar, molecule
from discdiff.chem.domain import Molecules
from discdiff.chem.fragments import fragments
from discdiff.domain import Domain
from discdiff.errors import DataError, InputError
from discdiff.gapped import Point


class Smiles(Molecules):
    r"""SMILES strings; ``join(split(s)) == s`` for every string that `split` accepts.

    Args:
        tokens: the alphabet, each a SMILES token (see `discdiff.chem.grammar`).
        stereo: ``"keep"`` or ``"drop"`` the stereochemistry of training data.
        salts: ``"keep"`` several fragments; ``"strip"`` training data to the largest organic
            fragment; or ``"refuse"`` such rows. Unless kept, several fragments are invalid.
        max_atoms: largest valid molecule.

    Raises:
        InputError: if an option is not one of these, or a token is not one SMILES token.

    Example:
        >>> domain = Smiles.fit(["OCC", "C[C@H](Cl)[NH3+].[Br-]"], stereo="drop")
        >>> domain.alphabet.tokens
        ('(', ')', 'C', 'Cl', 'O', '[NH3+]')
        >>> domain.prepare("C[C@H](Cl)[NH3+].[Br-]")
        'CC([NH3+])Cl'
        >>> domain.decode(domain.encode("ClCCO"))
        'ClCCO'
    """

    name = "smiles"
    keeps_scaffolds = True

    def __init__(
        self,
        tokens: Sequence[str],
        stereo: str = "keep",
        salts: str = "strip",
        max_atoms: int = molecule.MAX_ATOMS,
    ) -> None:
        super().__init__(tokens, stereo, salts, max_atoms)
        for token in self.alphabet.tokens:
            if not _is_token(token):
                raise InputError(f"tokens must each be one SMILES token, got {token!r}")

    def split(self, string: str) -> list[str]:
        return grammar.split(string)

    def join(self, tokens: Sequence[str]) -> str:
        return "".join(tokens)

    def fragments(self, tokens: Sequence[str]) -> list[tuple[int, int]]:
        """Return the runs of tokens that hang on the rest by one bond; see `fragments`."""
        return fragments(tokens)

    def token_classes(self) -> dict[str, tuple[str, ...]]:
        """Return the tokens of `branch`, `bond` and `ring`, what a molecule is held together by."""
        tokens = self.alphabet.tokens
        kinds = {
            "branch": tuple(token for token in tokens if token in ("(", ")")),
            "bond": tuple(token for token in tokens if grammar.is_bond(token)),
            "ring": tuple(token for token in tokens if grammar.is_digit(token)),
        }
        return {name: found for name, found in kinds.items() if found}

    def with_template(self, template: str, points: Mapping[int, Point], longest: int) -> Domain:
        """Return the domain of the SMILES that hold a scaffold; see `Scaffolded`."""
        from discdiff.chem.scaffolded import Scaffolded  # wraps a domain of this kind

        return Scaffolded(self, template, points, longest)


def _is_token(token: str) -> bool:
    try:
        return grammar.split(token) == [token]
    except DataError:
        return False
