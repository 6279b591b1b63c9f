"""`discdiff doctor`: what this installation runs on, and what is wrong with it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

import typer

PACKAGES = (
    "torch",
    "pytorch-lightning",
    "rdkit",
    "selfies",
    "numpy",
    "hydra-core",
    "safetensors",
    "moocore",
    "wandb",
    "fcd",
)
OPTIONAL = ("fcd",)
LOW_DISK = 1 << 30
OK, WARNING, FAULT = "ok", "warning", "fault"
COLOURS = {OK: typer.colors.GREEN, WARNING: typer.colors.YELLOW, FAULT: typer.colors.RED}


def doctor() -> None:
    """Check the installation.

    Versions, accelerator, plug-ins, disk. The exit code is 1 where there is a fault; a broken
    plug-in is a warning.
    """
    faults = 0
    for level, subject, finding in _findings():
        faults += level == FAULT
        typer.secho(f"{level:<7} ", fg=COLOURS[level], nl=False)
        typer.echo(f"{subject}: {finding}")
    typer.echo("no faults" if not faults else f"{faults} fault{'s' * (faults > 1)}")
    if faults:
        raise typer.Exit(1)


def _findings() -> Iterator[tuple[str, str, str]]:
    """Yield (level, subject, finding)."""
    import discdiff
    from discdiff import registry

    yield OK, "discdiff", f"{discdiff.__version__}, {Path(discdiff.__file__).parent}"
    yield OK, "python", f"{platform.python_version()}, {platform.platform()}"
    for package in PACKAGES:
        yield _package(package)
    yield _accelerator()
    for kind in registry.KINDS:
        entries = registry.names(kind, load=True)
        for entry in entries:
            if entry.broken:
                level = FAULT if entry.distribution == registry.DISTRIBUTION else WARNING
                yield level, f"{kind}.{entry.name} ({entry.distribution})", entry.status
        yield OK, kind, ", ".join(entry.name for entry in entries if not entry.broken)
    folder = Path.cwd()
    writable = os.access(folder, os.W_OK)
    yield OK if writable else FAULT, "folder", f"{folder} is {'' if writable else 'not '}writable"
    free = shutil.disk_usage(folder).free
    yield OK if free > LOW_DISK else WARNING, "disk", f"{free / (1 << 30):.1f} GiB free"


def _package(name: str) -> tuple[str, str, str]:
    try:
        return OK, name, importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        if name in OPTIONAL:
            return OK, name, "not installed (optional)"
        return FAULT, name, "not installed"


def _accelerator() -> tuple[str, str, str]:
    try:
        import torch
    except ImportError as error:
        return FAULT, "accelerator", f"torch cannot be imported: {error}"
    if torch.cuda.is_available():
        return OK, "accelerator", torch.cuda.get_device_name()
    threads = torch.get_num_threads()
    return OK, "accelerator", f"none: torch runs on the CPU with {threads} threads"
