"""The keys of `discdiff finetune`, and the run they describe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from discdiff import _check
from discdiff.config.settings import Component, ObjectiveKeys, RateKeys, _key

if TYPE_CHECKING:
    from discdiff.config.composition import Composition
    from discdiff.finetuning.run import FineTune


@dataclass(frozen=True, kw_only=True)
class LoRAKeys:
    """Adapters that are trained in place of all weights."""

    rank: int = _key("of the two factors", 8)
    alpha: float | None = _key("of the scale alpha / rank; null: 2 rank", None)
    targets: list[str] | None = _key("linear layers, by the ends of their names; null: all", None)


@dataclass(frozen=True, kw_only=True)
class JudgeKeys(ObjectiveKeys):
    """How scores that are not trained on become the judge's value."""

    aggregation: Component = field(
        default_factory=lambda: {"name": "arithmetic_mean"},
        metadata={"meaning": "how the terms are combined"},
    )


@dataclass(frozen=True, kw_only=True)
class TuneKeys:
    """How the network is trained."""

    max_steps: int = _key("optimiser steps")
    max_minutes: float | None = _key("minutes, if they are over first", None)
    rate: float = _key("peak learning rate")
    schedule: RateKeys = _key("the learning rate over the run")
    weight_decay: float = _key("of matrices", 0.0)
    betas: list[float] = _key("of AdamW", (0.9, 0.99))
    ema: float = _key("decay of the moving average, which is drawn from and saved; 0: none", 0.0)
    clip: float = _key("largest norm of the gradient", 1.0)
    accumulate: int = _key("forward passes per optimiser step", 1)
    precision: str = _key("bf16-mixed, 32-true, ...", "bf16-mixed")
    accelerator: str = _key("cpu, gpu or auto", "auto")
    devices: int = _key("devices or processes", 1)
    strategy: str = _key("auto, ddp, fsdp", "auto")
    log_every: int = _key("steps between two lines of the log", 10)
    snapshot_minutes: float = _key("minutes between two checkpoints", 5.0)
    snapshot_steps: int = _key("steps between two checkpoints; 0: before draws and by minutes", 0)


@dataclass(frozen=True, kw_only=True)
class Finetune:
    """Keys of `discdiff finetune`."""

    name: str = _key("name of the run, part of the default output folder")
    model: str = _key("what is tuned: a shipped model, or a model folder")
    sampler: Component = _key("what draws from it, and whose law is tilted")
    method: Component = _key("how it is tuned")
    oracle: dict[str, Component] = _key("what is scored")
    objective: ObjectiveKeys = _key("how scores become the reward that is trained on")
    judge: JudgeKeys | None = _key(
        "an objective over outputs that are not trained on, which picks the weights; null: none",
        None,
    )
    reference: str | None = _key(
        "file of known strings, such as the training data: how new designs are", None
    )
    budget: int = _key("how many evaluations may be spent")
    charge: str = _key("what the budget counts: evaluated, or all")
    length: int | None = _key("tokens per design; null: drawn from the model's lengths", None)
    cond: int | None = _key("class of every design, for a model with classes", None)
    keep: str = _key("weights of the best draw by judge, or reward less KL/scale; or the last")
    lora: LoRAKeys | None = _key("{rank: 8}: adapters, merged when saved; null: all weights", None)
    trainer: TuneKeys = _key("how the network is trained")
    batch_size: int = _key("most sequences of one oracle call")
    max_failed: float = _key("share of failed evaluations that stops the run")
    workers: int = _key("oracle processes; 0: score in this process", 0)
    timeout: float = _key("seconds a sequence may take in an oracle process", 300.0)
    worker_batch: int = _key("sequences that an oracle process is given at once", 1)
    memory: float | None = _key("GiB that an oracle process may have; null: any", None)
    seed: int = _key("same seed, same weights")
    out: str = _key("folder of the run")
    logger: Component = _key("csv, wandb or none")


@contextmanager
def finetuning(
    settings: Finetune, source: Composition, out: Path, callbacks: Sequence[Any] = ()
) -> Iterator[FineTune]:
    """Give the fine-tuning that `settings` describe, in the folder `out`.

    Oracle processes live as long as the context.

    Args:
        settings: what is tuned, how, under which reward.
        source: what they were read from.
        out: the folder of the run.
        callbacks: of Lightning, which change no weight.

    Raises:
        ConfigError: if a name, key or value is wrong; nothing has been written.
        CheckpointError: if the model cannot be loaded.
    """
    from discdiff.campaign.workers import InWorkers
    from discdiff.config import build
    from discdiff.data.readers import Columns, read_chunks
    from discdiff.finetuning.run import FineTune
    from discdiff.oracle import Streaming, flanked
    from discdiff.predictor.judging import refuse_own_judge

    owner = build.model(settings.model, "cpu", source)
    scored = build.oracle(settings.oracle, source, owner)
    rewarded = build.objective(settings.objective, scored, source)
    judge = None
    if settings.judge is not None:
        judge = build.objective(settings.judge, scored, source, "judge")
    with build.located(source, "oracle"):
        refuse_own_judge(scored, rewarded)
    method = build.component("finetuners", "method", settings.method, source)
    known = None
    if settings.reference is not None:
        with build.located(source, "reference"):
            chunks = read_chunks(settings.reference, Columns(), usual=owner.domain.column)
            known = [row.string or "" for chunk in chunks for row in chunk]
    with ExitStack() as stack:
        asked: Streaming = scored
        with build.located(source):
            if _check.non_negative_int("workers", settings.workers):
                limits = (settings.timeout, settings.worker_batch, settings.memory)
                shown = flanked(scored, owner.domain)
                asked = stack.enter_context(InWorkers(shown, settings.workers, *limits))
            tune = FineTune(
                out,
                owner,
                method,
                lambda model: build.component(
                    "samplers", "sampler", settings.sampler, source, model=model
                ),
                asked,
                rewarded,
                judge=judge,
                lora=_lora(settings),
                name=settings.model,
                reference=known,
                config=source.values,
                **_plain(settings),
                **_options(settings),
                callbacks=callbacks,
            )
        yield tune


def _plain(settings: Finetune) -> dict[str, Any]:
    names = ("budget", "seed", "keep", "charge", "batch_size", "max_failed", "length", "cond")
    return {name: getattr(settings, name) for name in names}


def _lora(settings: Finetune) -> Any:
    from discdiff.finetuning.adapters import LoRA

    if settings.lora is None:
        return None
    asked = settings.lora
    targets = None if asked.targets is None else tuple(asked.targets)
    return LoRA(asked.rank, asked.alpha, targets)


def _options(settings: Finetune) -> dict[str, Any]:
    """Return the arguments of the training, from the section `trainer`."""
    from discdiff.training.lr import LearningRate

    options = asdict(settings.trainer)
    options["schedule"] = LearningRate(**options["schedule"])
    options["betas"] = tuple(options["betas"])
    return options | {"logger": settings.logger["name"], "progress": False}
