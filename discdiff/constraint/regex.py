r"""Regular expressions over tokens, compiled to automata.

A token is written as itself, the longest one of the alphabet that fits; where it holds a sign of
the language, in quotes, ``'C(=O)N'``, or after a backslash. ``.`` is any token, ``[AG]`` one of
several, ``[^AG]`` any other, ``|`` either, ``( )`` a group; ``*``, ``+``, ``?``, ``{3}``,
``{2,}`` and ``{2,5}`` repeat what stands before them. The whole sequence must match.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from discdiff import _check
from discdiff.constraint.automaton import Automaton
from discdiff.constraint.nfa import Maker, Nfa, Part, Tokens
from discdiff.domain import Alphabet
from discdiff.errors import InputError

SIGNS = ".[]()|*+?{}'\\^"
MAX_REPEATS = 1000


def compiled(pattern: str, alphabet: Alphabet) -> Automaton:
    """Return the automaton of the sequences that match `pattern` as a whole.

    Args:
        pattern: the expression.
        alphabet: the tokens.

    Raises:
        InputError: if it cannot be read; the message has the position.

    Example:
        >>> dna = Alphabet("ACGT")
        >>> match = compiled("A(C|GT)*.", dna)
        >>> match.accepts([0, 1, 2, 3, 3]), match.accepts([0, 1, 2])
        (True, True)
        >>> compiled("AXC", dna)
        Traceback (most recent call last):
        discdiff.errors.InputError: regex 'AXC' has no token of the alphabet at position 1: 'X'
    """
    return _Reader(pattern, alphabet).automaton()


class _Reader:
    """Reads an expression by recursive descent."""

    def __init__(self, pattern: str, alphabet: Alphabet) -> None:
        if not isinstance(pattern, str):
            raise InputError(f"regex must be text, got {pattern!r}")
        self.pattern, self.alphabet, self.place = pattern, alphabet, 0
        self.longest_first = sorted(alphabet.tokens, key=len, reverse=True)

    def automaton(self) -> Automaton:
        make = self._either()
        if self.place < len(self.pattern):
            raise self._fault("has no '(' for the ')'", self.place)
        nfa = Nfa()
        return nfa.determined(make(nfa), len(self.alphabet))

    def _fault(self, what: str, place: int, shown: str | None = None) -> InputError:
        ending = "" if shown is None else f": {shown!r}"
        return InputError(f"regex {self.pattern!r} {what} at position {place}{ending}")

    def _next(self, sign: str) -> bool:
        """Read `sign` if it comes next."""
        found = self.pattern.startswith(sign, self.place)
        self.place += len(sign) * found
        return found

    def _either(self) -> Maker:
        makers = [self._row()]
        while self._next("|"):
            makers.append(self._row())
        return makers[0] if len(makers) == 1 else lambda nfa: nfa.either([m(nfa) for m in makers])

    def _row(self) -> Maker:
        makers: list[Maker] = []
        while self.place < len(self.pattern) and self.pattern[self.place] not in "|)":
            makers.append(self._repeated())
        return _row_of(makers)

    def _repeated(self) -> Maker:
        make = self._one()
        while self.place < len(self.pattern) and self.pattern[self.place] in "*+?{":
            make = _times(make, *self._bounds())
        return make

    def _bounds(self) -> tuple[int, int | None]:
        for sign, low, high in (("*", 0, None), ("+", 1, None), ("?", 0, 1)):
            if self._next(sign):
                return low, high
        start = self.place
        found = re.compile(r"\{(\d+)(,?)(\d*)\}", re.ASCII).match(self.pattern, start)
        if found is None or (found[3] and not found[2]):
            raise self._fault("must have {3}, {2,} or {2,5}", start)
        self.place = found.end()
        low = int(found[1])
        most = int(found[3]) if found[3] else None if found[2] else low
        if max(low, most or 0) > MAX_REPEATS or (most is not None and most < low):
            raise self._fault(f"must repeat [low, high] times, at most {MAX_REPEATS},", start)
        return low, most

    def _one(self) -> Maker:
        start = self.place
        if self._next("("):
            make = self._either()
            if not self._next(")"):
                raise self._fault("has no ')' for the '('", start)
            return make
        if self._next("."):
            return _reading(frozenset(range(len(self.alphabet))))
        if self._next("["):
            return _reading(self._set(start))
        if self._next("'"):
            return self._quoted(start)
        if not self._next("\\") and self.pattern[start] in SIGNS:
            what = "has nothing to repeat" if self.pattern[start] in "*+?{" else "has a stray sign"
            raise self._fault(what, start, self.pattern[start])
        return _reading(frozenset({self._token()}))

    def _quoted(self, start: int) -> Maker:
        makers: list[Maker] = []
        while not self._next("'"):
            if self.place >= len(self.pattern):
                raise self._fault("has no second quote for the one", start)
            makers.append(_reading(frozenset({self._token("'")})))
        return _row_of(makers)

    def _set(self, start: int) -> Tokens:
        others, found = self._next("^"), set()
        while not self._next("]"):
            if self.place >= len(self.pattern):
                raise self._fault("has no ']' for the '['", start)
            if self._next("'"):
                found.add(self._token("'"))
                if not self._next("'"):
                    raise self._fault("must have one token between quotes in [ ]", self.place)
                continue
            self._next("\\")
            found.add(self._token("]"))
        if not found:
            raise self._fault("has an empty [ ]", start)
        return frozenset(range(len(self.alphabet))) - found if others else frozenset(found)

    def _token(self, closing: str = "") -> int:
        """Read the longest token that fits here, but not past the sign `closing`."""
        stop = self.pattern.find(closing, self.place + 1) if closing else -1
        room = len(self.pattern) if stop < 0 else stop
        for token in self.longest_first:
            if self.pattern.startswith(token, self.place, room):
                self.place += len(token)
                return self.alphabet.index(token)
        word = self.pattern[self.place : self.place + 1]
        hint = _check.suggestion(word, self.alphabet.tokens)
        fault = self._fault("has no token of the alphabet", self.place, word)
        raise InputError(f"{fault}.{hint}" if hint else str(fault))


def _reading(tokens: Tokens) -> Maker:
    return lambda nfa: nfa.reading(tokens)


def _row_of(makers: Sequence[Maker]) -> Maker:
    def make(nfa: Nfa) -> Part:
        part = nfa.nothing()
        for one in makers:
            part = nfa.joined(part, one(nfa))
        return part

    return make


def _times(make: Maker, low: int, high: int | None) -> Maker:
    """Return the maker of `low` to `high` copies; of any number from `low` where None."""

    def optional(nfa: Nfa) -> Part:
        return nfa.repeated(make(nfa), none=True, many=high is None)

    return _row_of([make] * low + [optional] * (1 if high is None else high - low))
