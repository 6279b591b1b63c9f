"""The files that an oracle consists of: their contents are part of its version."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from discdiff.errors import InputError, OracleError

_BLOCK = 1 << 20


class Sources:
    """Files as they were when the oracle was made.

    Args:
        paths: the files; order and repeats do not matter.

    Raises:
        InputError: if one cannot be read.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self.paths = tuple(sorted({path.resolve() for path in paths}))
        self._seen = _stamps(self.paths)
        self.digest = _digest(self.paths)

    def check(self, name: str) -> None:
        """Raise `OracleError` if a file has changed, so that nothing new has the old version."""
        try:
            stamps = _stamps(self.paths)
            changed = stamps != self._seen and _digest(self.paths) != self.digest
        except InputError as error:
            raise OracleError(f"oracle {name!r}: {error}") from error
        if changed:
            moved = [p for p, a, b in zip(self.paths, stamps, self._seen, strict=True) if a != b]
            files = ", ".join(path.name for path in moved)
            raise OracleError(
                f"oracle {name!r} changed while it was in use ({files}): an edited oracle is "
                "another oracle, so begin a new run with it"
            )
        self._seen = stamps


def imported_beside(file: Path) -> list[Path]:
    """Return the Python files beside `file` that it imports, and those that they import.

    Raises:
        InputError: if a file is no Python.
    """
    found: dict[Path, None] = {}
    queue = [file]
    while queue:
        module = queue.pop()
        for path in _imports(module, file.parent):
            if path not in found and path != file:
                found[path] = None
                queue.append(path)
    return list(found)


def _imports(module: Path, folder: Path) -> list[Path]:
    names: list[str] = []
    for node in ast.walk(parse(module)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
    tops = {name.split(".")[0] for name in names}
    files = [folder / f"{top}.py" for top in tops if (folder / f"{top}.py").is_file()]
    packages = [folder / top for top in tops if (folder / top / "__init__.py").is_file()]
    return files + [path for package in packages for path in sorted(package.rglob("*.py"))]


def parse(file: Path) -> ast.Module:
    """Return the syntax of a Python file, without running it; raises `InputError`."""
    try:
        return ast.parse(file.read_bytes(), str(file))
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from error
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        where = f"{file}:{line}" if line else str(file)
        raise InputError(f"{where} is no Python: {getattr(error, 'msg', error)}") from error


def _digest(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        own = hashlib.sha256()
        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    own.update(block)
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from error
        digest.update(path.name.encode() + own.digest())
    return digest.hexdigest()[:12]


def _stamps(paths: Sequence[Path]) -> tuple[tuple[int, int], ...]:
    try:
        stats = [path.stat() for path in paths]
    except OSError as error:
        raise InputError(f"cannot read {error.filename}: {error.strerror}") from error
    return tuple((stat.st_mtime_ns, stat.st_size) for stat in stats)
