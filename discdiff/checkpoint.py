"""Model folders: config.json, model.safetensors and README.md; reading one runs no code of its own.

Components are stored by registered name. Pickles are never opened.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from discdiff import _check, registry
from discdiff.errors import CheckpointError, ConfigError, InputError
from discdiff.model import LengthLaw, Model
from discdiff.padding import LENGTH_MODES, Padded

FORMAT_VERSION = 1
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_PICKLES = (".ckpt", ".pt", ".pth", ".pkl", ".pickle", ".bin")
_KEYS = ("process", "denoiser", "domain", "lengths", "length_mode", "frozen_training", "card")


def write(model: Model, folder: Path, dtype: str = "float32") -> None:
    """Write `model` to `folder`, all of it or nothing.

    Args:
        model: of registered components.
        folder: new, empty, or an older model folder, which is replaced as a whole.
        dtype: of the stored weights.

    Raises:
        InputError: if `folder` holds something else, or a component is not registered.
    """
    _check.one_of("dtype", dtype, tuple(DTYPES))
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not is_model(folder)):
        raise InputError(f"folder must be new or a model folder, got {str(folder)!r}")
    text = json.dumps(_config(model), indent=1) + "\n"
    weights = {
        name: value.detach().to("cpu", DTYPES[dtype] if value.is_floating_point() else None)
        for name, value in model.denoiser.state_dict().items()
    }
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    temporary.mkdir(parents=True)
    try:
        contiguous = {name: value.contiguous() for name, value in weights.items()}
        safetensors.torch.save_file(contiguous, temporary / WEIGHTS)
        (temporary / CONFIG).write_text(text, encoding="utf-8")
        (temporary / CARD).write_text(_card(model, folder.name), encoding="utf-8")
        for name in (WEIGHTS, CONFIG, CARD):
            (temporary / name).chmod(0o644)
            _flush(temporary / name)
        _replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def is_model(folder: Path) -> bool:
    """Return whether `folder` looks like a model folder."""
    return (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file()


def locate(source: str | Path) -> Path:
    """Return the folder of `source`, a path or the name of a shipped model.

    Raises:
        CheckpointError: if it is neither.
    """
    path = Path(source)
    if path.is_dir():
        return path
    if path.is_file():
        what = "a pickle can run code and is not opened" if path.suffix in _PICKLES else "a file"
        raise CheckpointError(f"a model is a folder with {CONFIG}, got {str(path)!r}: {what}")
    names = [entry.name for entry in registry.names("models")]
    if str(source) in names:
        return registry.model_folder(str(source))
    raise CheckpointError(
        f"model must be a folder or one of {', '.join(names)}, got {str(source)!r}."
        f"{_check.suggestion(source, names)}"
    )


def keeping_scaffolds() -> list[str]:
    """Return the names of the shipped models whose designs can be held to a scaffold."""
    names = []
    for entry in registry.names("models"):
        try:
            config = _read_config(locate(entry.name))
            kind = registry.find("domains", str(_mapping(config, "domain")["name"]))
        except (CheckpointError, ConfigError):  # a broken plug-in hinders no other model
            continue
        frozen = _mapping(config, "process")["name"] == "masked" or config["frozen_training"]
        if kind.keeps_scaffolds and frozen and config["length_mode"] == "given_length":
            names.append(entry.name)
    return names


def read(folder: Path) -> Model:
    """Return the model stored in `folder`, in evaluation mode, with float32 weights.

    Raises:
        CheckpointError: if a file is missing, truncated, of a newer version, or does not fit.
    """
    config = _read_config(folder)
    weights = _read_weights(folder)
    try:
        model = _build(config)
    except (InputError, TypeError, ValueError, AttributeError, KeyError, RuntimeError) as error:
        raise CheckpointError(f"{folder / CONFIG} does not describe a model: {error}") from error
    expected = model.denoiser.state_dict()
    missing, extra = sorted(expected.keys() - weights), sorted(weights.keys() - expected)
    if missing or extra:
        raise CheckpointError(
            f"{folder / WEIGHTS} must hold the denoiser's weights, missing {missing[:3]}, "
            f"not expected {extra[:3]}"
        )
    for name, value in expected.items():
        if value.shape != weights[name].shape:
            raise CheckpointError(
                f"{folder / WEIGHTS}: {name} must have shape {tuple(value.shape)}, "
                f"got {tuple(weights[name].shape)}"
            )
        if not bool(torch.isfinite(weights[name]).all()):
            raise CheckpointError(f"{folder / WEIGHTS}: {name} must be finite, got nan or inf")
    model.denoiser.load_state_dict(weights)
    model.denoiser.eval()
    return model


def _config(model: Model) -> dict[str, object]:
    settings = getattr(model.denoiser, "settings", None)
    if settings is None:
        raise InputError(f"{type(model.denoiser).__name__} needs a method settings() to be saved")
    schedule = {"name": _name("schedules", model.process.schedule)}
    domain = model.domain.inner if isinstance(model.domain, Padded) else model.domain
    if domain.demands():
        raise InputError(
            "a model held to a scaffold or near seeds cannot be saved: save the model it is made of"
        )
    return {
        "format_version": FORMAT_VERSION,
        "process": {
            "name": _name("processes", model.process),
            "vocab_size": model.vocab_size,
            "schedule": schedule | model.process.schedule.settings(),
        },
        "denoiser": {"name": _name("denoisers", model.denoiser)} | settings(),
        "domain": {"name": _name("domains", domain)} | domain.settings(),
        "lengths": [float(f"{p:.7g}") for p in model.lengths.probabilities.tolist()],
        "length_mode": model.length_mode,
        "frozen_training": model.frozen_training,
        "card": model.card,
    }


def _name(kind: str, component: object) -> str:
    target = f"{type(component).__module__}:{type(component).__qualname__}"
    for entry in registry.names(kind):
        if entry.target == target:
            return entry.name
    raise InputError(f"a component must be registered under {kind} to be saved, got {target}")


def _read_config(folder: Path) -> dict[str, object]:
    path = folder / CONFIG
    if not path.is_file():
        pickles = [p.name for p in sorted(folder.iterdir()) if p.suffix in _PICKLES]
        found = f"; {pickles[0]} is a pickle, which is not opened" if pickles else ""
        raise CheckpointError(f"a model folder must hold {CONFIG}, got {str(folder)!r}{found}")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    version = config.get("format_version") if isinstance(config, dict) else None
    if type(version) is not int or version < 1:
        raise CheckpointError(f"{path} must have a format_version, got {version!r}")
    if version > FORMAT_VERSION:
        raise CheckpointError(
            f"{path} must have format_version {FORMAT_VERSION} or older, got {version}: it was "
            "written by a newer version of discdiff"
        )
    for key in _KEYS:
        if key not in config:
            raise CheckpointError(f"{path} must have the key {key!r}, which is missing")
    return dict(config)


def _read_weights(folder: Path) -> dict[str, Tensor]:
    path = folder / WEIGHTS
    if not path.is_file():
        raise CheckpointError(f"a model folder must hold {WEIGHTS}, got {str(folder)!r}")
    try:
        weights = safetensors.torch.load_file(path)
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path} is not a whole safetensors file: {error}") from error
    return {n: w.float() if w.is_floating_point() else w for n, w in weights.items()}


def _build(config: dict[str, object]) -> Model:
    process, lengths = _mapping(config, "process"), config["lengths"]
    if not isinstance(lengths, list):
        raise InputError(f"lengths must be a list, got {lengths!r}")
    schedule = registry.build("schedules", _mapping(process, "schedule"))
    process = {key: value for key, value in process.items() if key != "schedule"}
    law = LengthLaw(lengths)
    domain = registry.build("domains", _mapping(config, "domain"))
    if _check.one_of("length_mode", config["length_mode"], LENGTH_MODES) == "pad_as_token":
        domain = Padded(domain, law.max_length)
    return Model(
        registry.build("denoisers", _mapping(config, "denoiser")),
        registry.build("processes", process, schedule=schedule),
        domain,
        law,
        card=_mapping(config, "card"),
        frozen_training=config["frozen_training"] is True,
    )


def _mapping(config: dict[str, object], key: str) -> dict[str, object]:
    value = config.get(key)
    if not isinstance(value, dict):
        raise InputError(f"{key} must be a mapping, got {value!r}")
    return dict(value)


def _card(model: Model, title: str) -> str:
    parameters = sum(p.numel() for p in model.denoiser.parameters())
    lines = [f"# {model.card.get('title', title)}", ""]
    lines += [
        f"{type(model.denoiser).__name__}, {parameters:,} parameters, {model.process.kind} "
        f"diffusion, {model.domain.name} alphabet of {model.vocab_size} tokens, at most "
        f"{model.max_length} tokens ({model.length_mode}).",
        "",
    ]
    for heading, body in model.card.items():
        if heading == "title":
            continue
        lines += [f"## {heading.replace('_', ' ').capitalize()}", ""]
        if isinstance(body, dict):
            lines += ["| | |", "|---|---|", *(f"| {k} | {v} |" for k, v in body.items())]
        else:
            lines.append(str(body))
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _replace(temporary: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    if folder.is_dir():
        os.rename(folder, old)
    os.rename(temporary, folder)
    shutil.rmtree(old, ignore_errors=True)
