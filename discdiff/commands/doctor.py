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


def doctor() -> None:
    """Check the installation: versions, accelerator, plug-ins, disk. Exit code 1 on a fault."""
    faults = 0
    for fine, subject, finding in _findings():
        faults += not fine
        mark = typer.style("ok   ", fg="green") if fine else typer.style("FAULT", fg="red")
        typer.echo(f"{mark} {subject}: {finding}")
    typer.echo("no faults" if not faults else f"{faults} fault{'s' * (faults > 1)}")
    if faults:
        raise typer.Exit(1)


def _findings() -> Iterator[tuple[bool, str, str]]:
    """Yield (fine, subject, finding)."""
    import discdiff
    from discdiff import registry

    yield True, "discdiff", f"{discdiff.__version__}, {Path(discdiff.__file__).parent}"
    yield True, "python", f"{platform.python_version()}, {platform.platform()}"
    for package in PACKAGES:
        yield _package(package)
    yield _accelerator()
    for kind in registry.KINDS:
        entries = registry.names(kind, load=True)
        for entry in entries:
            if entry.broken:
                yield False, f"{kind}.{entry.name} ({entry.distribution})", entry.status
        yield True, kind, ", ".join(entry.name for entry in entries if not entry.broken)
    folder = Path.cwd()
    writable = os.access(folder, os.W_OK)
    yield writable, "folder", f"{folder} is {'' if writable else 'not '}writable"
    free = shutil.disk_usage(folder).free
    yield free > LOW_DISK, "disk", f"{free / (1 << 30):.1f} GiB free"


def _package(name: str) -> tuple[bool, str, str]:
    try:
        return True, name, importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        optional = name in OPTIONAL
        return optional, name, "not installed" + (" (optional)" if optional else "")


def _accelerator() -> tuple[bool, str, str]:
    try:
        import torch
    except ImportError as error:
        return False, "accelerator", f"torch cannot be imported: {error}"
    if torch.cuda.is_available():
        return True, "accelerator", torch.cuda.get_device_name()
    threads = torch.get_num_threads()
    return True, "accelerator", f"none: torch runs on the CPU with {threads} threads"
