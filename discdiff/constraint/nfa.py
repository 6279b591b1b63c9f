"""Nondeterministic automata, from which patterns are put together, and their determinisation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from discdiff.constraint.automaton import Automaton, explored

Tokens = frozenset[int]
Part = tuple[int, int]  # first and last state


@dataclass
class Nfa:
    """States with arcs that read a token and arcs that read nothing."""

    reads: list[list[tuple[Tokens, int]]] = field(default_factory=list)
    skips: list[list[int]] = field(default_factory=list)

    def state(self) -> int:
        """Return a new state."""
        self.reads.append([])
        self.skips.append([])
        return len(self.reads) - 1

    def reading(self, tokens: Tokens) -> Part:
        """Return a part that reads one of `tokens`."""
        first, last = self.state(), self.state()
        self.reads[first].append((tokens, last))
        return first, last

    def nothing(self) -> Part:
        """Return a part that reads nothing."""
        state = self.state()
        return state, state

    def joined(self, a: Part, b: Part) -> Part:
        """Return the part of one after the other."""
        self.skips[a[1]].append(b[0])
        return a[0], b[1]

    def either(self, parts: Sequence[Part]) -> Part:
        """Return the part of one of `parts`."""
        first, last = self.state(), self.state()
        for part in parts:
            self.skips[first].append(part[0])
            self.skips[part[1]].append(last)
        return first, last

    def repeated(self, part: Part, *, none: bool, many: bool) -> Part:
        """Return `part` once, or also not at all or many times."""
        first, last = self.either([part])
        if none:
            self.skips[first].append(last)
        if many:
            self.skips[last].append(first)
        return first, last

    def closed(self, states: Iterable[int]) -> frozenset[int]:
        """Return the states reached from `states` without reading."""
        found = set(states)
        stack = list(found)
        while stack:
            for other in self.skips[stack.pop()]:
                if other not in found:
                    found.add(other)
                    stack.append(other)
        return frozenset(found)

    def determined(self, part: Part, size: int) -> Automaton:
        """Return the automaton of the sequences of V = `size` tokens that lead through `part`."""

        def after(states: frozenset[int]) -> list[frozenset[int]]:
            reached: list[set[int]] = [set() for _ in range(size)]
            for state in states:
                for tokens, target in self.reads[state]:
                    for token in tokens:
                        reached[token].add(target)
            groups = [frozenset(group) for group in reached]
            known = {group: self.closed(group) for group in set(groups)}
            return [known[group] for group in groups]

        return explored(self.closed({part[0]}), after, lambda states: part[1] in states)


Maker = Callable[[Nfa], Part]
"""Adds a part to an automaton; called again, it adds a copy."""


def sequence(sets: Sequence[Tokens], size: int, *, anywhere: bool) -> Automaton:
    """Return the automaton of sequences that are, or hold, one token of each of `sets` in turn.

    Args:
        sets: token ids allowed at each place.
        size: number of tokens, V.
        anywhere: whether more may stand before and after.

    Example:
        >>> sequence([frozenset({0}), frozenset({1, 2})], 4, anywhere=True).accepts([3, 0, 2, 3])
        True
    """
    nfa, everything = Nfa(), frozenset(range(size))
    first = last = nfa.state()
    for allowed in sets:
        following = nfa.state()
        nfa.reads[last].append((allowed, following))
        last = following
    if anywhere:
        nfa.reads[first].append((everything, first))
        nfa.reads[last].append((everything, last))
    return nfa.determined((first, last), size)
