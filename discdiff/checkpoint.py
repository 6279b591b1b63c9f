"""Model folders: config.json, model.safetensors and README.md; reading one runs no code of its own.

Components are stored by registered name. Pickles are never opened.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from discdiff import _check, registry
from discdiff.class_masked import ClassMaskedProcess
from discdiff.domain import Domain
from discdiff.errors import CheckpointError, ConfigError, InputError
from discdiff.model import LengthLaw, Model
from discdiff.padding import LENGTH_MODES, Padded
from discdiff.process import Process
from discdiff.schedule import Schedule

FORMAT_VERSION = 1
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_PICKLES = (".ckpt", ".pt", ".pth", ".pkl", ".pickle", ".bin")
DISCRETE, SMOOTHED, PREDICTOR = "discrete", "smoothed", "predictor"  # kinds of models
LOADERS = {
    DISCRETE: "discdiff.model.Model",
    SMOOTHED: "discdiff.smoothed.model.SmoothedModel",
    PREDICTOR: "discdiff.predictor.predictor.Predictor",
}
_KEYS = {
    DISCRETE: (
        *("process", "denoiser", "domain", "lengths", "length_mode", "frozen_training", "card"),
    ),
    SMOOTHED: ("denoiser", "sigma", "domain", "lengths", "frozen_training", "card"),
    PREDICTOR: (
        *("task", "outputs", "domain", "representation", "members", "applicability", "origin"),
        *("quality", "card"),
    ),
}


def write(model: Model, folder: Path, dtype: str = "float32") -> None:
    """Write `model` to `folder`, all of it or nothing.

    Args:
        model: of registered components.
        folder: new, empty, or an older model folder, which is replaced as a whole.
        dtype: of the stored weights.

    Raises:
        InputError: if `folder` holds something else, or a component is not registered.
    """
    write_parts(folder, _config(model), model.denoiser, _card(model, folder.name), dtype)


def write_parts(
    folder: Path, config: dict[str, object], network: nn.Module, card: str, dtype: str = "float32"
) -> None:
    """Write a folder of a configuration, the weights of a network and a card, or nothing.

    Args:
        folder: as for `write`.
        config: JSON values.
        network: whose weights they are.
        card: Markdown.
        dtype: of the stored weights.

    Raises:
        InputError: if `folder` holds something else.
    """
    _check.one_of("dtype", dtype, tuple(DTYPES))
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not is_model(folder)):
        raise InputError(f"folder must be new or a model folder, got {str(folder)!r}")
    text = json.dumps(config, indent=1) + "\n"
    weights = {
        name: value.detach().to("cpu", DTYPES[dtype] if value.is_floating_point() else None)
        for name, value in network.state_dict().items()
    }
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    temporary.mkdir(parents=True)
    try:
        contiguous = {name: value.contiguous() for name, value in weights.items()}
        safetensors.torch.save_file(contiguous, temporary / WEIGHTS)
        (temporary / CONFIG).write_text(text, encoding="utf-8")
        (temporary / CARD).write_text(card, encoding="utf-8")
        for name in (WEIGHTS, CONFIG, CARD):
            (temporary / name).chmod(0o644)
            _flush(temporary / name)
        _replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def is_model(folder: Path) -> bool:
    """Return whether `folder` looks like a model folder."""
    return (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file()


def is_folder(source: str | Path, kind: str = "models") -> bool:
    """Return whether `source` is a folder to read, and not a shipped model's name.

    A folder of that name that holds no model, such as a run's, does not hide a shipped one.

    Args:
        source: a path or a name.
        kind: ``models`` or ``predictors``.
    """
    path = Path(source)
    shipped = {entry.name for entry in registry.names(kind)}
    return path.is_dir() and (is_model(path) or str(source) not in shipped)


def locate(source: str | Path) -> Path:
    """Return the folder of `source`, a path or the name of a shipped model.

    Raises:
        InputError: if it is neither.
        CheckpointError: if it is a file.
    """
    path = Path(source)
    if is_folder(source):
        return path
    if path.is_file():
        what = "a pickle can run code and is not opened" if path.suffix in _PICKLES else "a file"
        raise CheckpointError(f"a model is a folder with {CONFIG}, got {str(path)!r}: {what}")
    names = [entry.name for entry in registry.names("models")]
    if str(source) in names:
        return registry.model_folder(str(source))
    raise InputError(
        f"model must be a folder or one of {', '.join(names)}, got {str(source)!r}."
        f"{_check.suggestion(source, names)}"
    )


def keeping_scaffolds() -> list[str]:
    """Return the names of the shipped models whose designs can be held to a scaffold."""
    names = []
    for entry in registry.names("models"):
        try:
            config = read_config(locate(entry.name))
            kind = registry.find("domains", str(mapping_of(config, "domain")["name"]))
        except (CheckpointError, ConfigError):  # a broken plug-in hinders no other model
            continue
        frozen = mapping_of(config, "process")["name"] == "masked" or config["frozen_training"]
        if kind.keeps_scaffolds and frozen and config["length_mode"] == "given_length":
            names.append(entry.name)
    return names


def read(folder: Path) -> Model:
    """Return the model stored in `folder`, in evaluation mode, with float32 weights.

    Raises:
        CheckpointError: if a file is missing, truncated, of a newer version, or does not fit.
    """
    config = read_config(folder)
    try:
        model = _build(config)
    except (InputError, TypeError, ValueError, AttributeError, KeyError, RuntimeError) as error:
        raise CheckpointError(f"{folder / CONFIG} does not describe a model: {error}") from error
    read_weights(folder, model.denoiser)
    return model


def read_weights(folder: Path, network: nn.Module) -> None:
    """Put the weights stored in `folder` into `network`, which goes to evaluation mode.

    Raises:
        CheckpointError: if they are missing, truncated, not finite, or those of another network.
    """
    weights = _stored_weights(folder)
    expected = network.state_dict()
    missing, extra = sorted(expected.keys() - weights), sorted(weights.keys() - expected)
    if missing or extra:
        raise CheckpointError(
            f"{folder / WEIGHTS} must hold the network's weights, missing {missing[:3]}, "
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
    network.load_state_dict(weights)
    network.eval()


def _process(process: Process) -> dict[str, object]:
    config: dict[str, object] = {
        "name": registered_name("processes", process),
        "vocab_size": process.vocab_size,
        "schedule": _schedule(process.schedule),
    }
    if isinstance(process, ClassMaskedProcess):
        named = process.schedules.items()
        config["token_classes"] = process.token_classes
        config["schedules"] = {name: _schedule(one) for name, one in named}
    return config


def _schedule(schedule: Schedule) -> dict[str, object]:
    return {"name": registered_name("schedules", schedule)} | schedule.settings()


def _config(model: Model) -> dict[str, object]:
    domain = model.domain.inner if isinstance(model.domain, Padded) else model.domain
    if domain.demands():
        raise InputError(
            "a model held to a scaffold or near seeds cannot be saved: save the model it is made of"
        )
    return {
        "format_version": FORMAT_VERSION,
        "process": _process(model.process),
        "denoiser": network_config(model.denoiser),
        "domain": {"name": registered_name("domains", domain)} | domain.settings(),
        "lengths": length_config(model.lengths),
        "length_mode": model.length_mode,
        "frozen_training": model.frozen_training,
        "card": model.card,
    }


def network_config(network: nn.Module) -> dict[str, object]:
    """Return the registered name of a network and its settings.

    Raises:
        InputError: if it has no settings, or is not registered.
    """
    settings = getattr(network, "settings", None)
    if settings is None:
        raise InputError(f"{type(network).__name__} needs a method settings() to be saved")
    found: dict[str, object] = settings()
    return {"name": registered_name("denoisers", network)} | found


def length_config(lengths: LengthLaw) -> list[float]:
    """Return the probabilities of a length law, as they are stored."""
    return [float(f"{p:.7g}") for p in lengths.probabilities.tolist()]


def registered_name(kind: str, component: object) -> str:
    """Return the name under which the class of `component` is registered.

    Raises:
        InputError: if it is not.
    """
    target = f"{type(component).__module__}:{type(component).__qualname__}"
    for entry in registry.names(kind):
        if entry.target == target:
            return entry.name
    raise InputError(f"a component must be registered under {kind} to be saved, got {target}")


def read_config(folder: Path, kind: str = DISCRETE) -> dict[str, object]:
    """Return the configuration stored in `folder`.

    Args:
        folder: of a model.
        kind: of model, `discrete`, `smoothed` or `predictor`.

    Raises:
        CheckpointError: if there is none, or one of a newer version or of another kind of model.
    """
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
    found = config.get("kind", DISCRETE)
    if found != kind:
        raise CheckpointError(
            f"{path} must describe a {kind} model, got a {found} one, which is read by "
            f"{LOADERS.get(str(found), 'no class of this version')}"
        )
    for key in _KEYS[kind]:
        if key not in config:
            raise CheckpointError(f"{path} must have the key {key!r}, which is missing")
    return dict(config)


def _stored_weights(folder: Path) -> dict[str, Tensor]:
    path = folder / WEIGHTS
    if not path.is_file():
        raise CheckpointError(f"a model folder must hold {WEIGHTS}, got {str(folder)!r}")
    try:
        weights = safetensors.torch.load_file(path)
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path} is not a whole safetensors file: {error}") from error
    return {n: w.float() if w.is_floating_point() else w for n, w in weights.items()}


def _build(config: dict[str, object]) -> Model:
    process, lengths = mapping_of(config, "process"), config["lengths"]
    if not isinstance(lengths, list):
        raise InputError(f"lengths must be a list, got {lengths!r}")
    schedule = registry.build("schedules", mapping_of(process, "schedule"))
    process = {key: value for key, value in process.items() if key != "schedule"}
    law = LengthLaw(lengths)
    domain = registry.build("domains", mapping_of(config, "domain"))
    if _check.one_of("length_mode", config["length_mode"], LENGTH_MODES) == "pad_as_token":
        domain = Padded(domain, law.max_length)
    return Model(
        registry.build("denoisers", mapping_of(config, "denoiser")),
        registry.build("processes", process, schedule=schedule),
        domain,
        law,
        card=mapping_of(config, "card"),
        frozen_training=config["frozen_training"] is True,
    )


def mapping_of(config: dict[str, object], key: str) -> dict[str, object]:
    """Return the mapping under `key`; raises `InputError` if it is none."""
    value = config.get(key)
    if not isinstance(value, dict):
        raise InputError(f"{key} must be a mapping, got {value!r}")
    return dict(value)


def _card(model: Model, title: str) -> str:
    what = f"{model.process.kind} diffusion"
    about = f"at most {model.max_length} tokens ({model.length_mode})."
    return card(title, model.denoiser, what, model.domain, about, model.card)


def card(
    title: str,
    network: nn.Module,
    what: str,
    domain: Domain,
    about: str,
    headings: Mapping[str, object],
) -> str:
    """Return a model card in Markdown.

    Args:
        title: where the headings have none.
        network: its weights are counted.
        what: the kind of model.
        domain: of the strings.
        about: ends the sentence that describes the model.
        headings: what follows, heading by heading.
    """
    parameters = sum(p.numel() for p in network.parameters())
    lines = [f"# {headings.get('title', title)}", ""]
    lines += [
        f"{type(network).__name__}, {parameters:,} parameters, {what}, {domain.name} alphabet of "
        f"{len(domain.alphabet)} tokens, {about}",
        "",
    ]
    for heading, body in headings.items():
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
