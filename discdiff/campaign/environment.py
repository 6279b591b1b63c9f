"""What a run ran on: versions, machine and code, for `environment.json`."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path

import torch

import discdiff
from discdiff.errors import StoreError

_PACKAGES = ("discdiff", "torch", "numpy", "rdkit", "selfies", "safetensors")
_ROOT = Path(discdiff.__file__).resolve().parent.parent


def environment() -> dict[str, object]:
    """Return what may change a result: JSON values, the same for the same machine and code.

    Example:
        >>> sorted(environment())[:3]
        ['commit', 'cpu_count', 'deterministic']
    """
    return {
        "discdiff": discdiff.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "commit": _commit(),
        "cpu_count": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def differences(before: dict[str, object], now: dict[str, object]) -> list[str]:
    """Return "key: old, now new" for every value that changed.

    Example:
        >>> differences({"python": "3.11.2"}, {"python": "3.12.0"})
        ["python: '3.11.2', now '3.12.0'"]
    """
    return [
        f"{key}: {before.get(key)!r}, now {now.get(key)!r}"
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
    ]


def dumps(found: dict[str, object]) -> str:
    """Return `found` as the text of `environment.json`."""
    return json.dumps(found, indent=2, sort_keys=True) + "\n"


def read(path: Path) -> dict[str, object]:
    """Return what `environment.json` says; raises `StoreError` if it cannot be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"cannot read {path}: {error}") from error
    if not isinstance(found, dict):
        raise StoreError(f"{path} must hold a mapping, got {type(found).__name__}")
    return found


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return the git commit of the code, with "+changes" if files differ from it."""
    if not (_ROOT / ".git").exists():
        return None
    try:
        head = _git("rev-parse", "HEAD")
        return head + ("+changes" if _git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_ROOT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()
