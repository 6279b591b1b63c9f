"""A scoring function of REINVENT 4 as a configuration of `discdiff design`."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from discdiff.errors import ConfigError

_PROPERTIES = {  # component -> oracle of the same values
    "qed": "qed",
    "slogp": "logp",
    "molecularweight": "molecular_weight",
    "tpsa": "tpsa",
    "hbondacceptors": "hba",
    "hbonddonors": "hbd",
    "numrotbond": "rotatable_bonds",
    "numrings": "rings",
    "numaromaticrings": "aromatic_rings",
    "numheavyatoms": "heavy_atoms",
    "csp3": "fsp3",
}
_TRANSFORMS = {  # transform -> name here, and its options by theirs
    "sigmoid": ("sigmoid", {"low": "low", "high": "high", "k": "k"}),
    "reversesigmoid": ("reverse_sigmoid", {"low": "low", "high": "high", "k": "k"}),
    "doublesigmoid": (
        "double_sigmoid",
        {o: o for o in ("low", "high", "coef_div", "coef_si", "coef_se")},
    ),
    "step": ("step", {"low": "low", "high": "high"}),
    "leftstep": ("step", {"low": "high"}),  # 1 up to `low`
    "rightstep": ("step", {"high": "low"}),  # 1 from `high` on
    "exponentialdecay": ("exponential_decay", {"k": "k"}),
}
_AGGREGATIONS = {
    "arithmeticmean": "arithmetic_mean",
    "customsum": "arithmetic_mean",
    "geometricmean": "geometric_mean",
    "customproduct": "geometric_mean",
}
_FINGERPRINTS = {(2, False): "ecfp4", (3, False): "ecfp6", (2, True): "fcfp4"}  # with counts


@dataclass
class Imported:
    """What became of a scoring function.

    Args:
        values: the configuration, plain values.
        notes: what could not be mapped, or is mapped with a difference, one line each.
    """

    values: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def read(path: Path) -> Imported:
    """Return the configuration of a TOML file: of a scoring run, a staged one, or components alone.

    Args:
        path: the file; a file of components that it names is read beside it.

    Raises:
        ConfigError: if it cannot be read, or nothing in it can be mapped.
    """
    document = _load(path)
    scoring, notes = _scoring(document, path)
    if filename := scoring.get("filename"):
        scoring = scoring | _load(path.parent / str(filename))
        scoring = scoring.get("scoring", scoring)
    writer = _Writer(notes)
    for component in scoring.get("component", []):
        for kind, content in component.items():
            for endpoint in _endpoints(kind, content, path):
                writer.add(kind, endpoint)
    if not any(writer.terms.values()):
        listed = "; ".join(writer.notes) or "it has no components"
        raise ConfigError(f"{path}: nothing of its scoring function can be mapped: {listed}")
    aggregation = _plain(scoring.get("type", "geometric_mean"))
    if aggregation not in _AGGREGATIONS:
        raise ConfigError(
            f"{path}: type must be one of {', '.join(_AGGREGATIONS)}, got {scoring['type']!r}"
        )
    objective: dict[str, Any] = {
        "aggregation": {"name": _AGGREGATIONS[aggregation]},
        "terms": writer.terms,
    }
    if writer.filters:
        objective |= {"filters": writer.filters, "rejected": 0.0}
    if diversity := _diversity(document, writer.notes):
        objective["diversity"] = diversity
    return Imported({"oracle": writer.oracles, "objective": objective}, writer.notes)


def _scoring(document: Mapping[str, Any], path: Path) -> tuple[dict[str, Any], list[str]]:
    """Return the section with the scoring function, and what was passed over for it."""
    stages = document.get("stage", [])
    if stages:
        scoring, notes = stages[0].get("scoring", {}), []
        if len(stages) > 1:
            notes = [f"stage 2 to {len(stages)}: only the first of {len(stages)} stages is mapped"]
    else:
        scoring, notes = document.get("scoring", document), []
    if not isinstance(scoring, dict) or not {"component", "filename"} & scoring.keys():
        raise ConfigError(
            f"{path}: must hold a scoring function, as [[scoring.component]], "
            "[[stage.scoring.component]] or [[component]]"
        )
    return scoring, notes


class _Writer:
    """Gathers oracles, terms and filters from the endpoints of components."""

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes
        self.oracles: dict[str, dict[str, Any]] = {}
        self.terms: dict[str, dict[str, Any] | None] = {}
        self.filters: list[dict[str, Any]] = []

    def add(self, kind: str, endpoint: Mapping[str, Any]) -> None:
        """Map one endpoint of a component, or note why not."""
        label = str(endpoint.get("name", kind))
        try:
            if _plain(kind) == "customalerts":
                self._add_alerts(label, endpoint.get("params", {}))
            else:
                self._add_term(label, kind, endpoint)
        except KeyError as missing:
            self.notes.append(f"{kind} {label!r} is not mapped: it has no {missing}")
        except _Unmapped as reason:
            self.notes.append(f"{kind} {label!r} is not mapped: {reason}")

    def _add_term(self, label: str, kind: str, endpoint: Mapping[str, Any]) -> None:
        oracle = _oracle(kind, endpoint.get("params", {}))
        transform = _transform(endpoint.get("transform"))
        name = self._name(label)
        self.oracles[name] = oracle
        if oracle["name"] == "command":
            self.notes.append(f"{kind} {label!r} runs a command: design needs --allow-code")
        weight = float(endpoint.get("weight", 1.0))
        if weight == 0:
            self.notes.append(
                f"{kind} {label!r} has weight 0: it is scored, and counts for nothing"
            )
            self.terms[name] = None
            return
        term: dict[str, Any] = {"weight": weight, "direction": "max"}
        if transform is not None:
            term["transform"] = transform
        self.terms[name] = term

    def _add_alerts(self, label: str, params: Mapping[str, Any]) -> None:
        patterns = params.get("smarts", [])
        if not patterns:
            raise _Unmapped("it has no smarts")
        name = self._name(label)
        # one pattern that matches where any of them does
        either = ",".join(f"$({pattern})" for pattern in patterns)
        self.oracles[name] = {"name": "smarts", "pattern": f"[{either}]", "mode": "has"}
        self.filters.append({"name": "range", "output": name, "high": 0.0})

    def _name(self, label: str) -> str:
        plain = re.sub(r"\W+", "_", label, flags=re.ASCII).strip("_").lower() or "score"
        name, number = plain, 2
        while name in self.oracles:
            name, number = f"{plain}_{number}", number + 1
        return name


class _Unmapped(Exception):
    """Something that has no counterpart; the message says what."""


def _oracle(kind: str, params: Mapping[str, Any]) -> dict[str, Any]:
    plain = _plain(kind)
    if plain in _PROPERTIES:
        return {"name": _PROPERTIES[plain]}
    if plain == "sascore":
        return {"name": "sa", "normalised": False}
    if plain == "groupcount":
        return {"name": "smarts", "pattern": params["smarts"], "mode": "count"}
    if plain == "tanimotodistance":
        return _similarity(params)
    if plain == "externalprocess":
        words = [str(params["executable"]), *shlex.split(str(params.get("args", "")))]
        output = str(params.get("property", "predictions"))
        return {"name": "command", "command": words, "outputs": [output]}
    if plain == "matchingsubstructure":
        raise _Unmapped(
            "a penalty that halves the score has no counterpart; use a filter on smarts"
        )
    raise _Unmapped("no oracle here computes it")


def _similarity(params: Mapping[str, Any]) -> dict[str, Any]:
    references = params.get("smiles", [])
    made = (int(params.get("radius", 3)), bool(params.get("use_features", True)))
    if len(references) != 1:
        raise _Unmapped(f"similarity takes one reference molecule, it has {len(references)}")
    if not params.get("use_counts", True) or made not in _FINGERPRINTS:
        counts = "counts" if params.get("use_counts", True) else "bits"
        kind = "feature" if made[1] else "atom"
        raise _Unmapped(f"no fingerprint of {kind} {counts} with radius {made[0]}")
    fingerprint = _FINGERPRINTS[made]
    return {"name": "similarity", "reference": references[0], "fingerprint": fingerprint}


def _transform(transform: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not transform:
        return None
    kind = str(transform.get("type", ""))
    if _plain(kind) not in _TRANSFORMS:
        raise _Unmapped(f"no transform {kind!r} here")
    name, options = _TRANSFORMS[_plain(kind)]
    unknown = transform.keys() - options.keys() - {"type", "low", "high"}
    if unknown:
        raise _Unmapped(f"transform {kind!r} has the option {min(unknown)!r}, unknown here")
    found = {options[key]: float(value) for key, value in transform.items() if key in options}
    return {"name": name, **found}


def _diversity(document: Mapping[str, Any], notes: list[str]) -> dict[str, Any] | None:
    stages = document.get("stage") or [{}]
    section = document.get("diversity_filter") or stages[0].get("diversity_filter")
    if not section:
        return None
    kind = _plain(str(section.get("type", "")))
    options = {
        "bucket_size": int(section.get("bucket_size", 25)),
        "min_score": float(section.get("minscore", 0.4)),
    }
    if kind in ("identicalmurckoscaffold", "identicaltopologicalscaffold"):
        return {"name": "scaffold", **options, "generic": kind == "identicaltopologicalscaffold"}
    notes.append(f"diversity_filter {section.get('type')!r} is not mapped: no memory like it here")
    return None


def _endpoints(kind: str, content: Any, path: Path) -> Iterator[dict[str, Any]]:
    """Yield the endpoints of a component, with the parameters that all of them share."""
    listed = content.get("endpoint") if isinstance(content, dict) else None
    if not isinstance(listed, list):
        raise ConfigError(f"{path}: component {kind} must have a list of endpoints")
    for endpoint in listed:
        yield {**endpoint, "params": {**content.get("params", {}), **endpoint.get("params", {})}}


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from error


def _plain(name: object) -> str:
    """Return a name as REINVENT compares it: without case, dashes and underscores."""
    return str(name).lower().replace("-", "").replace("_", "")
