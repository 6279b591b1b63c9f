"""Campaigns: rounds of a guidance method under a budget, recorded so that nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from omegaconf import OmegaConf

from discdiff import _check
from discdiff.campaign import environment
from discdiff.campaign.background import Background
from discdiff.campaign.choosing import Choice
from discdiff.campaign.identity import describe, refuse_changes
from discdiff.campaign.insight import Insight
from discdiff.campaign.laboratory import Laboratory, Seen, Told
from discdiff.campaign.progress import Progress, charged
from discdiff.campaign.provenance import USED, provenance
from discdiff.campaign.report import write_report
from discdiff.campaign.reward import memory_of
from discdiff.campaign.rounds import ArmRun, Method, Rules, Task, check_method
from discdiff.campaign.rows import GUIDED, UNGUIDED
from discdiff.campaign.runlog import logged, logger
from discdiff.campaign.standing import Standing, standing
from discdiff.campaign.store import (
    CONFIG,
    DATABASE,
    ENVIRONMENT,
    Store,
    discard_unrewarded,
)
from discdiff.campaign.summary import Summary, summarise
from discdiff.campaign.table import write_designs
from discdiff.errors import DiscdiffError, InputError, StoreError, UnsupportedError
from discdiff.fingerprint import fingerprint
from discdiff.gapped import Templates
from discdiff.oracle import as_oracle, flanked, identity
from discdiff.oracle.measured import measured_columns, measured_in
from discdiff.oracle.scores import Floats
from discdiff.reward import Objective, Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.start import Seeds

# of a configuration: what changes no design
_FREE = ("out", "name", "logger", "workers", "timeout", "worker_batch", "memory")


class Campaign:
    """Runs a guidance method in rounds until its budget is spent, and records every evaluation.

    Round r is a pure function of the settings, the key drawn from `seed`, r and what was recorded
    before it. So a run that was killed at any moment continues with `resume` to the same table as
    one that was not, on one machine in float32, and no oracle is asked again for what is recorded.

    Args:
        out: folder of the run, made by `run`; must not hold one.
        sampler: the base sampler.
        guidance: the method.
        oracle: an oracle, or any function from a list of strings to numbers.
        objective: how scores become one reward; by default the oracle's only output.
        budget: the most evaluations of an arm.
        seed: same seed, same designs.
        round_size: designs a round.
        baseline: a method, usually `Unguided`, that is then charged what guidance was, in the same
            store; None for no baseline.
        charge: ``evaluated``: only new evaluations cost; ``all``: every request does, invalid and
            repeated ones too.
        batch_size: the most sequences of one oracle call.
        patience: an arm ends after so many rounds in a row without a new evaluation.
        max_failed: the share of failed evaluations in the last three rounds, an open one from 32
            on, above which the run stops with an error that names the oracle; counted anew after a
            resume.
        length: tokens per design; drawn from the model's length law when None.
        template: fixed tokens and per-position alphabets of every design.
        seeds: strings that designs start from in place of noise.
        cond: class for a conditional network.
        reference: strings, usually the training data, of which the table names the one most like
            each design; a quarter of a million take a minute or two to read.
        config: what the caller composed all this from, plain values; kept in `config.yaml` and
            compared on resume.

    Raises:
        InputError: if an argument is out of range, or scores do not make one reward.

    Example:
        >>> import tempfile
        >>> from discdiff.guidance.svdd import SVDD
        >>> from discdiff.model import Model
        >>> from discdiff.samplers.first_hitting import FirstHitting
        >>> sampler = FirstHitting(Model.tabular(["AC", "GT", "GG"]))
        >>> def count_g(strings):
        ...     return [s.count("G") for s in strings]
        >>> out = Path(tempfile.mkdtemp()) / "run"
        >>> summary = Campaign(out, sampler, SVDD(), count_g, budget=3, round_size=4).run()
        >>> summary.guided.best[0].sequence, summary.guided.best[0].reward
        ('GG', 2.0)
    """

    def __init__(
        self,
        out: str | Path,
        sampler: Sampler,
        guidance: Method,
        oracle: Any,
        objective: Objective | None = None,
        *,
        budget: int,
        seed: int = 0,
        round_size: int = 16,
        baseline: Method | None = None,
        charge: str = "evaluated",
        batch_size: int = 64,
        patience: int = 10,
        max_failed: float = 0.5,
        length: int | None = None,
        template: Templates | None = None,
        seeds: Seeds | None = None,
        cond: int | None = None,
        reference: Sequence[str] | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = Path(out)
        rules = Rules(
            budget=_check.positive_int("budget", budget),
            seed=_check.seed("seed", seed),
            round_size=_check.positive_int("round_size", round_size),
            charge=_check.one_of("charge", charge, ("evaluated", "all")),
            batch_size=_check.positive_int("batch_size", batch_size),
            patience=_check.positive_int("patience", patience),
            max_failed=_check.fraction("max_failed", max_failed),
        )
        asked = {"length": length, "template": template, "seeds": seeds, "cond": cond}
        given: dict[str, Any] = {key: value for key, value in asked.items() if value is not None}
        if given:
            sampler.init(1, key=0, **given)  # refuses what the model cannot hold to
        background = Background(sampler.model.domain, () if reference is None else reference)
        shown = flanked(as_oracle(oracle), sampler.model.domain)
        self.task = Task(sampler, shown, objective, rules, given, background)
        self.measured = measured_in(self.task.oracle) is not None
        if self.measured and baseline is not None:
            raise InputError(
                "baseline must be None where values are measured: the first batch is unguided"
            )
        self.domain = sampler.model.domain
        self.methods = {GUIDED: guidance} | ({} if baseline is None else {UNGUIDED: baseline})
        for arm, method in self.methods.items():
            check_method(arm, method, objective, round_size)
        self.config = dict(config or {})
        Reward(self.domain, self.task.oracle, objective)  # refuses scores that make no reward
        self._settings = self._describe()

    def run(self, progress: Callable[[Progress], None] | None = None) -> Summary:
        """Begin the run, carry it through and return its summary.

        Args:
            progress: called after every request for rewards.

        Raises:
            StoreError: if the folder holds a run or cannot be written.
            OracleError: if the oracle fails; what was recorded stays, and the run can be resumed.
            InputError: if scores do not make a reward. Where none did yet, no run is left behind.
        """
        beside = {
            CONFIG: OmegaConf.to_yaml(OmegaConf.create(self.config or self._settings)),
            ENVIRONMENT: environment.dumps(environment.environment()),
        }
        made = not self.folder.exists()
        model, called = self.task.sampler.model, self.config.get("model")
        settings = self._settings | {USED: provenance(model, self.task.oracle, called)}
        try:
            with Store.create(self.folder, settings, beside) as store, logged(self.folder):
                rules = self.task.rules
                logger.info("begun: budget %d, seed %d", rules.budget, rules.seed)
                return self._carry_through(store, progress)
        except InputError:  # of the settings: they cannot be changed by resuming
            discard_unrewarded(self.folder, whole=made)
            raise

    def resume(self, progress: Callable[[Progress], None] | None = None) -> Summary:
        """Continue the run in the folder; where it is complete only the files are written again.

        Args:
            progress: called after every request for rewards.

        Raises:
            StoreError: if there is no run, it is damaged, or it was begun with another oracle
                version, model or settings.
            OracleError: as for `run`.
        """
        now = environment.environment()
        with self._opened() as store:
            logger.info("resumed")
            self._compare_environment(now)
            return self._carry_through(store, progress)

    def standing(self) -> Standing:
        """Return how far the run in the folder has come.

        Raises:
            StoreError: as for `resume`.
        """
        with self._opened() as store:
            return standing(store)

    def ask(
        self,
        choice: int | Choice,
        *,
        oversample: int = 4,
        new: bool = False,
        seen: Seen | None = None,
    ) -> list[str]:
        """Return the next batch to measure; the run is begun if need be.

        As long as nothing has been told the model alone is drawn from, without guidance; after
        that guidance follows a Gaussian process fitted to all values told so far. Of the designs
        drawn the batch is chosen (see `Choice`). It is recorded, and asking again gives it again
        until some of its results are told.

        Args:
            choice: how many, or how they are chosen.
            oversample: designs drawn to choose from, for each one chosen.
            new: draw another batch though nothing has been told of the last.
            seen: called with how many new designs have been drawn, and how many are wanted.

        Raises:
            UnsupportedError: if the oracle has no part that is measured.
            InputError: if there are too few new designs, or another batch is out.
            StoreError: as for `resume`.
        """
        self._refuse_computed()
        chosen = Choice(choice) if isinstance(choice, int) else choice
        if not (self.folder / DATABASE).exists():
            self.run()
        with self._opened() as store, self._memory():
            laboratory = Laboratory(self.task, self.methods[GUIDED], store)
            number = laboratory.ask(chosen, oversample, new=new, seen=seen)
            asked = [d.sequence for found, d in store.draws(GUIDED) if found == number]
            logger.info("batch %d: %d designs asked for", number, len(asked))
            self._write(store)
            return [sequence for sequence in asked if sequence is not None]

    def tell(
        self,
        strings: Sequence[str],
        values: ArrayLike | Mapping[str, ArrayLike],
        *,
        unasked: bool = False,
        rows: Sequence[int] | None = None,
    ) -> Told:
        """Record measured values, all or none; the next `ask` goes on from them.

        Args:
            strings: N strings, in any spelling.
            values: `(N,)` or `(N, R)` numbers in the order of the R measured outputs, or by their
                names; NaN where a measurement failed.
            unasked: also take what was not asked for, such as values of an earlier project.
            rows: what the N are called in messages; by default 1 to N.

        Raises:
            UnsupportedError: if the oracle has no part that is measured.
            DataError: naming each row that is not valid, not asked for, twice there, or told
                before with another value; then nothing is recorded.
            StoreError: as for `resume`.
        """
        self._refuse_computed()
        columns = self._columns(values)
        with self._opened() as store:
            laboratory = Laboratory(self.task, self.methods[GUIDED], store)
            numbers = range(1, len(strings) + 1) if rows is None else rows
            told = laboratory.tell(list(strings), columns, numbers, unasked=unasked)
            logger.info("told: %d new, %d known before", told.recorded, told.known)
            self._write(store)
            return told

    @property
    def measured_outputs(self) -> list[str]:
        """Names of the outputs that are measured, in the order in which values are told."""
        return [self.task.oracle.outputs[place] for place in measured_columns(self.task.oracle)]

    def _columns(self, values: ArrayLike | Mapping[str, ArrayLike]) -> Floats:
        if isinstance(values, Mapping):
            names = self.measured_outputs
            if set(values) != set(names):
                raise InputError(
                    f"values must be given for {', '.join(names)}, got {', '.join(values)}"
                )
            return np.stack([np.asarray(values[name], dtype=np.float64) for name in names], axis=1)
        found = np.asarray(values, dtype=np.float64)
        return found[:, None] if found.ndim == 1 else found

    def _refuse_computed(self) -> None:
        if not self.measured:
            raise UnsupportedError(
                f"oracle {self.task.oracle.name!r} computes its values, so nothing is asked or "
                "told: choose designs with `discdiff select`, or begin a run with oracle=measured"
            )

    @contextmanager
    def _opened(self) -> Iterator[Store]:
        with Store.open(self.folder) as store, logged(self.folder):
            fixed = {key: value for key, value in store.settings.items() if key != USED}
            refuse_changes(fixed, self._settings, self.folder)
            yield store

    def _write(self, store: Store) -> None:
        write_designs(store)
        reward = Reward(self.domain, self.task.oracle, self.task.objective)
        write_report(store, Insight(self.domain, reward))

    def _carry_through(self, store: Store, progress: Callable[[Progress], None] | None) -> Summary:
        with self._stopping_cleanly(store):
            budget = self.task.rules.budget
            for arm, method in self.methods.items():
                if budget and not self.measured:
                    with self._memory():
                        spent = ArmRun(self.task, store, arm, method, budget, progress).run()
                    logger.info("%s: %s", arm, spent)
                    budget = charged(spent, self.task.rules.charge)
        self._write(store)
        logger.info("waiting for results" if self.measured else "complete")
        return summarise(store)

    @contextmanager
    def _stopping_cleanly(self, store: Store) -> Iterator[None]:
        """Leave the table and a line in the log, whatever ends the run."""
        try:
            yield
        except KeyboardInterrupt:
            logger.warning("interrupted: the run can be resumed")
            write_designs(store)
            raise
        except StoreError as error:  # nothing more can be written
            logger.error("stopped: %s", error)
            raise
        except DiscdiffError as error:
            logger.error("stopped: %s", error)
            write_designs(store)
            raise

    @contextmanager
    def _memory(self) -> Iterator[None]:
        """Give every arm the diversity memory as it was found, and leave it so."""
        memory = memory_of(self.task.objective)
        if memory is None:
            yield
            return
        initial = json.dumps(memory.state())
        try:
            yield
        finally:
            memory.restore(json.loads(initial))

    def _compare_environment(self, now: dict[str, object]) -> None:
        """Note what changed since the run began: results may differ in the last digits."""
        try:
            before = environment.read(self.folder / ENVIRONMENT)
        except StoreError as error:  # it only serves these notes
            logger.warning("the environment that the run began in is not known: %s", error)
            return
        for change in environment.differences(before, now):
            logger.warning("the environment changed since the run began: %s", change)

    def _describe(self) -> dict[str, Any]:
        """Return all that fixes the designs, as plain values; what a store keeps."""
        sampler = self.task.sampler
        fixed = {key: value for key, value in self.config.items() if key not in _FREE}
        settings = {
            "config": fixed,
            "oracle": identity(self.task.oracle),
            "outputs": self.task.oracle.outputs,
            "domain": {"name": self.domain.name, **self.domain.settings()},
            "column": self.domain.column,
            "network": fingerprint(sampler.model.denoiser),
            "lengths": describe(sampler.model.lengths),
            "sampler": describe(sampler),
            "given": describe(self.task.given),
            "methods": {arm: describe(method) for arm, method in self.methods.items()},
            "objective": describe(self.task.objective),
            "rules": asdict(self.task.rules),
        }
        reference = self.task.background.settings()
        if reference is not None:
            settings["reference"] = reference
        if self.measured:
            settings["measured"] = self.measured_outputs
        if demands := self.domain.demands():
            settings["demands"] = demands
        plain: dict[str, Any] = json.loads(json.dumps(settings))
        return plain
