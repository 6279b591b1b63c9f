"""A trained predictor: what it says of a string, and the folder it is stored in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch

from discdiff import _check, checkpoint, registry
from discdiff.domain import Domain
from discdiff.errors import CheckpointError, ConfigError, InputError
from discdiff.fingerprint import fingerprint
from discdiff.oracle.scores import Floats
from discdiff.predictor.applicability import Applicability
from discdiff.predictor.ensemble import Ensemble, spread
from discdiff.predictor.representation import Unread
from discdiff.predictor.splits import HALVES

TASKS = ("regression", "classification")
_ROWS = 256  # of a pass
_MOST_MEMBERS = 1000


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a predictor says of N strings, under R outputs.

    Attributes:
        mean: over the members, `(N, R)`; NaN where a string cannot be read.
        sd: their standard deviation, `(N, R)`.
        similarity: to the nearest training string, `(N,)`.
        inside: whether a string lies in the applicability domain, bool `(N,)`.
        reasons: why a string cannot be read, or is not valid; empty for most.
    """

    mean: Floats
    sd: Floats
    similarity: Floats
    inside: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Origin:
    """What a predictor was trained on: one half of a table, or all of it.

    Attributes:
        data: a hash of the table.
        half: ``guide``, ``judge`` or ``all``.
    """

    data: str
    half: str

    def __post_init__(self) -> None:
        _check.one_of("half", self.half, HALVES)

    def overlaps(self, other: Origin) -> bool:
        """Whether the training rows of both are known to have some in common.

        Example:
            >>> guide, judge, whole = (Origin("a1", half) for half in ("guide", "judge", "all"))
            >>> guide.overlaps(judge), guide.overlaps(guide), whole.overlaps(judge)
            (False, True, True)
        """
        halves = {self.half, other.half}
        return self.data == other.data and halves != {"guide", "judge"}


class Predictor:
    """An ensemble with names for its outputs and a rule for where it may be believed.

    Args:
        ensemble: trained members; put in evaluation mode.
        outputs: names of the R outputs.
        task: ``regression``, or ``classification``, whose values are probabilities.
        applicability: where it may be believed.
        origin: what it was trained on.
        card: headings and what stands under them in the model card.
        quality: measured on rows held out: by output, by method, by measure.

    Raises:
        InputError: if the task is unknown, or not that of the ensemble.
    """

    def __init__(
        self,
        ensemble: Ensemble,
        outputs: Sequence[str],
        task: str,
        applicability: Applicability,
        origin: Origin,
        card: Mapping[str, object] | None = None,
        quality: Mapping[str, object] | None = None,
    ) -> None:
        self.ensemble = ensemble.eval()
        self.outputs = tuple(outputs)
        self.task = _check.one_of("task", task, TASKS)
        if ensemble.binary != (task == "classification"):
            raise InputError(f"task must be that of the ensemble, got {task!r}")
        if len(self.outputs) != len(ensemble.centre) or len(set(outputs)) < len(self.outputs):
            raise InputError(
                f"outputs must be {len(ensemble.centre)} distinct names, got {list(outputs)}"
            )
        self.applicability = applicability
        self.origin = origin
        self.card = dict(card or {})
        self.quality = dict(quality or {})

    @property
    def domain(self) -> Domain:
        """The domain of the strings."""
        return self.applicability.domain

    @property
    def fingerprint(self) -> str:
        """A short hash of the weights."""
        return fingerprint(self.ensemble)

    @torch.no_grad()
    def members(self, strings: Sequence[str]) -> tuple[Floats, list[str]]:
        """Return the values of the members `(K, N, R)`, and why a string has none.

        Args:
            strings: N.
        """
        representation = self.ensemble.representation
        items = representation.items(strings)
        reasons = [item.reason if isinstance(item, Unread) else "" for item in items]
        values = np.full((len(self.ensemble.members), len(items), len(self.outputs)), np.nan)
        readable = [i for i, reason in enumerate(reasons) if not reason]
        order = sorted(readable, key=lambda i: representation.size(items[i]))
        device = self.ensemble.centre.device
        self.ensemble.eval()
        for start in range(0, len(order), _ROWS):
            rows = order[start : start + _ROWS]
            batch = representation.collate([items[i] for i in rows]).to(device)
            values[:, rows] = self.ensemble.values(batch).double().cpu().numpy()
        return values, reasons

    def __call__(self, strings: Sequence[str]) -> Prediction:
        """Return what is predicted of canonical strings."""
        why = [self.domain.invalid_reason(string) or "" for string in strings]
        valid = [i for i, reason in enumerate(why) if not reason]
        mean = np.full((len(strings), len(self.outputs)), np.nan)
        sd, similarity = mean.copy(), np.full(len(strings), np.nan)
        if valid:
            values, reasons = self.members([strings[i] for i in valid])
            mean[valid] = values.mean(0)
            sd[valid] = spread(torch.from_numpy(values)).numpy()
            similarity[valid] = self.applicability.similarity([strings[i] for i in valid])
            for i, reason in zip(valid, reasons, strict=True):
                why[i] = reason
        inside = similarity >= self.applicability.threshold
        return Prediction(mean, sd, similarity, inside, tuple(why))

    def save(self, folder: str | Path, dtype: str = "float32") -> None:
        """Write the predictor to a folder, new or with an older one, all of it or nothing.

        Raises:
            InputError: if the folder holds something else, or a part is not registered.
        """
        folder = Path(folder)
        representation, domain = self.ensemble.representation, self.domain
        name = checkpoint.registered_name("representations", representation)
        config: dict[str, object] = {
            "format_version": checkpoint.FORMAT_VERSION,
            "kind": checkpoint.PREDICTOR,
            "task": self.task,
            "outputs": list(self.outputs),
            "domain": {"name": checkpoint.registered_name("domains", domain)} | domain.settings(),
            "representation": {"name": name} | representation.settings(),
            "members": len(self.ensemble.members),
            "applicability": self.applicability.settings(),
            "origin": {"data": self.origin.data, "half": self.origin.half},
            "quality": self.quality,
            "card": self.card,
        }
        what = f"{len(self.ensemble.members)} members, {self.task} of {', '.join(self.outputs)}"
        about = f"read as {name}."
        text = checkpoint.card(folder.name, self.ensemble, what, domain, about, self.card)
        checkpoint.write_parts(folder, config, self.ensemble, text, dtype)

    @classmethod
    def load(cls, source: str | Path) -> Self:
        """Return the predictor of a folder, or a shipped one by its name.

        Raises:
            InputError: if there is none of that name.
            CheckpointError: if a file is broken or missing, or does not fit.
        """
        folder = locate(source)
        config = checkpoint.read_config(folder, checkpoint.PREDICTOR)
        try:
            predictor = cls._built(config)
        except (InputError, TypeError, ValueError, AttributeError, KeyError, RuntimeError) as error:
            raise CheckpointError(
                f"{folder / checkpoint.CONFIG} does not describe a predictor: {error}"
            ) from error
        checkpoint.read_weights(folder, predictor.ensemble)
        return predictor

    @classmethod
    def _built(cls, config: dict[str, object]) -> Self:
        part = checkpoint.mapping_of
        domain: Domain = registry.build("domains", part(config, "domain"))
        listed = part(config, "representation")
        if "model" in listed:
            raise InputError("representation must hold a network, not the place of a model")
        representation = registry.build("representations", listed, domain=domain)
        outputs = config["outputs"]
        if not isinstance(outputs, list) or not all(isinstance(name, str) for name in outputs):
            raise InputError(f"outputs must be a list of names, got {outputs!r}")
        members = _check.positive_int("members", config["members"])
        if members > _MOST_MEMBERS:
            raise InputError(f"members must be at most {_MOST_MEMBERS}, got {members}")
        binary = config["task"] == "classification"
        rule, origin = part(config, "applicability"), part(config, "origin")
        return cls(
            Ensemble(representation, len(outputs), members, binary),
            outputs,
            str(config["task"]),
            Applicability(domain, **rule),  # type: ignore[arg-type]  # it checks
            Origin(**origin),  # type: ignore[arg-type]  # it checks
            part(config, "card"),
            part(config, "quality"),
        )


def locate(source: str | Path) -> Path:
    """Return the folder of `source`, a path or the name of a shipped predictor.

    Raises:
        InputError: if it is neither.
        CheckpointError: if it is a folder that holds a guide and a judge.
    """
    path = Path(source)
    if checkpoint.is_folder(source, "predictors"):
        halves = [half for half in HALVES if checkpoint.is_model(path / half)]
        if halves and not checkpoint.is_model(path):
            raise CheckpointError(
                f"{path} holds the predictors {' and '.join(halves)}: name one, such as "
                f"{path / halves[0]}"
            )
        return path
    names = [entry.name for entry in registry.names("predictors")]
    if str(source) in names:
        try:
            return registry.model_folder(str(source), "predictors")
        except ConfigError as error:
            raise CheckpointError(str(error)) from error
    shipped = f" or one of {', '.join(names)}" if names else ""
    raise InputError(
        f"path must be a folder{shipped}, got {str(source)!r}.{_check.suggestion(source, names)}"
    )
