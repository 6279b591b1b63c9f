r"""Diversity memory: a design that resembles too many earlier ones loses its reward.

Designs fall into buckets: those that share a scaffold, or those near the same earlier design. A
bucket holds the distinct designs that scored at least `min_score`; once it holds `bucket_size` of
them it is full, and the reward of anything that falls into it is cut to `floor`:
`reward' = min(reward, floor)` if the bucket is full, else `reward`.

`penalise` reads the memory and leaves it as it is; `update` adds to it. Rewards are NaN where a
design was not scored; they stay NaN and are not remembered.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from discdiff import _check
from discdiff.chem.fingerprints import Vector, fingerprint, tanimoto_to_many
from discdiff.chem.molecule import parse
from discdiff.chem.oracles.molecular import flag, reference_molecule
from discdiff.chem.scaffolds import scaffold
from discdiff.errors import DataError, InputError


class BucketMemory(ABC):
    """Distinct rewarded designs in buckets of limited size; subclasses say which bucket.

    Args:
        bucket_size: designs a bucket holds before it is full, at least 1.
        min_score: least reward of a design that is remembered.
        floor: the most that a design in a full bucket is given.

    Raises:
        InputError: if an argument is out of range.
    """

    def __init__(self, bucket_size: int = 25, min_score: float = 0.5, floor: float = 0.0) -> None:
        self.bucket_size = _check.positive_int("bucket_size", bucket_size)
        self.min_score = _check.finite("min_score", min_score)
        self.floor = _check.finite("floor", floor)
        self._buckets: dict[str, list[str]] = {}

    @abstractmethod
    def bucket(self, string: str) -> str | None:
        """Return the bucket of `string`, which need not exist yet; None if it is no molecule."""

    def penalise(self, strings: Sequence[str], rewards: ArrayLike) -> NDArray[np.float64]:
        """Return float64 `(N,)`: the rewards, cut to `floor` where the bucket is full."""
        given = _rewards(strings, rewards)
        full = np.array([self._is_full(string) for string in strings], dtype=bool)
        return np.where(full, np.minimum(given, self.floor), given)

    def update(self, strings: Sequence[str], rewards: ArrayLike) -> None:
        """Remember, in order, the designs with a reward of at least `min_score`.

        Args:
            strings: N canonical SMILES.
            rewards: `(N,)`, before any cut; NaN where not scored.
        """
        for string, reward in zip(strings, _rewards(strings, rewards).tolist(), strict=True):
            name = self.bucket(string) if reward >= self.min_score else None
            if name is None:
                continue
            if name not in self._buckets:
                self._open(name)
            members = self._buckets[name]
            if len(members) < self.bucket_size and string not in members:
                members.append(string)

    def state(self) -> dict[str, object]:
        """Return the memory as JSON values: bucket to designs, both in order of arrival."""
        return {"buckets": {name: list(members) for name, members in self._buckets.items()}}

    def restore(self, state: Mapping[str, object]) -> None:
        """Replace the memory by what `state` returned.

        Raises:
            DataError: if it is not the state of a diversity memory.
        """
        buckets = state.get("buckets") if isinstance(state, Mapping) else None
        if not isinstance(buckets, Mapping) or not all(map(_is_strings, buckets.values())):
            raise DataError(
                f"state of a diversity memory must hold 'buckets' of strings, got {state!r}"
            )
        self._clear()
        for name, members in buckets.items():
            self._open(name)
            self._buckets[name].extend(members)

    def _clear(self) -> None:
        self._buckets.clear()

    def _open(self, name: str) -> None:
        self._buckets[name] = []

    def _is_full(self, string: str) -> bool:
        name = self.bucket(string)
        return name is not None and len(self._buckets.get(name, ())) >= self.bucket_size


class ScaffoldMemory(BucketMemory):
    """A bucket for each Murcko scaffold; molecules without a ring share one.

    Args:
        bucket_size: designs of one scaffold that keep their reward, at least 1.
        min_score: least reward of a design that is remembered.
        floor: the most that a further design of that scaffold is given.
        generic: tell scaffolds apart by their rings and chains alone, not by elements and bonds.

    Raises:
        InputError: if an argument is out of range.

    Source:
        Memory-assisted reinforcement learning for diverse molecular de novo design (Blaschke et
        al., 2020).

    Example:
        >>> memory = ScaffoldMemory(bucket_size=2)
        >>> memory.update(["Cc1ccccc1", "CCc1ccccc1"], [0.8, 0.9])
        >>> memory.penalise(["Oc1ccccc1", "Oc1ccccn1"], [0.7, 0.7])
        array([0. , 0.7])
    """

    def __init__(
        self,
        bucket_size: int = 25,
        min_score: float = 0.5,
        floor: float = 0.0,
        generic: bool = False,
    ) -> None:
        super().__init__(bucket_size, min_score, floor)
        self.generic = flag("generic", generic)

    def bucket(self, string: str) -> str | None:
        mol = parse(string)
        return None if mol is None else scaffold(mol, stereo=False, generic=self.generic)


class SimilarityMemory(BucketMemory):
    """A bucket for each design that was new when it came; others join the one most like them.

    Args:
        threshold: Tanimoto similarity to the first design of a bucket, in [0, 1], from which a
            design falls into it.
        bucket_size: designs of one bucket that keep their reward, at least 1.
        min_score: least reward of a design that is remembered.
        floor: the most that a further design of that bucket is given.
        fingerprint: a name that `discdiff.chem.fingerprints.fingerprint` knows.

    Raises:
        InputError: if an argument is out of range.

    Example:
        >>> memory = SimilarityMemory(threshold=0.6, bucket_size=1)
        >>> memory.update(["CCCCCCO"], [0.8])
        >>> memory.penalise(["CCCCCCCO", "c1ccncc1"], [0.7, 0.7])
        array([0. , 0.7])
    """

    def __init__(
        self,
        threshold: float = 0.7,
        bucket_size: int = 25,
        min_score: float = 0.5,
        floor: float = 0.0,
        fingerprint: str = "ecfp4_2048",
    ) -> None:
        super().__init__(bucket_size, min_score, floor)
        self.threshold = _check.fraction("threshold", threshold)
        self.fingerprint = fingerprint
        self._make = _fingerprint(fingerprint)
        self._names: list[str] = []
        self._leaders: list[Vector] = []

    def bucket(self, string: str) -> str | None:
        mol = parse(string)
        if mol is None:
            return None
        if not self._leaders:
            return string
        similarities = tanimoto_to_many(self._make(mol), self._leaders)
        nearest = int(similarities.argmax())
        return self._names[nearest] if similarities[nearest] >= self.threshold else string

    def _clear(self) -> None:
        super()._clear()
        self._names.clear()
        self._leaders.clear()

    def _open(self, name: str) -> None:
        super()._open(name)
        self._names.append(name)
        self._leaders.append(self._make(reference_molecule("bucket", name)))


_fingerprint = fingerprint  # the constructor's argument has the same name


def _is_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _rewards(strings: Sequence[str], rewards: ArrayLike) -> NDArray[np.float64]:
    given = np.asarray(rewards, dtype=np.float64)
    if given.shape != (len(strings),):
        raise InputError(
            f"rewards must be ({len(strings)},), one for each string, got shape {given.shape}"
        )
    return given
