"""Deterministic finite automata over the tokens of an alphabet, and their algebra."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from discdiff.errors import InputError

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
S = TypeVar("S", bound=Hashable)

MAX_STATES = 20_000
"""Most states of an automaton: a draw costs time and memory in proportion."""


class Automaton:
    """A complete deterministic finite automaton: it starts in state 0 and reads token ids.

    Args:
        transitions: the state after each state and token, int64 `(S, V)`.
        accepting: the states in which a sequence may end, bool `(S,)`.

    Raises:
        InputError: if the shapes disagree, a state does not exist, or there are too many.

    Example:
        >>> even = Automaton(np.array([[1, 0], [0, 1]]), np.array([True, False]))
        >>> even.accepts([0, 1, 0]), even.accepts([0, 1]), (~even).accepts([0, 1])
        (True, False, True)
        >>> (even & ~even).empty
        True
    """

    def __init__(self, transitions: Ints, accepting: Bools) -> None:
        self.transitions = np.asarray(transitions, dtype=np.int64)
        self.accepting = np.asarray(accepting, dtype=np.bool_)
        states = len(self.accepting)
        if self.transitions.ndim != 2 or self.transitions.shape[0] != states or states == 0:
            raise InputError(
                "transitions must be (S, V) and accepting (S,), got shapes "
                f"{self.transitions.shape} and {self.accepting.shape}"
            )
        _check_size(states)
        if self.transitions.size and not (
            self.transitions.min() >= 0 and self.transitions.max() < states
        ):
            raise InputError(f"transitions must lead to states in [0, {states})")

    def __len__(self) -> int:
        return len(self.accepting)

    @property
    def size(self) -> int:
        """Number of tokens, V."""
        return int(self.transitions.shape[1])

    @property
    def empty(self) -> bool:
        """Whether it accepts nothing."""
        return not self.live[0]

    @property
    def live(self) -> Bools:
        """The states from which a state of `accepting` can be reached, bool `(S,)`."""
        live = self.accepting
        while True:
            more = live | live[self.transitions].any(axis=1)
            if (more == live).all():
                return live
            live = more

    def accepts(self, ids: Iterable[int]) -> bool:
        """Return whether it accepts the sequence of token ids."""
        state = 0
        for token in ids:
            state = int(self.transitions[state, token])
        return bool(self.accepting[state])

    def lengths(self, longest: int) -> Bools:
        """Return which lengths 0..longest an accepted sequence can have, bool `(longest + 1,)`."""
        found = np.zeros(longest + 1, dtype=np.bool_)
        here = np.zeros(len(self), dtype=np.bool_)
        here[0] = True
        for length in range(longest + 1):
            found[length] = bool((here & self.accepting).any())
            there = np.zeros_like(here)
            there[self.transitions[here]] = True
            here = there
        return found

    def __invert__(self) -> Automaton:
        return Automaton(self.transitions, ~self.accepting)

    def __and__(self, other: Automaton) -> Automaton:
        return self._product(other, np.logical_and)

    def __or__(self, other: Automaton) -> Automaton:
        return self._product(other, np.logical_or)

    def _product(self, other: Automaton, both: Callable[[Bools, Bools], Bools]) -> Automaton:
        if self.size != other.size:
            raise InputError(
                f"automata must have one alphabet, got sizes {self.size} and {other.size}"
            )
        width = len(other)
        known = np.zeros(1, dtype=np.int64)  # codes of pairs of states
        frontier, found = known, []
        while len(frontier):
            pairs = divmod(frontier, width)
            after = self.transitions[pairs[0]] * width + other.transitions[pairs[1]]
            found.append((frontier, after))
            frontier = np.setdiff1d(after, known)
            known = np.union1d(known, frontier)
            _check_size(len(known))
        codes = np.concatenate([pair for pair, _ in found])
        order = np.argsort(codes)
        after = np.concatenate([after for _, after in found])
        number = order[np.searchsorted(codes, after, sorter=order)]
        accepting = both(self.accepting[codes // width], other.accepting[codes % width])
        return Automaton(number, accepting).minimised()

    def minimised(self) -> Automaton:
        """Return the automaton with the fewest states that accepts the same sequences."""
        reached = self._reached()
        place = np.cumsum(reached) - 1
        after, accepting = place[self.transitions[reached]], self.accepting[reached]
        columns = np.unique(after, axis=1)  # tokens that act alike tell no states apart
        block = accepting.astype(np.int64)
        while True:
            finer = _numbered(np.column_stack([block, block[columns]]))
            if finer.max() == block.max() and len(np.unique(block)) == finer.max() + 1:
                break
            block = finer
        first = np.unique(finer, return_index=True)[1]
        small = Automaton(finer[after[first]], accepting[first])
        order = small._order(int(finer[0]))
        return Automaton(np.argsort(order)[small.transitions[order]], small.accepting[order])

    def between(self, before: Iterable[int], after: Iterable[int]) -> Automaton:
        """Return the automaton of what it accepts between two sequences of token ids.

        Example:
            >>> even = Automaton(np.array([[1, 0], [0, 1]]), np.array([True, False]))
            >>> [even.between([0], [1, 0, 0]).accepts(ids) for ids in ([1], [0, 1])]
            [False, True]
        """
        first = 0
        for token in before:
            first = int(self.transitions[first, token])
        last = np.arange(len(self))
        for token in after:
            last = self.transitions[last, token]
        # the state after `before` becomes the first one
        order = np.roll(np.arange(len(self)), -first)
        number = np.argsort(order)
        return Automaton(number[self.transitions[order]], self.accepting[last][order]).minimised()

    def _order(self, start: int) -> Ints:
        """Return the states as they are first met from `start`, in the order of tokens."""
        met = np.zeros(len(self), dtype=np.bool_)
        frontier, order = np.array([start]), []
        while len(frontier):
            met[frontier] = True
            order.append(frontier)
            after = self.transitions[frontier].ravel()
            after = after[np.sort(np.unique(after, return_index=True)[1])]
            frontier = after[~met[after]]
        return np.concatenate(order)

    def _reached(self) -> Bools:
        reached = np.zeros(len(self), dtype=np.bool_)
        frontier = np.zeros(1, dtype=np.int64)
        while len(frontier):
            reached[frontier] = True
            after = np.unique(self.transitions[frontier])
            frontier = after[~reached[after]]
        return reached

    def ended(self) -> Automaton:
        """Return the automaton over one more token, the end: what stands after it is not read."""
        states = len(self)
        over, dead = states, states + 1
        end = np.where(self.accepting, over, dead)
        inside = np.column_stack([self.transitions, end])
        after = np.vstack([inside, np.full(self.size + 1, over), np.full(self.size + 1, dead)])
        return Automaton(after, np.append(self.accepting, [True, False])).minimised()

    def digest(self) -> str:
        """Return a short hash of what it is, the same for equal minimised automata."""
        parts = (self.transitions.tobytes(), self.accepting.tobytes())
        return hashlib.sha256(b"".join(parts)).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"Automaton({len(self)} states, {self.size} tokens)"


def explored(
    start: S, after: Callable[[S], Sequence[S]], accepts: Callable[[S], bool]
) -> Automaton:
    """Return the automaton of what can be reached from `start`.

    Args:
        start: the first state, any hashable object.
        after: the states after a state, one for each of the V tokens.
        accepts: whether a sequence may end in a state.

    Raises:
        InputError: if there are too many states.

    Example:
        >>> explored(0, lambda n: [min(n + 1, 2), n], lambda n: n < 2).accepts([0, 1, 0])
        False
    """
    number, order, rows = {start: 0}, [start], []
    for state in order:  # grows
        row = []
        for target in after(state):
            if target not in number:
                number[target] = len(order)
                order.append(target)
                _check_size(len(order))
            row.append(number[target])
        rows.append(row)
    return Automaton(np.array(rows), np.array([accepts(state) for state in order])).minimised()


def _check_size(states: int) -> None:
    if states > MAX_STATES:
        raise InputError(
            f"constraint must need at most {MAX_STATES:,} states, got {states:,} and more: ask for "
            "less at once, or for shorter patterns"
        )


def _numbered(rows: Ints) -> Ints:
    """Return the number of each row among the distinct ones, int64 `(N,)`."""
    return np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)
