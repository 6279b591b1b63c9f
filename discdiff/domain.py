"""Alphabets and the contract between strings and tokens that every domain fulfils."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from discdiff import _check
from discdiff.errors import DataError, InputError, UnsupportedError
from discdiff.similarity import Likeness, shared_runs
from discdiff.strip import strip

if TYPE_CHECKING:
    from discdiff.denoiser import Denoiser
    from discdiff.gapped import Gapped, Point, Templates


class Alphabet:
    """The V sampleable tokens, ids 0..V-1; the mask is V and PAD is V+1, both outside it.

    Args:
        tokens: V distinct, non-empty strings.

    Raises:
        InputError: if a token is empty or occurs twice.

    Example:
        >>> a = Alphabet("ACGT")
        >>> len(a), a.index("G"), a.mask_id, a.pad_id
        (4, 2, 4, 5)
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = tuple(tokens)
        self._index = {token: i for i, token in enumerate(self.tokens)}
        if not self.tokens or "" in self._index or len(self._index) != len(self.tokens):
            raise InputError(f"tokens must be distinct and non-empty, got {list(tokens)!r}")

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._index

    @property
    def mask_id(self) -> int:
        """Id of the mask: V."""
        return len(self.tokens)

    @property
    def pad_id(self) -> int:
        """Id of PAD: V + 1, an input id only."""
        return len(self.tokens) + 1

    def index(self, token: str) -> int:
        """Return the id of `token`; raises `DataError` with the nearest token if it is unknown."""
        try:
            return self._index[token]
        except KeyError:
            hint = _check.suggestion(token, self.tokens)
            raise DataError(f"token {token!r} is not in the alphabet.{hint}") from None


class Domain(ABC):
    """Strings of one kind: how they become tokens, when they are valid, what form is canonical."""

    name: str
    column: str = "sequence"
    """Heading of a column of its strings in a table."""
    kind: str = ""
    """What its strings are to an oracle: SMILES, DNA, RNA, peptide or one's own word; empty where
    any may read them."""
    examples: tuple[str, ...] = ()
    """A few valid strings, to try an oracle on."""
    keeps_scaffolds: bool = False
    """Whether `with_template` can hold designs to a scaffold: the string has one for its tokens."""
    spelt: bool = True
    """Whether `split` finds the tokens that a string was joined from."""
    template: Gapped | None = None
    """What every design starts from; see `with_template`."""
    spells_templates: bool = False
    """Whether `read_template` reads what is fixed at each position out of a text."""
    colours: Mapping[str, str] = {}
    """The ground that each token is drawn on, light enough for black letters.

    A domain with colours is one of sequences: it is drawn as letters, and a report shows logos and
    the effect of substitutions."""
    flanks: tuple[str, str] = ("", "")
    """Strings before and after every design that oracles are shown and nothing changes."""
    unobserved: str | None = None
    """Token that says in data that a position was not seen; None where all must be. Its id is that
    of the mask: training shows it as masked and does not score it."""
    notations: tuple[str, ...] = ()
    """Other ways to write its strings, such as ``helm``; `prepare` reads those it can."""

    def __init__(self, alphabet: Sequence[str]) -> None:
        self.alphabet = Alphabet(alphabet)

    @abstractmethod
    def split(self, string: str) -> list[str]:
        """Return the tokens of `string`; raises `DataError` naming the position that fails."""

    def join(self, tokens: Sequence[str]) -> str:
        """Return the string of `tokens`: the inverse of `split`."""
        return "".join(tokens)

    @abstractmethod
    def invalid_reason(self, string: str) -> str | None:
        """Return None if `string` is valid, else the reason in a few words."""

    def canonical(self, string: str) -> str:
        """Return the canonical form of a valid `string`."""
        return string

    def prepare(self, string: str) -> str:
        """Return `string` as the model should learn it; raises `DataError` with the reason."""
        return string

    def augment(self, string: str, generator: np.random.Generator) -> str:
        """Return another spelling of the same thing, for training; by default `string` itself."""
        return string

    def draw(self, string: str) -> str | None:
        """Return a drawing of a valid `string` as an SVG document, or None where there is none.

        By default its letters in `colours`, where the domain has them.
        """
        return strip(self.split(string), self.colours) if self.colours else None

    def written(self, string: str, notation: str) -> str | None:
        """Return a valid `string` in one of `notations`, None where it cannot be written so.

        A notation means the same in every domain, so a string of one can be prepared by another.

        Raises:
            UnsupportedError: if the domain does not have the notation.
        """
        raise UnsupportedError(f"the {self.name} domain writes no {notation}")

    def likeness(self, strings: Sequence[str]) -> Likeness:
        """Return the function from a valid string to its similarity to each of `strings`.

        Similarities lie in [0, 1], are symmetric and 1 for equal strings; batches are chosen and
        measured values carried over by them. By default runs of letters are compared.
        """
        return shared_runs(strings)

    def alerts(self, string: str) -> int | None:
        """Return how many known warnings a valid string gives; None where none are known."""
        return None

    def scaffold(self, string: str) -> str | None:
        """Return what the valid strings of a series share; None where there is no such thing."""
        return None

    def fingerprints(self, strings: Sequence[str]) -> NDArray[np.float64] | None:
        """Return what is counted in each valid string, `(N, F)`; None where nothing is."""
        return None

    def fragments(self, tokens: Sequence[str]) -> list[tuple[int, int]] | None:
        """Return the runs of tokens that may be replaced as a whole, from first up to after.

        None where strings of this kind have no such parts.

        Args:
            tokens: of a string, valid or not.
        """
        return None

    def token_classes(self) -> dict[str, tuple[str, ...]]:
        """Return the tokens of each class that a process may mask on a schedule of its own.

        By default there is none: all tokens are alike. A token is in one class at most.
        """
        return {}

    def with_template(self, template: str, points: Mapping[int, Point], longest: int) -> Domain:
        """Return this domain held to a scaffold: it has a `template`, and says what lost it.

        A domain that can sets `keeps_scaffolds`. See `Model.with_template`.

        Args:
            template: the scaffold, with numbered attachment points.
            points: what may grow at a point, by its number.
            longest: most tokens of a design.

        Raises:
            InputError: if the template is no scaffold with points, or `points` does not fit it.
            UnsupportedError: if strings of this kind keep no scaffold.
        """
        raise UnsupportedError(f"the {self.name} domain cannot keep a scaffold")

    def symmetrised(self, denoiser: Denoiser) -> Denoiser:
        """Return a denoiser averaged over the symmetry of its strings.

        Raises:
            UnsupportedError: if strings of this kind have none.
        """
        raise UnsupportedError(f"equivariant must be false: {self.name} strings have no symmetry")

    def read_template(self, text: str) -> Templates:
        """Return what `text` fixes at each position of a design.

        A domain that can sets `spells_templates`.

        Raises:
            InputError: if it is no such text.
            UnsupportedError: if strings of this kind have no such texts.
        """
        raise UnsupportedError(f"the {self.name} domain reads no templates")

    def demands(self) -> dict[str, object]:
        """Return what is asked of a design beyond its being valid, as JSON values."""
        return {}

    @abstractmethod
    def settings(self) -> dict[str, object]:
        """Return the constructor's arguments, as JSON values."""

    @classmethod
    @abstractmethod
    def fit(cls, strings: Iterable[str], **options: object) -> Self:
        """Return the domain whose alphabet is the set of tokens of `strings`.

        Raises:
            InputError: if an option is unknown or wrong.
            DataError: if there is no token.
        """

    def encode(self, string: str) -> list[int]:
        """Return the token ids of `string`, the mask's where a position is `unobserved`.

        Raises:
            DataError: naming a token that is not in the alphabet, and its position.
        """
        ids = []
        for position, token in enumerate(self.split(string)):
            if token == self.unobserved:
                ids.append(self.alphabet.mask_id)
                continue
            if token not in self.alphabet:
                hint = _check.suggestion(token, self.alphabet.tokens)
                raise DataError(
                    f"token {token!r} at position {position} of {string!r} is not in the "
                    f"alphabet.{hint}"
                )
            ids.append(self.alphabet.index(token))
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Return the string of `ids`; PAD is dropped, a mask raises `InputError`."""
        size = len(self.alphabet)
        kept = [i for i in ids if i != size + 1]
        for position, i in enumerate(kept):
            if not 0 <= i < size:
                raise InputError(
                    f"ids must lie in [0, {size}), got {i} at position {position}"
                    + (" (the mask: the sequence is not finished)" if i == size else "")
                )
        return self.join([self.alphabet.tokens[i] for i in kept])

    def encode_batch(self, strings: Sequence[str], width: int | None = None) -> Tensor:
        """Return int64 tokens `(B, width)`, padded on the right (width: the longest by default)."""
        rows = [self.encode(s) for s in strings]
        longest = max((len(r) for r in rows), default=0)
        width = longest if width is None else width
        if longest > width:
            raise InputError(f"width must be at least {longest}, got {width}")
        tokens = torch.full((len(rows), width), self.alphabet.pad_id, dtype=torch.int64)
        for i, row in enumerate(rows):
            tokens[i, : len(row)] = torch.tensor(row, dtype=torch.int64)
        return tokens

    def decode_batch(self, tokens: Tensor) -> list[str]:
        """Return one string for each row of int64 tokens `(B, L)`."""
        return [self.decode(row) for row in tokens.tolist()]


class Template:
    """Fixed tokens, free positions and per-position alphabets of a design.

    Args:
        alphabet: the domain's alphabet.
        positions: for each position a token that is fixed, None where any token may stand, or a
            collection of the tokens that may stand there.

    Raises:
        InputError: if there is no position, or an empty collection.
        DataError: if a token is not in the alphabet.

    Example:
        >>> template = Template(Alphabet("ACGT"), ["A", None, {"C", "G"}])
        >>> template.tokens.tolist(), template.allowed.sum(1).tolist()
        ([0, 4, 4], [4, 4, 2])
    """

    def __init__(
        self, alphabet: Alphabet, positions: Sequence[str | Collection[str] | None]
    ) -> None:
        if not positions:
            raise InputError("positions must name at least one position, got none")
        self.alphabet = alphabet
        self.tokens = torch.full((len(positions),), alphabet.mask_id, dtype=torch.int64)
        self.allowed = torch.ones(len(positions), len(alphabet), dtype=torch.bool)
        for i, choice in enumerate(positions):
            if isinstance(choice, str):
                self.tokens[i] = self._id(choice, i)
            elif choice is not None:
                ids = [self._id(token, i) for token in choice]
                if not ids:
                    raise InputError(f"positions must each allow a token, got none at {i}")
                self.allowed[i] = False
                self.allowed[i, ids] = True

    def _id(self, token: str, position: int) -> int:
        try:
            return self.alphabet.index(token)
        except DataError as error:
            raise DataError(f"position {position} of the template: {error}") from None

    def __len__(self) -> int:
        return len(self.tokens)

    @classmethod
    def joined(cls, templates: Sequence[Template]) -> Self:
        """Return one template of several, end to end."""
        whole = cls(templates[0].alphabet, [None] * sum(map(len, templates)))
        whole.tokens = torch.cat([template.tokens for template in templates])
        whole.allowed = torch.cat([template.allowed for template in templates])
        return whole

    def allowed_over(self, width: int, device: torch.device) -> Tensor | None:
        """Return the alphabets as bool `(width, V)`, or None where every token is allowed."""
        if bool(self.allowed.all()):
            return None
        full = torch.ones(width, len(self.alphabet), dtype=torch.bool)
        full[: len(self)] = self.allowed
        return full.to(device)


class Letters(Domain):
    """One letter, one token; every non-empty string over the letters is valid.

    Args:
        letters: the alphabet, for example ``"ACGT"``.

    Raises:
        InputError: if a letter occurs twice.

    Example:
        >>> dna = Letters("ACGT")
        >>> dna.encode("GATT"), dna.decode([2, 0, 3, 3])
        ([2, 0, 3, 3], 'GATT')
    """

    name = "letters"

    def __init__(self, letters: str) -> None:
        super().__init__(letters)

    def split(self, string: str) -> list[str]:
        return list(string)

    def invalid_reason(self, string: str) -> str | None:
        if not string:
            return "empty"
        stray = next((c for c in string if c not in self.alphabet), None)
        return None if stray is None else f"letter {stray!r} is not in the alphabet"

    def settings(self) -> dict[str, object]:
        return {"letters": "".join(self.alphabet.tokens)}

    @classmethod
    def fit(cls, strings: Iterable[str], **options: object) -> Self:
        """Return the domain of the letters of `strings`; it takes no options.

        Raises:
            InputError: if an option is given.
            DataError: if there is no letter.
        """
        if options:
            raise InputError(f"options must be none, got {', '.join(options)}")
        letters = sorted({c for s in strings for c in s})
        if not letters:
            raise DataError("strings must hold a letter, got none")
        return cls("".join(letters))
