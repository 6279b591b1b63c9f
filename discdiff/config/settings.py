"""The keys of each command, with types and meanings: what a configuration is checked against."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar

from discdiff import _check, registry
from discdiff.errors import ConfigError

if TYPE_CHECKING:
    from discdiff.config.composition import Composition

T = TypeVar("T")
Component = dict[str, Any]  # {"name": a registered name, **options}


def _key(meaning: str, default: Any = MISSING) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True, kw_only=True)
class TermKeys:
    """One term of an objective, under the name of the output it reads."""

    transform: Component | None = _key("how the score becomes a desirability", None)
    weight: float = _key("weight in the aggregation", 1.0)
    direction: str | None = _key("max or min; null: as the oracle says", None)


@dataclass(frozen=True, kw_only=True)
class ObjectiveKeys:
    """How scores become one reward."""

    aggregation: Component = _key("how the terms are combined")
    terms: dict[str, TermKeys | None] | None = _key(
        "terms by output, null for one that is recorded only; null: every output as it is", None
    )
    filters: list[Any] = _key("rules that reject a design, each {name: ...}", ())
    diversity: Component | None = _key("lowers the reward of what was found before", None)
    rejected: float | None = _key("reward of a rejected design; null: the lowest", None)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What designs are drawn from, and how: the keys that `design` and `sample` share."""

    model: str = _key("a shipped model, or a model folder")
    sampler: Component = _key("how the model is sampled")
    domain: Component | None = _key(
        "what its strings are, over the same tokens: a domain such as dna, or other options such as"
        " {flank5: TTGACA} of its own; null or {}: as the model says",
        None,
    )
    equivariant: bool = _key(
        "average the network over the symmetry of its strings, the reverse complement of DNA; each"
        " pass costs two",
        False,
    )
    length: int | None = _key("tokens per design; null: drawn from the model's lengths", None)
    template: str | list[Any] | None = _key(
        "a scaffold with attachment points such as [*:1], or letters of IUPAC such as ACN{6}RY for"
        " DNA, or for each position of a design a token, a list of allowed tokens or null",
        None,
    )
    points: dict[Any, Any] | None = _key(
        "by number of a point: [fewest, most] tokens, or {length, tokens, positions}; null: as many"
        " as there is room for",
        None,
    )
    seeds: str | None = _key("file of strings that designs start from; null: from noise", None)
    level: float = _key("time in (0, 1] to which seeds are noised; 1 keeps their length only", 0.5)
    similarity: list[Any] | None = _key(
        "[low, high] of a design's similarity to the nearest seed; null: any", None
    )
    constraint: dict[str, Any] | None = _key(
        "what the tokens of every design must meet, by name: regex, required, forbidden,"
        " homopolymer, iupac, smiles; beside what a recommended sampler asks, null for none of it",
        None,
    )
    cond: int | None = _key("class of every design, for a model with classes", None)
    device: str = _key("cpu, cuda, or auto")
    precision: str = _key(
        "of the network: float32, or bfloat16, which is faster and lets a batch change its designs",
        "float32",
    )
    seed: int = _key("same seed, same designs")


@dataclass(frozen=True, kw_only=True)
class Design(Drawn):
    """Keys of `discdiff design`."""

    name: str = _key("name of the run, part of the default output folder")
    guidance: Component = _key("how sampling is steered to reward")
    oracle: dict[str, Component] = _key("what is scored")
    objective: ObjectiveKeys = _key("how scores become one reward")
    reference: str | None = _key(
        "file of known strings, such as the training data: the table names each design's nearest",
        None,
    )
    budget: int = _key("how many evaluations may be spent")
    charge: str = _key("what the budget counts: evaluated, or all")
    round_size: int = _key("designs per round")
    batch_size: int = _key("most sequences of one oracle call")
    patience: int = _key("rounds without anything new after which the run ends")
    max_failed: float = _key("share of failed evaluations that stops the run")
    workers: int = _key("oracle processes; 0: score in this process", 0)
    timeout: float = _key("seconds a sequence may take in an oracle process", 300.0)
    worker_batch: int = _key("sequences that an oracle process is given at once", 1)
    memory: float | None = _key("GiB that an oracle process may have; null: any", None)
    baseline: bool = _key("also sample without guidance, at the same number of evaluations")
    out: str = _key("folder of the run")
    logger: Component = _key("none, or wandb")
    licence: str | None = _key(
        "commercial: refuse oracles and models that are not cleared for it; null: allow any", None
    )
    cleared: list[str] = _key(
        "names of oracles and models whose licence you have cleared yourself", ()
    )


@dataclass(frozen=True, kw_only=True)
class DataKeys:
    """A file of training strings."""

    path: str = _key("CSV, SMILES or Parquet file, .gz allowed")
    column: str | None = _key("column of strings; null: the only one, or by its name", None)
    split_column: str | None = _key("column of split names; null: all rows train", None)
    label_column: str | None = _key("column of class ids; null: no classes", None)
    train_split: str = _key("split to train on", "train")
    valid_split: str | None = _key("split to validate on; null: none", None)
    valid_fraction: float = _key("or: share of the training rows held out to validate on", 0.0)
    max_length: int | None = _key("longest row kept, in tokens; null: every row", None)
    length_mode: str = _key(
        "given_length, or pad_as_token: the model writes the end itself", "given_length"
    )
    max_bad_fraction: float = _key("more bad rows than this are an error", 0.01)
    augment: bool = _key("respell every row each time it is used", False)
    batch_tokens: int | None = _key("padded tokens per forward pass", None)
    batch_size: int | None = _key("or: rows per forward pass", None)
    valid_rows: int = _key("rows of a validation", 2048)
    cache: str | None = _key("folder for the encoded file; null: every process encodes it", None)
    workers: int = _key("processes that encode", 0)
    source: str | None = _key("where the data come from, for the model card", None)
    licence: str | None = _key("licence of the data, for the model card", None)


@dataclass(frozen=True, kw_only=True)
class RateKeys:
    """The learning rate over a run."""

    shape: str = _key("wsd, cosine or constant", "wsd")
    warmup: int = _key("steps of warm-up", 100)
    decay: float = _key("last fraction of the run in which wsd decays", 0.2)


@dataclass(frozen=True, kw_only=True)
class TrainerKeys:
    """How a network is trained."""

    max_steps: int = _key("optimiser steps")
    max_minutes: float | None = _key("minutes, if they are over first", None)
    optimiser: str = _key("adamw, or muon for the matrices of the blocks", "adamw")
    rate: float = _key("peak learning rate")
    schedule: RateKeys = _key("the learning rate over the run")
    weight_decay: float = _key("of matrices", 0.01)
    betas: list[float] = _key("of AdamW", (0.9, 0.99))
    ema: float = _key("decay of the moving average of the weights", 0.9999)
    clip: float = _key("largest norm of the gradient", 1.0)
    accumulate: int = _key("forward passes per optimiser step", 1)
    frozen_fraction: float = _key("rows with frozen positions; uniform or class_masked", 0.0)
    wrong_context: float = _key("visible tokens shown as random ones; masked process", 0.0)
    precision: str = _key("bf16-mixed, 32-true, ...", "bf16-mixed")
    accelerator: str = _key("cpu, gpu or auto", "auto")
    devices: int = _key("devices or processes", 1)
    strategy: str = _key("auto, ddp, fsdp", "auto")
    log_every: int = _key("steps between two lines of the log", 50)
    valid_every: int = _key("steps between two validations", 500)
    patience: int = _key(
        "validations without a lower NELBO after which training ends and the best weights are kept;"
        " 0: train to the end",
        0,
    )
    samples: int = _key("samples drawn at each validation", 64)
    snapshot_minutes: float = _key("minutes between two checkpoints", 5.0)
    snapshot_steps: int = _key("steps between two checkpoints; 0: by minutes alone", 0)
    dtype: str = _key("of the saved weights: float32 or bfloat16", "float32")


@dataclass(frozen=True, kw_only=True)
class Train:
    """Keys of `discdiff train`."""

    name: str = _key("name of the model, and of the default output folder")
    init: str | None = _key(
        "a shipped model or a model folder to go on from: its alphabet, process and network", None
    )
    data: DataKeys = _key("what is learnt")
    domain: Component = _key("how strings become tokens")
    process: Component = _key("how data become noise")
    denoiser: Component = _key("the network")
    trainer: TrainerKeys = _key("how it is trained")
    seed: int = _key("of everything random")
    out: str = _key("folder of the run")
    logger: Component = _key("csv, wandb or none")


@dataclass(frozen=True, kw_only=True)
class Sample(Drawn):
    """Keys of `discdiff sample`."""

    n: int = _key("how many designs")
    batch_size: int = _key("designs in flight; changes no design")
    out: str | None = _key("a .csv or .smi file; null: to standard output", None)


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Keys of `discdiff evaluate`."""

    metrics: str = _key("which measures, by the kind of string")
    column: str | None = _key("column of strings; null: the only one, or by its name", None)
    reference: str | None = _key("file of training strings to compare with", None)
    reference_column: str | None = _key("its column of strings, likewise", None)
    fcd: bool = _key("also the Frechet ChemNet distance; needs the extra fcd")
    sample: int = _key("most reference strings that are compared one by one")
    seed: int = _key("of that sample")
    out: str | None = _key("a .json file; null: a table", None)


@dataclass(frozen=True, kw_only=True)
class Select:
    """Keys of `discdiff select`."""

    n: int = _key("designs in the batch")
    method: str = _key("dpp (log-determinant of the similarities), or maxmin")
    weight: float = _key("of reward against diversity: 1 takes the best, 0 the most diverse")
    pool: int | None = _key("choose among the best so many; null: among all", None)
    max_per_scaffold: int | None = _key("most designs of one scaffold; null: no limit", None)
    arm: str | None = _key("guided or unguided; null: both", None)
    out: str | None = _key("a new .csv, .sdf, .smi, .parquet file; null: RUN/selected.csv", None)


@dataclass(frozen=True, kw_only=True)
class Export:
    """Keys of `discdiff export`."""

    arm: str | None = _key("guided or unguided; null: both", None)
    final: bool = _key("only designs drawn from the stated law, no previews")
    top: int | None = _key("only the best so many by reward; null: all", None)
    out: str = _key("a new .csv, .parquet, .smi, .txt, .sdf, .helm, .fasta or .bed file")
    format: dict[str, Any] | None = _key(
        "options of the format, such as format.motifs=FILE of .bed; null: none", None
    )


@dataclass(frozen=True, kw_only=True)
class Compare:
    """Keys of `discdiff compare`."""

    levels: list[Any] | None = _key("mean rewards of the ten best to reach; null: each run's", None)
    out: str | None = _key("a new .html file; null: only the table", None)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Keys of `discdiff bench`."""

    name: str = _key("name of the benchmark, part of the default output folder")
    track: Component = _key("what is compared, on what, at which budgets and seeds")
    tasks: list[Any] | None = _key("only these tasks; null: all", None)
    methods: list[Any] | None = _key("only these methods, with the reference; null: all", None)
    seeds: list[Any] | None = _key("only these seeds; null: all", None)
    out: str = _key("folder of the benchmark; what is there already is not run again")
    logger: Component = _key("none, or wandb")


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Keys of `discdiff ask`."""

    n: int = _key("designs in the batch")
    method: str = _key("dpp (log-determinant of the similarities), or maxmin")
    weight: float = _key("of expected reward against diversity, in [0, 1]")
    pool: int | None = _key("choose among the best so many drawn; null: among all", None)
    max_per_scaffold: int | None = _key("most designs of one scaffold; null: no limit", None)
    oversample: int = _key("designs drawn to choose from, for each one chosen")
    new: bool = _key("another batch, though nothing has been told of the last")
    out: str | None = _key("a new .csv, .sdf, .smi, .parquet file; null: RUN/batch-K.csv", None)


@dataclass(frozen=True, kw_only=True)
class Tell:
    """Keys of `discdiff tell`."""

    column: str | None = _key("column of strings; null: the one that ask wrote, or the first", None)
    missing: str = _key("error, or skip: leave out rows with an empty value")
    unasked: bool = _key("also take strings that were not asked for")


def keys(schema: type) -> list[tuple[str, str, str]]:
    """Return (key, type, meaning) of every key of `schema`, for help texts."""
    hints = typing.get_type_hints(schema)
    return [(f.name, _spelt(hints[f.name]), f.metadata["meaning"]) for f in fields(schema)]


def help_text(schema: type) -> str:
    """Return the keys of `schema` as a block of lines for a command's help."""
    listed = keys(schema)
    width = max(len(key) for key, _, _ in listed)
    lines = [f"  {key:{width}}  {meaning}" for key, _, meaning in listed]
    return "\n".join(["\b", "Keys (set with KEY=VALUE, OPTION.KEY=VALUE or GROUP=OPTION):", *lines])


def fill(schema: type[T], composition: Composition) -> T:
    """Return the values of `composition` as an instance of `schema`.

    Raises:
        ConfigError: naming the file, the key and what is allowed, if a key is unknown or missing or
            a value has the wrong type.
    """
    filled: T = _fill(schema, composition.values, "", composition)
    return filled


def _fill(schema: Any, values: Mapping[str, Any], path: str, source: Composition) -> Any:
    hints = typing.get_type_hints(schema)
    for key, value in values.items():
        if value == "???":
            raise ConfigError(
                f"{source.origin(path + key)}: give {path + key}=VALUE, it has no default"
            )
        if key not in hints:
            raise ConfigError(
                f"{source.origin(path + key)}: unknown key {path + key!r}; allowed here: "
                f"{', '.join(hints)}.{_check.suggestion(key, hints)}"
            )
    for entry in fields(schema):
        required = entry.default is MISSING and entry.default_factory is MISSING
        if required and entry.name not in values:
            key = path + entry.name
            place = source.asked(key) or source.origin(key)
            listed = registry.listed(entry.name) if hints[entry.name] == Component else ""
            raise ConfigError(
                f"{place}: key {key!r} is not set{listed and f'; it must be one of {listed}'}"
            )
    return schema(
        **{key: _typed(hints[key], value, path + key, source) for key, value in values.items()}
    )


def _typed(hint: Any, value: Any, path: str, source: Composition) -> Any:
    if isinstance(hint, types.UnionType):
        if value is None and type(None) in hint.__args__:
            return None
        parts = [part for part in hint.__args__ if part is not type(None)]
        fitting = [part for part in parts if (typing.get_origin(part) or part) is type(value)]
        if len(parts) > 1 and not fitting:
            raise _mistyped(hint, value, path, source)
        hint = (fitting or parts)[0]
    if hint == Component and isinstance(value, str):
        return {"name": value}
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return _fill(hint, value, f"{path}.", source)
    plain = typing.get_origin(hint) or hint
    if plain is str and value == "":
        raise ConfigError(f"{source.origin(path)}: {path} must not be empty, got ''")
    if plain is dict and isinstance(value, Mapping):
        inner = typing.get_args(hint)[1]
        return {key: _typed(inner, item, f"{path}.{key}", source) for key, item in value.items()}
    if plain is float and type(value) is int:
        return float(value)
    if hint is Any or (isinstance(plain, type) and type(value) is plain):
        return value
    raise _mistyped(hint, value, path, source)


def _mistyped(kind: Any, value: Any, path: str, source: Composition) -> ConfigError:
    ranged = path == "length" and isinstance(value, list)
    hint = "; a template with a range draws lengths, such as X{15,25} of peptides" if ranged else ""
    rule = f"{path} must be {_spelt(kind)}, got {value!r}{hint}"
    return ConfigError(f"{source.origin(path)}: {rule}")


def _spelt(hint: Any) -> str:
    """Return how a type is named to a user."""
    if isinstance(hint, types.UnionType):
        return " or ".join(_spelt(part) for part in hint.__args__)
    if hint == Component:
        return "a name with options"
    words = {bool: "true or false", int: "an integer", float: "a number", str: "text"}
    words |= {list: "a list", dict: "a mapping", type(None): "null"}
    return words.get(typing.get_origin(hint) or hint, "a mapping")
