"""The SELFIES domain: tokens are SELFIES symbols, strings are SMILES, so oracles see SMILES.

Any sequence of symbols decodes to some SMILES, possibly the empty one. ``join(split(s))`` is
another spelling (without aromatic atoms) of the molecule `s`: lossless up to the canonical form,
which `Selfies.prepare` checks for each row of training data. A symbol that states its hydrogens,
such as ``[C@H1]``, may find fewer bonds than it needs; it then gets hydrogens like any other, so no
design is a radical, and radicals are refused as training data. The semantic constraints of the
`selfies` package, which are global, are used as they are and never changed.

Source: Self-referencing embedded strings (SELFIES): a 100 % robust molecular string
representation (Krenn et al., 2020, arXiv 1905.13741).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from functools import lru_cache

import selfies

from discdiff.chem import grammar, molecule
from discdiff.chem.domain import Molecules
from discdiff.errors import DataError, InputError

_BUILDS = {
    "branch": re.compile(r"\[[=#]?Branch[123]\]"),
    "ring": re.compile(r"\[(?:[=#]|[-/\\]{2})?Ring[123]\]"),
}
MAX_SYMBOLS = 1500
"""Longest sequence that is decoded: the decoder recurses into branches."""


class Selfies(Molecules):
    """Molecules as SELFIES symbols; the strings of the domain are SMILES.

    Args:
        tokens: the alphabet, each a SELFIES symbol or ``"."``.
        stereo: ``"keep"`` or ``"drop"`` the stereochemistry of training data.
        salts: ``"keep"`` several fragments; ``"strip"`` training data to the largest organic
            fragment; or ``"refuse"`` such rows. Unless kept, several fragments are invalid.
        max_atoms: largest valid molecule.

    Raises:
        InputError: if an option is not one of these, or a token is not a SELFIES symbol.

    Example:
        >>> domain = Selfies.fit(["c1ccccc1O"])
        >>> domain.alphabet.tokens
        ('[=Branch1]', '[=C]', '[C]', '[O]', '[Ring1]')
        >>> domain.split("OC=C"), domain.join(["[O]", "[C]", "[=C]"])
        (['[O]', '[C]', '[=C]'], 'OC=C')
        >>> domain.canonical(domain.decode(domain.encode("c1ccccc1O")))
        'Oc1ccccc1'
    """

    name = "selfies"
    spelt = False

    def __init__(
        self,
        tokens: Sequence[str],
        stereo: str = "keep",
        salts: str = "strip",
        max_atoms: int = molecule.MAX_ATOMS,
    ) -> None:
        super().__init__(tokens, stereo, salts, max_atoms)
        for token in self.alphabet.tokens:
            if not _is_symbol(token):
                raise InputError(f"tokens must each be a SELFIES symbol, got {token!r}")

    def split(self, string: str) -> list[str]:
        """Return the SELFIES symbols of the SMILES `string`.

        Raises:
            DataError: if `string` is not SMILES or SELFIES cannot express it, with the reason.
        """
        reason = grammar.hazard(string) or grammar.spelling_fault(string)
        if reason is not None:
            raise DataError(f"{grammar.shown(string)} has no SELFIES: {reason}")
        return list(_symbols(string))

    def token_classes(self) -> dict[str, tuple[str, ...]]:
        """Return the symbols of `branch` and `ring`, what a molecule is held together by."""
        tokens = self.alphabet.tokens
        kinds = {
            name: tuple(token for token in tokens if _BUILDS[name].fullmatch(token))
            for name in _BUILDS
        }
        return {name: found for name, found in kinds.items() if found}

    def join(self, tokens: Sequence[str]) -> str:
        """Return the SMILES that `tokens` derive; symbols that cannot bind add nothing.

        Raises:
            InputError: if there are more than 1,500 tokens, which could nest too deep to decode.
        """
        if len(tokens) > MAX_SYMBOLS:
            raise InputError(f"tokens must number at most {MAX_SYMBOLS}, got {len(tokens)}")
        return molecule.saturated(_decode("".join(tokens)))

    def prepare(self, string: str) -> str:
        prepared = super().prepare(string)
        if not _expressible(prepared):
            raise DataError(f"cannot use {grammar.shown(string)}: SELFIES changes the molecule")
        return prepared


# Preparing, augmenting and fitting split a string that is then split again to be encoded.
@lru_cache(maxsize=8_192)
def _symbols(smiles: str) -> tuple[str, ...]:
    try:
        symbols = selfies.split_selfies(selfies.encoder(smiles))
    except selfies.EncoderError as error:
        cause = error.__cause__
        reason = getattr(cause, "reason", None) or str(error).partition("\n")[0]
        raise DataError(f"{grammar.shown(smiles)} has no SELFIES: {reason}") from error
    except (KeyError, IndexError) as error:  # the encoder's tables, on unheard-of aromatic atoms
        raise DataError(f"{grammar.shown(smiles)} has no SELFIES: kekulization failed") from error
    return tuple(map(sys.intern, symbols))


@lru_cache(maxsize=8_192)
def _expressible(smiles: str) -> bool:
    decoded = molecule.saturated(_decode("".join(_symbols(smiles))))
    return molecule.read(decoded).canonical == smiles


def _decode(symbols: str) -> str:
    smiles: str = selfies.decoder(symbols)
    return smiles


def _is_symbol(token: str) -> bool:
    if token == ".":
        return True
    try:
        _decode(token)
        return list(selfies.split_selfies(token)) == [token]
    except (selfies.DecoderError, ValueError):
        return False
