"""What the SMILES and SELFIES domains share: validity, canonical form, preparation, settings."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from rdkit.Chem import Mol

from discdiff import _check
from discdiff.chem import grammar, molecule, standardise
from discdiff.domain import Domain
from discdiff.errors import DataError
from discdiff.similarity import Likeness

STEREO = ("keep", "drop")
SALTS = ("keep", "strip", "refuse")


class Molecules(Domain):
    """A domain whose strings are SMILES; a subclass says what its tokens are.

    Args:
        tokens: the alphabet.
        stereo: ``"keep"`` stereochemistry in training data, or ``"drop"`` it.
        salts: ``"keep"`` several fragments; ``"strip"`` to the largest organic fragment of
            training data; or ``"refuse"`` such rows. Unless they are kept, a string of several
            fragments is invalid.
        max_atoms: largest valid molecule.

    Raises:
        InputError: if an option is not one of these, or a token cannot be one.
    """

    column = "SMILES"
    kind = "SMILES"
    options: ClassVar[tuple[str, ...]] = ("stereo", "salts", "max_atoms")
    """What `fit` takes: the constructor's arguments other than `tokens`."""
    examples: tuple[str, ...] = (
        "CCO",
        "CC(=O)Oc1ccccc1C(=O)O",
        "CC(=O)Nc1ccc(O)cc1",
        "CN1CCC[C@H]1c1cccnc1",
        "CC(C)Cc1ccc([C@@H](C)C(=O)O)cc1",
        "CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc21",
        "NS(=O)(=O)c1ccc(N)cc1",
        "C[N+](C)(C)CC(=O)[O-]",
    )

    def __init__(
        self,
        tokens: Sequence[str],
        stereo: str = "keep",
        salts: str = "strip",
        max_atoms: int = molecule.MAX_ATOMS,
    ) -> None:
        super().__init__(tokens)
        self.stereo = _check.one_of("stereo", stereo, STEREO)
        self.salts = _check.one_of("salts", salts, SALTS)
        self.max_atoms = _check.positive_int("max_atoms", max_atoms)

    @abstractmethod
    def join(self, tokens: Sequence[str]) -> str:
        """Return the SMILES of `tokens`."""

    def invalid_reason(self, string: str) -> str | None:
        fragments = grammar.MAX_FRAGMENTS if self.salts == "keep" else 1
        return molecule.invalid_reason(string, max_atoms=self.max_atoms, max_fragments=fragments)

    def canonical(self, string: str) -> str:
        return molecule.canonical(string)

    def prepare(self, string: str) -> str:
        """Return the canonical SMILES of `string` with salts and stereochemistry as set.

        Raises:
            DataError: with the reason, if the row cannot be used for training.
        """
        prepared = _standard(string, self.stereo, self.salts)
        reason = self.invalid_reason(prepared)
        if reason is not None:
            raise DataError(f"cannot use {grammar.shown(string)}: {reason}")
        return prepared

    def augment(self, string: str, generator: np.random.Generator) -> str:
        """Return a random spelling of `string` in the alphabet, else the canonical spelling."""
        spelling = standardise.random_spelling(string, generator)
        try:
            tokens = self.split(spelling)
        except DataError:
            return self.canonical(string)
        return spelling if all(t in self.alphabet for t in tokens) else self.canonical(string)

    def draw(self, string: str) -> str | None:
        """Return the structure of `string` as an SVG document, or None if it is no molecule."""
        from discdiff.chem import drawing  # slow to import, and only reports draw

        mol = molecule.parse(string)
        return None if mol is None else drawing.svg(mol)

    def likeness(self, strings: Sequence[str]) -> Likeness:
        """Return the function from a SMILES to its Tanimoto similarity to each of `strings`.

        Of Morgan bits of radius 2, folded to 2,048; the strings are valid SMILES.
        """
        from discdiff.chem.fingerprints import comparer, fingerprint

        make = fingerprint("ecfp4_2048")
        compare = comparer([make(_molecule(string)) for string in strings])
        return lambda string: compare(make(_molecule(string)))

    def alerts(self, string: str) -> int:
        """Return how many structural alerts (PAINS, Brenk, NIH) match a valid SMILES."""
        from discdiff.chem.oracles.alerts import Alerts

        return int(Alerts().value(_molecule(string)))

    def scaffold(self, string: str) -> str | None:
        """Return the SMILES of the Murcko scaffold of a valid SMILES; empty without a ring."""
        from discdiff.chem.scaffolds import scaffold

        return scaffold(_molecule(string), stereo=False)

    def fingerprints(self, strings: Sequence[str]) -> NDArray[np.float64]:
        """Return Morgan counts of radius 3 with chirality, folded to 2,048, of valid SMILES."""
        from discdiff.chem.fingerprints import folded_counts

        return folded_counts([_molecule(string) for string in strings])

    def settings(self) -> dict[str, object]:
        return {
            "tokens": list(self.alphabet.tokens),
            "stereo": self.stereo,
            "salts": self.salts,
            "max_atoms": self.max_atoms,
        }

    @classmethod
    def fit(cls, strings: Iterable[str], **options: Any) -> Self:
        """Return the domain whose alphabet is the sorted tokens of the prepared `strings`.

        Args:
            strings: training data, raw or prepared; a row that `prepare` refuses adds nothing.
            options: the constructor's arguments other than `tokens`.

        Raises:
            InputError: if an option is unknown or out of range.
            DataError: if no row can be used.
        """
        for key in options:
            _check.one_of("option", key, cls.options)
        probe = cls(("[C]",), **options)  # its alphabet plays no part in preparing and splitting
        found: set[str] = set()
        for string in strings:
            try:
                found.update(probe.split(probe.prepare(string)))
            except DataError:
                continue
        if not found:
            raise DataError(f"strings must hold a row that the {cls.name} domain can use, got none")
        return cls(sorted(found), **options)


def _molecule(smiles: str) -> Mol:
    mol = molecule.parse(smiles)
    if mol is None:
        raise DataError(f"{grammar.shown(smiles)} is not a molecule")
    return mol


# A chunk of data is prepared twice, to find its alphabet and then to be encoded.
@lru_cache(maxsize=8_192)
def _standard(smiles: str, stereo: str, salts: str) -> str:
    reading = molecule.read(smiles)
    if reading.reason is not None:
        raise DataError(f"cannot use {grammar.shown(smiles)}: {reading.reason}")
    form = reading.canonical
    if salts == "strip" and reading.fragments > 1:
        form = standardise.largest_organic_fragment(form)
    if stereo == "drop":
        form = standardise.without_stereo(form)
    return smiles if form == smiles else form
