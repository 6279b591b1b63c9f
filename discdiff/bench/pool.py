"""Curves that come from the draws of another cell: scored anew, or searched on from."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np

from discdiff.baselines import Found, Scorer
from discdiff.bench.curve import Curve
from discdiff.campaign.files import write_atomic
from discdiff.campaign.identity import refuse_changes
from discdiff.campaign.rows import GUIDED
from discdiff.campaign.store import Store
from discdiff.config import build
from discdiff.config.composition import Composition
from discdiff.config.settings import Design, fill
from discdiff.errors import StoreError
from discdiff.oracle import identity, stack
from discdiff.oracle.scores import Floats
from discdiff.reward import Reward

_FILE = "curve.npz"
_ORACLE, _DRAWS = "oracle version", "draws"
Values = Callable[[Sequence[str]], Floats]


@dataclass(frozen=True)
class Drawn:
    """Strings in the order in which they came, and what each had cost.

    Args:
        curve: of their rewards.
        sequences: one for each point of it.
    """

    curve: Curve
    sequences: Sequence[str]

    @classmethod
    def by(cls, pool: Path) -> Drawn:
        """Return the designs of the finished campaign in `pool`."""
        with Store.open(pool, read_only=True) as store:
            charge: str = store.settings["rules"]["charge"]
            sequences = [row.sequence for row in store.rows(GUIDED)]
            return cls(Curve.of(store, GUIDED, charge=charge), sequences)

    @classmethod
    def known(cls, sequences: Sequence[str]) -> Drawn:
        """Return strings that nobody has evaluated yet: each costs one."""
        cost = np.arange(1, len(sequences) + 1, dtype=np.float64)
        unknown = np.full(len(sequences), np.nan)
        return cls(Curve(cost, unknown, np.zeros(len(sequences)), len(sequences)), sequences)


class Search(Protocol):
    """A search without a model."""

    def run(self, score: Scorer, pool: Sequence[str], budget: int, seed: int = 0) -> Found:
        """Return all that was evaluated, the pool first."""


def rescored(drawn: Drawn, folder: Path, source: Composition) -> None:
    """Score designs of another campaign as `source` says; what is there stays.

    Args:
        drawn: the designs.
        folder: where the curve goes.
        source: the configuration of a campaign that would draw the same designs.

    Raises:
        StoreError: if the folder holds a curve that was made in another way.
    """
    score, oracle = _scorer(source)
    settings = _settings(source, oracle, drawn)
    if not _is_there(folder, settings):
        curve = drawn.curve
        found = score(drawn.sequences)
        _write(folder, Curve(curve.cost, found, curve.nfe, curve.asked), settings)


def searched(
    drawn: Drawn, folder: Path, source: Composition, search: Mapping[str, Any], built: Search
) -> None:
    """Search on from the first of some designs; what is there stays.

    They cost what they had cost when they were drawn, invalid draws included; what the search asks
    for costs one each. Denoiser rows do not say what it cost, and are not a number.

    Args:
        drawn: the designs.
        folder: where the curve goes.
        source: the configuration of a campaign with the same task, budget and seed.
        search: what `built` was built from, and under "pool" the number of designs.
        built: the search.

    Raises:
        StoreError: if the folder holds a curve that was made in another way.
    """
    values, oracle = _scorer(source)
    settings = _settings(source, oracle, drawn, search)
    if _is_there(folder, settings):
        return
    given = fill(Design, source)
    first = drawn.curve.cost[: int(search["pool"])]
    first = first[first <= given.budget]
    if not len(first):  # nothing to begin with: all that was drawn for the budget was invalid
        none = np.zeros(0)
        _write(folder, Curve(none, none, none, given.budget), settings)
        return
    spent = int(first[-1])
    calls = list[int]()

    def score(strings: Sequence[str]) -> Floats:
        calls.append(len(strings))
        return values(strings)

    allowed = len(first) + given.budget - spent
    found = built.run(score, drawn.sequences[: len(first)], allowed, given.seed)
    own = len(found.values) - calls[0]  # the pool is the first call; spellings of one are one
    cost = np.concatenate([first[: calls[0]], spent + 1.0 + np.arange(own)])
    nfe = np.full(len(cost), np.nan)
    _write(folder, Curve(cost, found.values, nfe, spent + own), settings)


def read_curve(
    folder: Path, source: Composition | None = None, search: Mapping[str, Any] | None = None
) -> Curve | None:
    """Return the curve that was written to a folder, None where there is none.

    Args:
        folder: of the cell.
        source: the configuration that it must have been made with; any by default.
        search: in the same way, what its search was built from.

    Raises:
        StoreError: if it is damaged, or was made with other settings.
    """
    if not (folder / _FILE).is_file():
        return None
    curve, recorded = _read(folder / _FILE)
    if source is not None:
        kept = {key: value for key, value in recorded.items() if key not in (_ORACLE, _DRAWS)}
        refuse_changes(kept, json.loads(json.dumps(_configured(source, search))), folder)
    return curve


def _scorer(source: Composition) -> tuple[Values, str]:
    """Return the reward that `source` describes, of strings, and what its oracle is."""
    settings = fill(Design, source)
    owner = build.model(settings.model, settings.device, source)
    scored = build.oracle(settings.oracle, source, owner)
    judged = build.objective(settings.objective, scored, source)
    reward = Reward(owner.domain, stack(scored, owner.domain), judged)
    return (
        lambda strings: np.asarray(reward.strings(strings).reward.numpy(), dtype=np.float64),
        identity(scored),
    )


def _settings(
    source: Composition, oracle: str, drawn: Drawn, search: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return all that a curve follows from: configuration, oracle version and the draws."""
    words = json.dumps([list(drawn.sequences), drawn.curve.cost.tolist()])
    digest = hashlib.sha256(words.encode()).hexdigest()
    return _configured(source, search) | {_ORACLE: oracle, _DRAWS: digest}


def _configured(source: Composition, search: Mapping[str, Any] | None) -> dict[str, Any]:
    kept = {key: value for key, value in source.values.items() if key != "out"}
    return kept if search is None else kept | {"search": dict(search)}


def _is_there(folder: Path, settings: Mapping[str, Any]) -> bool:
    if not (folder / _FILE).is_file():
        return False
    refuse_changes(_read(folder / _FILE)[1], json.loads(json.dumps(settings)), folder)
    return True


def _write(folder: Path, curve: Curve, settings: Mapping[str, Any]) -> None:
    buffer, words = io.BytesIO(), json.dumps(settings)
    arrays = {"cost": curve.cost, "reward": curve.reward, "nfe": curve.nfe}
    np.savez(buffer, **arrays, asked=np.int64(curve.asked), settings=np.str_(words))  # type: ignore[arg-type]
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / _FILE, buffer.getvalue())


def _read(path: Path) -> tuple[Curve, dict[str, Any]]:
    try:
        with np.load(path) as found:
            curve = Curve(found["cost"], found["reward"], found["nfe"], int(found["asked"]))
            return curve, json.loads(str(found["settings"]))
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise StoreError(f"{path} cannot be read: remove it, and its cell runs again") from error
