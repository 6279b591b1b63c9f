"""Running `train-predictor`: the table, the halves, the trainings, the folders."""

from __future__ import annotations

import inspect
import logging
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import typer

from discdiff import _check, checkpoint, registry
from discdiff.commands.progress import Progress
from discdiff.commands.trainings import Begun, Lines, keys_of, write_surroundings
from discdiff.config.build import component, located
from discdiff.config.composition import Composition
from discdiff.config.predictor import TrainPredictor
from discdiff.data.encoding import encode_file
from discdiff.data.readers import Columns
from discdiff.domain import Domain
from discdiff.errors import ConfigError, DataError, InputError
from discdiff.predictor import quality
from discdiff.predictor.forest import refuse_forest
from discdiff.predictor.predictor import TASKS, Origin, Predictor
from discdiff.predictor.representation import Representation
from discdiff.predictor.splits import Split, by_scaffold, split
from discdiff.predictor.table import Table, TableColumns, read_table
from discdiff.predictor.training import Applied, refuse_empty, train
from discdiff.training.lr import LearningRate

SPLITS = {"both": ("guide", "judge"), "1": ("guide",), "2": ("judge",), "all": ("all",)}
SPLITS |= {"guide": SPLITS["1"], "judge": SPLITS["2"]}
GROUPS = ("scaffold",)
RUN = "training"  # folder of what a training leaves behind


def refuse_other_domain(settings: TrainPredictor, source: Composition) -> None:
    """Raise `ConfigError` if a domain is asked for where a model has one."""
    if "model" in settings.representation and (place := source.asked("domain")):
        raise ConfigError(
            f"{place}: leave domain out where representation.model is given: it is that of the "
            f"model {settings.representation['model']}"
        )


def carry_through(settings: TrainPredictor, source: Composition) -> None:
    """Train what is not trained yet of a run.

    Raises:
        ConfigError: if a name, key or value is wrong; then nothing has been written.
        DataError: if the data cannot be used.
    """
    folder = Path(settings.out)
    with located(source):
        _check.seed("seed", settings.seed)
        _check.one_of("task", settings.task, TASKS)
        _check.positive_int("members", settings.members)
        _check.one_of("group_by", settings.data.group_by or GROUPS[0], GROUPS)
        if settings.data.group_by and settings.data.group_column:
            raise InputError("data.group_by must be null where data.group_column is given")
        halves = SPLITS[_check.one_of("split", str(settings.split), tuple(SPLITS))]
    domain = None if "model" in settings.representation else _domain(settings, source)
    representation = _representation(settings, source, domain)
    with located(source):
        refuse_forest(representation.domain, settings.forest)
    table = _table(settings, source, representation.domain)
    typer.echo(str(table.report), err=True)
    if table.merged:
        typer.echo(f"{table.merged} rows repeat another's sequence and were merged", err=True)
    parts = {half: _rows(settings, source, table, half) for half in halves}
    if representation.linear:
        write_surroundings(folder, source)
    for half, rows in parts.items():
        if not checkpoint.is_model(folder / half):
            try:
                again = _representation(settings, source, domain)  # the halves share no weights
                _train(settings, source, table, rows, half, again)
            except KeyboardInterrupt:
                typer.secho(f"discdiff: interrupted. Continue: discdiff resume {folder}", err=True)
                raise typer.Exit(130) from None
        _say(Predictor.load(folder / half), folder / half)


def _train(
    settings: TrainPredictor,
    source: Composition,
    table: Table,
    rows: Split,
    half: str,
    representation: Representation,
) -> None:
    folder = Path(settings.out)
    options = asdict(settings.trainer)
    with keys_of("trainer.schedule", source, options["schedule"]):
        options["schedule"] = LearningRate(**options["schedule"])
    options["valid_every"] = min(options["valid_every"], options["max_steps"])
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # tips and hardware lists
    progress_bar = sys.stderr.isatty()
    with keys_of("trainer", source, asdict(settings.trainer)), Progress() as progress:
        said = [] if progress_bar else [Lines(progress, "train/error", f"error ({half})")]
        trained = train(
            table,
            rows,
            representation,
            folder / RUN / half,
            origin=Origin(table.digest, half),
            task=settings.task,
            members=settings.members,
            batch_size=settings.data.batch_size,
            augment=settings.data.augment,
            applied=Applied(**asdict(settings.applicability)),
            card=_card(settings, table),
            forest=settings.forest,
            # the halves must not share initial weights either
            seed=settings.seed + (half == "judge"),
            callbacks=[Begun(folder, source), *said],
            logger=settings.logger["name"],
            progress=progress_bar,
            **options,
        )
    trained.save(folder / half)
    shutil.rmtree(folder / RUN / half / "model", ignore_errors=True)  # the same, not yet measured


def _representation(
    settings: TrainPredictor, source: Composition, domain: Domain | None
) -> Representation:
    objects = {} if domain is None else {"domain": domain}
    built: Representation = component(
        "representations", "representation", settings.representation, source, **objects
    )
    return built


def _domain(settings: TrainPredictor, source: Composition) -> Domain:
    """Return the domain that is asked for; its alphabet is read from the data where need be."""
    options = dict(settings.domain)
    name = options.pop("name", None)
    if not isinstance(name, str):
        raise ConfigError(f"{source.origin('domain')}: domain must have a key 'name'")
    with located(source, "domain"):
        needed = {
            key
            for key, parameter in registry.options("domains", name).items()
            if parameter.default is inspect.Parameter.empty
        }
    if needed <= options.keys():
        built: Domain = component("domains", "domain", settings.domain, source)
        return built
    with keys_of("data", source, asdict(settings.data)):
        return encode_file(
            settings.data.path,
            registry.find("domains", name),
            Columns(settings.data.column),
            options=options,
            max_bad_fraction=settings.data.max_bad_fraction,
        ).domain


def _table(settings: TrainPredictor, source: Composition, domain: Domain) -> Table:
    data, target = settings.data, settings.target
    listed = target if isinstance(target, list) else [target]
    if not all(isinstance(name, str) for name in listed):
        raise ConfigError(f"{source.origin('target')}: target must be names, got {listed!r}")
    with keys_of("data", source, asdict(data)), located(source, "target"):
        columns = TableColumns(
            tuple(listed),
            data.column,
            data.group_column,
            data.split_column,
            data.condition_column,
            None if data.limits is None else tuple(data.limits),
        )
    with keys_of("data", source, asdict(data)):
        found = read_table(
            data.path,
            domain,
            columns,
            task=settings.task,
            max_bad_fraction=data.max_bad_fraction,
        )
        if data.group_by is None:
            return found
        return replace(found, groups=tuple(by_scaffold(found.strings, domain)))


def _rows(settings: TrainPredictor, source: Composition, table: Table, half: str) -> Split:
    data = settings.data
    fixed = None
    if data.split_column is not None:
        held_out = str(data.test_split)
        if held_out not in table.splits:
            hint = _check.suggestion(held_out, sorted(set(table.splits)))
            raise ConfigError(
                f"{source.origin('data.test_split')}: data.test_split must be a name in column "
                f"{data.split_column!r}, got {held_out!r}.{hint}"
            )
        fixed = [name == held_out for name in table.splits]
    with keys_of("data", source, asdict(data)):
        found = split(
            table.groups,
            half,
            test_fraction=data.test_fraction,
            valid_fraction=data.valid_fraction,
            fixed=fixed,
        )
        try:
            refuse_empty(table, found, settings.task)
        except DataError as error:
            raise DataError(f"{data.path}, {half}: {error}") from error
    return found


def _card(settings: TrainPredictor, table: Table) -> Mapping[str, object]:
    data = settings.data
    together = data.group_by or data.group_column
    held_out = f"hash, {data.test_fraction:g} of the " + (f"{together}s" if together else "rows")
    if data.split_column is not None:
        held_out = f"{data.split_column} {data.test_split}"
    return {
        "title": settings.name,
        "data": {
            "file": Path(data.path).name,
            "source": data.source or "not stated",
            "licence": data.licence or "not stated",
            "rows": table.report.rows,
            "rows left out": table.report.bad,
            "sequences": len(table.strings),
            "values": int((table.values == table.values).sum()),
            "limits": data.limits or "none",
            "held out by": held_out,
            "kept together by": together or "sequence",
        },
    }


def _say(trained: Predictor, folder: Path) -> None:
    found: Any = trained.quality
    if found:
        typer.echo(quality.as_markdown(found))
    typer.echo(f"{trained.origin.half}: {folder}")
