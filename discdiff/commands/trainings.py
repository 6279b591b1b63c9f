"""Running a training from the command line: what it is built of, its folder, its model card."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
import typer
from omegaconf import OmegaConf

from discdiff import _check, registry
from discdiff.campaign.environment import dumps, environment
from discdiff.campaign.files import write_atomic
from discdiff.campaign.store import CONFIG, ENVIRONMENT
from discdiff.class_masked import class_ids
from discdiff.commands.progress import Progress
from discdiff.config.build import component, located
from discdiff.config.composition import Composition
from discdiff.config.settings import DataKeys, Train
from discdiff.data.encoding import Encoded, encode_file
from discdiff.data.module import DataModule
from discdiff.data.readers import Columns
from discdiff.errors import ConfigError, DataError, InputError, StoreError
from discdiff.licence import MADE_WITH, Stated, inherited, of_card
from discdiff.model import LengthLaw, Model
from discdiff.padding import LENGTH_MODES
from discdiff.samplers.recommended import recommended
from discdiff.training.fit import LAST, fit, quality
from discdiff.training.lr import LearningRate
from discdiff.training.pace import Pace

CARD_SAMPLES = 256


def refuse_run(folder: Path) -> None:
    """Raise `StoreError` if `folder` holds a run, or is not a folder."""
    if not is_main():
        return
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder} is a file, not a folder")
    if any((folder / name).exists() for name in (CONFIG, LAST, "model")):
        raise StoreError(
            f"{folder} already holds a run: continue it with `discdiff resume {folder}`, or "
            "choose another folder with out=..."
        )


def refuse_other_parts(settings: Train, source: Composition) -> None:
    """Raise `ConfigError` if a part is asked for that the model to go on from has already."""
    if settings.init is None:
        return
    for group in ("domain", "process", "denoiser"):
        if place := source.asked(group):
            raise ConfigError(
                f"{place}: leave {group} out where init is given: it is that of the model "
                f"{settings.init}"
            )


def carry_through(settings: Train, source: Composition) -> None:
    """Train from the start, or from the last checkpoint in the run folder.

    Raises:
        ConfigError: if a name, key or value is wrong; then nothing has been written.
        DataError: if the data cannot be used.
    """
    folder = Path(settings.out)
    with located(source):
        _check.seed("seed", settings.seed)
    with located(source, "init"):
        first = None if settings.init is None else Model.load(settings.init)
    encoded = _encoded(settings, source, first)
    typer.echo(str(encoded.report), err=True)
    model = (
        _model(settings, encoded, source) if first is None else _onward(settings, encoded, first)
    )
    data = _data(settings, encoded, source, model.max_length)
    options = _options(settings, source)
    begun = Begun(folder, source)
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # tips and hardware lists
    try:
        with keys_of("trainer", source, asdict(settings.trainer)), Progress() as progress:
            said = [] if options["progress"] else [Lines(progress)]
            trained = fit(model, data, folder, callbacks=[begun, *said], **options)
    except KeyboardInterrupt:
        typer.secho(f"discdiff: interrupted. Continue with: discdiff resume {folder}", err=True)
        raise typer.Exit(130) from None
    if not is_main():
        return
    trained.card["quality"] = measured = _quality(trained, settings.seed)
    trained.save(folder / "model", settings.trainer.dtype)
    typer.echo(", ".join(f"{name} {value}" for name, value in measured.items()))
    typer.echo(f"model: {folder / 'model'}")


class Begun(pl.Callback):
    """Writes what `discdiff resume` needs as soon as everything has been built and checked."""

    def __init__(self, folder: Path, source: Composition) -> None:
        self.folder, self.source = folder, source

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        write_surroundings(self.folder, self.source)


class Lines(pl.Callback):
    """Says how far a training is, where no bar can be shown."""

    def __init__(
        self,
        progress: Progress,
        measure: str = "train/nats_per_token",
        unit: str = "nats per token",
    ) -> None:
        self.progress = progress
        self.measure, self.unit = measure, unit

    def on_train_batch_end(
        self,
        trainer: Any,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        if not trainer.is_global_zero:
            return
        (pace,) = (found for found in trainer.callbacks if isinstance(found, Pace))
        found = trainer.callback_metrics.get(self.measure, torch.tensor(torch.nan))
        note = f"step {trainer.global_step:,}, {float(found):.3f} {self.unit}"
        percent = min(100, int(100 * pace.progress(trainer)))
        self.progress.show("percent trained", percent, 100, note)


@contextmanager
def keys_of(section: str, source: Composition, known: Container[str]) -> Iterator[None]:
    """Give the whole key, and its place, where a value of a section is refused.

    The message begins with the last part of the key, or with another section, or else is about the
    section as a whole.
    """
    try:
        yield
    except InputError as error:
        first = str(error).split(" ", 1)[0]
        if first in known:
            place = source.origin(f"{section}.{first}")
            raise ConfigError(f"{place}: {section}.{error}") from error
        place = source.origin(first if first in source.values else section)
        raise ConfigError(f"{place}: {error}") from error


def is_main() -> bool:
    """Return whether this is the first of the processes of a training, the one that writes."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def _encoded(settings: Train, source: Composition, first: Model | None) -> Encoded:
    data, domain = settings.data, dict(settings.domain)
    name = domain.pop("name", None)
    if not isinstance(name, str):
        raise ConfigError(f"{source.origin('domain')}: domain must have a key 'name'")
    alphabet = registry.find("domains", name) if first is None else first.domain
    with keys_of("data", source, asdict(data)), Progress() as progress:
        _check.one_of("length_mode", data.length_mode, LENGTH_MODES)
        encoded = encode_file(
            data.path,
            alphabet,
            Columns(data.column, data.split_column, data.label_column),
            options=domain,
            max_length=_longest(data.max_length, first),
            max_bad_fraction=data.max_bad_fraction,
            split=data.train_split,
            cache=data.cache,
            workers=data.workers,
            progress=lambda rows: progress.show("rows read", rows, None),
        )
        if first is not None:
            _check_classes(encoded, first)
        if data.valid_fraction:
            encoded = encoded.hold_out(data.valid_fraction, settings.seed)
        if data.length_mode == "given_length" or first is not None:
            return encoded
        longest = int(encoded.lengths.max())
        return encoded.padded(longest if data.max_length is None else data.max_length)


def _check_classes(encoded: Encoded, first: Model) -> None:
    """Raise `DataError` if a row has a class that the model to go on from does not know."""
    classes, largest = getattr(first.denoiser, "classes", 0), int(encoded.label.max())
    if largest >= classes:
        allowed = f"hold classes of the model, in [0, {classes})" if classes else "be null"
        raise DataError(f"label_column must {allowed}, got class {largest}")


def _longest(max_length: int | None, first: Model | None) -> int | None:
    limits = [] if max_length is None else [max_length]
    if first is not None:
        limits.append(first.denoiser.max_length)
    return min(limits, default=None)


def _model(settings: Train, encoded: Encoded, source: Composition) -> Model:
    torch.manual_seed(settings.seed)  # the initial weights
    longest = int(encoded.lengths.max())
    size = len(encoded.domain.alphabet)
    process = component(
        *("processes", "process", settings.process, source),
        vocab_size=size,
        token_classes=class_ids(encoded.domain),
    )
    denoiser = component(
        "denoisers",
        "denoiser",
        settings.denoiser,
        source,
        vocab_size=size,
        max_length=longest if settings.data.max_length is None else settings.data.max_length,
        needs_time=process.needs_time,
        classes=int(encoded.label.max()) + 1,
    )
    law = encoded.length_law(denoiser.max_length, settings.data.train_split)
    return Model(
        denoiser,
        process,
        encoded.domain,
        LengthLaw(law),
        card=_card(settings, encoded),
        frozen_training=settings.trainer.frozen_fraction > 0,
    )


def _onward(settings: Train, encoded: Encoded, first: Model) -> Model:
    """Return `first` as the model to train, with the lengths of the new data."""
    law = encoded.length_law(first.denoiser.max_length, settings.data.train_split)
    before = Stated("model", str(settings.init), of_card(first.card))
    return Model(
        first.denoiser.train(),
        first.process,
        first.domain,
        LengthLaw(law),
        card=_card(settings, encoded)
        | {"trained from": {"model": settings.init}, MADE_WITH: inherited({}, [before])},
        frozen_training=first.frozen_training,
    )


def _data(settings: Train, encoded: Encoded, source: Composition, max_length: int) -> DataModule:
    keys: DataKeys = settings.data
    with keys_of("data", source, asdict(keys)):
        data = DataModule(
            encoded,
            batch_tokens=keys.batch_tokens,
            batch_size=keys.batch_size,
            augment=keys.augment,
            valid_rows=keys.valid_rows,
            seed=settings.seed,
            train_split=keys.train_split,
            valid_split="valid" if keys.valid_fraction else keys.valid_split,
            max_length=max_length,
        )
        data.refuse_shares(1, 1)
    trainer = settings.trainer
    with keys_of("trainer", source, asdict(trainer)):
        data.refuse_shares(_check.positive_int("devices", trainer.devices), trainer.accumulate)
    return data


def _options(settings: Train, source: Composition) -> dict[str, Any]:
    """Return the arguments of `fit`, from the section `trainer`."""
    options = asdict(settings.trainer)
    with keys_of("trainer.schedule", source, options["schedule"]):
        options["schedule"] = LearningRate(**options["schedule"])
    options["betas"] = tuple(options["betas"])
    return options | {
        "logger": settings.logger["name"],
        "progress": sys.stderr.isatty(),
        "seed": settings.seed,
    }


def _card(settings: Train, encoded: Encoded) -> dict[str, object]:
    data = settings.data
    return {
        "title": settings.name,
        "data": {
            "file": Path(data.path).name,
            "source": data.source or "not stated",
            "licence": data.licence or "not stated",
            "rows": len(encoded),
            "rows left out": encoded.report.bad,
        },
        "recipe": asdict(settings.trainer) | {"seed": settings.seed},
    }


def _quality(model: Model, seed: int) -> dict[str, str]:
    with Progress() as progress:
        drawn = recommended(model).sample(
            CARD_SAMPLES,
            generator=torch.Generator().manual_seed(seed),
            batch_size=32,
            progress=lambda done: progress.show("measuring samples", done, CARD_SAMPLES),
        )
    shares = quality(model, drawn.strings)
    return {name.rpartition("/")[2]: f"{share:.1%}" for name, share in shares.items()} | {
        "samples": str(CARD_SAMPLES)
    }


def write_surroundings(folder: Path, source: Composition) -> None:
    """Write the configuration and the environment of a run, unless they are there."""
    if (folder / CONFIG).exists() or not is_main():
        return
    folder.mkdir(parents=True, exist_ok=True)
    values = source.values
    data = values["data"] | {"path": str(Path(values["data"]["path"]).resolve())}
    write_atomic(folder / CONFIG, OmegaConf.to_yaml(OmegaConf.create(values | {"data": data})))
    write_atomic(folder / ENVIRONMENT, dumps(environment()))
