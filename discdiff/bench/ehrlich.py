"""Ehrlich functions, each with one pool, which all begin from and a prior is trained on."""

from __future__ import annotations

import inspect
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from discdiff import _check
from discdiff.bench.campaigns import Campaigns
from discdiff.bench.cell import Cell, Seen
from discdiff.bench.given import check_named
from discdiff.bench.pool import Drawn, searched
from discdiff.campaign.files import write_atomic
from discdiff.campaign.identity import refuse_changes
from discdiff.config.shorthand import quoted
from discdiff.domain import Letters
from discdiff.errors import InputError
from discdiff.oracle.ehrlich import Ehrlich
from discdiff.training.prior import prior

_KEYS = ("states", "length", "motifs", "motif_length", "quantization")
_OFFERED = ("strings", "domain", "folder", "progress")
_KEPT = 1e-9  # level of strings of the pool that are taken as they are


@dataclass(frozen=True)
class EhrlichFunctions(Campaigns):
    """Methods on Ehrlich functions, of which the seed of a cell draws one: seeds are the pairs.

    Each function has one pool of feasible sequences, paths of its own Markov chain. Drawing them
    asks for no value: whoever wants that of a member pays for it as for any other, and it counts
    against the budget. A prior is trained on the whole pool; searches without a model begin with
    its first `pool` strings, and the methods in `seeded` with random ones of it. The others draw
    from the prior. Methods in `held` never draw two letters in a row that no string of the pool has
    in a row: what the pool shows of feasibility, as a constraint.

    Args:
        tasks: by name, the `states`, `length`, `motifs`, `motif_length` and `quantization` of a
            function.
        methods: as for `Campaigns`, but a search gets the letters of the function.
        measure: as for `Campaigns`.
        against: the method that others are compared with, of any kind.
        feasible: sequences of a pool.
        prior: options of `discdiff.training.prior`.
        seeded: guidance methods that begin with strings of the pool in place of noise.
        held: guidance methods whose draws keep to the pairs of letters of the pool.

    Raises:
        InputError: if a value is out of range, or a list is empty.

    Source: Closed-form test functions for biophysical sequence design benchmarking (Stanton et al.,
    2024, arXiv:2407.00236)
    """

    measure: str = "regret"
    against: str = "genetic"
    feasible: int = 5000
    prior: Mapping[str, Any] = field(default_factory=dict)
    seeded: Sequence[str] = ()
    held: Sequence[str] = ()

    def __post_init__(self) -> None:
        _check.positive_int("feasible", self.feasible)
        check_named("tasks", self.tasks)
        for name, given in self.tasks.items():
            if not isinstance(given, Mapping) or set(given) != set(_KEYS):
                raise InputError(f"tasks.{name} must hold {', '.join(_KEYS)}, got {given!r}")
        options = tuple(key for key in inspect.signature(prior).parameters if key not in _OFFERED)
        for key in self.prior:
            _check.one_of("key of prior", key, options)
        super().__post_init__()
        guided = tuple(name for name, entry in self.entries.items() if entry.search is None)
        for key in ("seeded", "held"):
            for name in getattr(self, key):
                _check.one_of(key, name, guided)
        for name in self.tasks:
            for seed in self.seeds:
                self.function(Cell(name, self.against, seed))  # refuses what cannot be drawn

    def function(self, cell: Cell) -> Ehrlich:
        """Return the function of a cell."""
        given = self.tasks[cell.task]
        drawn = {key: given[key] for key in _KEYS if key != "quantization"} | {"seed": cell.seed}
        return Ehrlich(drawn, quantization=given["quantization"])

    def search(self, name: str) -> Any:
        """Return the search that a method is, over the letters of the functions.

        Raises:
            ConfigError: if its name or an option is wrong.
        """
        return self._search(Cell(next(iter(self.tasks)), name, self.seeds[0]))

    def pool(self, cell: Cell) -> Cell:
        """Return the cell itself: no function has the draws of another."""
        return cell

    def run(self, cell: Cell, out: Path, seen: Seen) -> None:
        """Run or resume a cell, after drawing its pool and training its prior, once for all."""
        function, search = self.function(cell), self.entries[cell.method].search
        pool = function.feasible_pool(self.feasible, cell.seed)
        seen("the prior is trained")
        self._prepare(pool, Letters(function.letters), self._shared(cell, out))
        if search is None:
            self._campaign(cell, out, seen)
            return
        source = self.composed(cell, out)
        searched(Drawn.known(pool), cell.folder(out), source, search, self._search(cell))

    def _prepare(self, pool: Sequence[str], domain: Letters, folder: Path) -> None:
        """Write a pool and the prior trained on it; what has been trained just so is kept.

        Raises:
            StoreError: if the folder holds a pool or prior of other settings, which cells may have
                used.
        """
        folder.mkdir(parents=True, exist_ok=True)
        file, settings = folder / "settings.json", {"feasible": len(pool), "prior": self.prior}
        given = json.loads(json.dumps(settings, default=dict))
        if file.exists():
            refuse_changes(json.loads(file.read_text()), given, folder)
        write_atomic(file, json.dumps(given, indent=2))
        write_atomic(folder / "pool.csv", "\n".join([domain.column, *pool, ""]))
        prior(pool, domain, folder / "training", **self.prior).save(folder / "model")

    def _search(self, cell: Cell) -> Any:
        return self.entries[cell.method].built(letters=self.function(cell).letters)

    def _check_against(self) -> None:
        """Accept any method: a pool depends on none of them."""

    def _given(self, cell: Cell, out: Path) -> Sequence[str]:
        shared, given = self._shared(cell, out), self.tasks[cell.task]
        drawn = [f"{key}:{given[key]}" for key in _KEYS if key != "quantization"]
        arguments = [
            f"model={quoted(str(shared / 'model'))}",
            "oracle=[]",
            "oracle.ehrlich.name=ehrlich",
            f"oracle.ehrlich.problem={{{','.join([*drawn, f'seed:{cell.seed}'])}}}",
            f"oracle.ehrlich.quantization={given['quantization']}",
        ]
        if cell.method in self.seeded:
            arguments += [f"seeds={quoted(str(shared / 'pool.csv'))}", f"level={_KEPT}"]
        if cell.method in self.held:
            function = self.function(cell)
            never = absent(function.letters, function.feasible_pool(self.feasible, cell.seed))
            arguments.append(f"constraint.forbidden={json.dumps(never)}")
        return arguments

    def _shared(self, cell: Cell, out: Path) -> Path:
        """Return where the pool and the prior of the cell's function lie."""
        return out / "priors" / cell.task / f"seed-{cell.seed}"


def absent(letters: str, strings: Sequence[str]) -> list[str]:
    """Return the pairs of letters that no string has in a row, in the order of the alphabet.

    Example:
        >>> absent("AB", ["ABBA", "BA"])
        ['AA']
    """
    present = {pair for string in strings for pair in itertools.pairwise(string)}
    return [
        first + second
        for first, second in itertools.product(letters, repeat=2)
        if (first, second) not in present
    ]
