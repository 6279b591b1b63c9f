"""A function or class in a file of the user's as an oracle."""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from discdiff import _check
from discdiff.errors import InputError, OracleError
from discdiff.oracle.cached import Entry
from discdiff.oracle.plugins.isolation import Attempt, as_scores, isolate, once
from discdiff.oracle.plugins.sources import Sources, imported_beside, parse
from discdiff.oracle.reply import read_reply
from discdiff.oracle.scores import Scores

_ABSENT = object()


class FileOracle:
    """A function in a Python file that turns a list of strings into numbers; it runs that file.

    The target may be a function, an object that can be called, or a class of such objects. Several
    outputs come as a dict of lists or as rows of numbers, and are named. What is not given here is
    read from attributes of the target (``score.outputs = [...]``), then from constants of the file
    (``OUTPUTS``, ``DIRECTION``, ``UNITS``, ``LICENCE``, ``VERSION``). A batch that makes it raise,
    or reply amiss, is asked for again in parts, so that only the strings to blame are ``failed``.

    The contents of the file, of the files beside it that it imports, and of those in `depends` are
    part of the version: an edited oracle is another oracle, and answers to none of its old scores.

    Args:
        path: the file and the name in it, ``my.py:score``.
        options: keyword arguments of the class, or of the function at every call; part of the
            cache key.
        outputs: names of the outputs; by default one, the name of the target.
        direction: ``max`` or ``min``, one for all or one an output.
        units: of the values, one for all or one an output.
        licence: of the oracle.
        version: goes before the hash of the files.
        depends: more files whose contents fix the values, such as a model's weights.

    Raises:
        InputError: if the file cannot be read or run, or holds no such name.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "my.py"
        >>> _ = file.write_text("def carbons(smiles): return [s.count('C') for s in smiles]")
        >>> oracle = FileOracle(f"{file}:carbons")
        >>> oracle.name, oracle(["CCO", "CC"]).values.tolist()
        ('carbons', [[2.0], [2.0]])
    """

    code = "path"  # the option that names what is run

    def __init__(
        self,
        path: str,
        options: Mapping[str, Any] | None = None,
        outputs: Sequence[str] | None = None,
        direction: str | Sequence[str] | Mapping[str, str] | None = None,
        units: str | Sequence[str] | None = None,
        licence: str | None = None,
        version: str | None = None,
        depends: Sequence[str] = (),
    ) -> None:
        self.file, self.target = split_path(path)
        self._options = dict(options or {})
        self._sources = Sources([self.file, *imported_beside(self.file), *map(Path, depends)])
        module = self._load()
        self.name = str(_declared("name", None, self._function, None, self.target))
        found = functools.partial(_declared, target=self._function, module=module)
        self.outputs = found("outputs", outputs, default=(self.name,))
        self.direction = found("direction", direction, default="max")
        self.units = found("units", units, default="")
        self.licence = found("licence", licence, default="")
        self.reads = found("reads", None, default=())
        label = found("version", version, default=None)
        self.version = f"{label}+{self._sources.digest}" if label else self._sources.digest
        self._sources.check(self.name)  # what was run is what was hashed
        own = getattr(self._function, "parameters", {})
        self.parameters: dict[str, object] = {**own, **self._options}

    def __call__(self, sequences: Sequence[str], /) -> Scores:
        """Return the scores of `sequences`."""
        return as_scores(isolate(sequences, self._ask), len(self.outputs))

    def ask_once(self, sequences: Sequence[str], /) -> Scores:
        """Return the scores of `sequences` in one go; raises `OracleError` if that fails."""
        return once(sequences, self._ask, len(self.outputs))

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "_function"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._sources.check(self.name)
        self._load()

    def _load(self) -> ModuleType:
        """Run the file and set the function that is called."""
        try:
            module = _module(self.file)
            target = getattr(module, self.target, _ABSENT)
            if target is _ABSENT:
                raise InputError(_no_such_name(self.file, self.target))
            self._function = self._callable(target)
        except InputError:
            raise
        except (Exception, SystemExit) as error:  # the user's code: any failure is its own
            raise InputError(
                f"{self.file.name} cannot be loaded: {type(error).__name__}: {error}"
                f"{_line(error, self.file)}"
            ) from error
        return module

    def _callable(self, target: Any) -> Callable[..., Any]:
        made = target(**self._options) if inspect.isclass(target) else target
        if not callable(made):
            raise InputError(
                f"{self.file.name}:{self.target} must be a function from strings to numbers, "
                f"got {made!r}"
            )
        if self._options and not inspect.isclass(target):
            return functools.partial(made, **self._options)
        return made  # type: ignore[no-any-return]

    def _ask(self, sequences: Sequence[str]) -> Attempt:
        try:
            reply = self._function(list(sequences))
            scores = read_reply(reply, self.name, self.outputs, len(sequences))
        except OracleError as error:
            return Attempt({}, str(error))
        except (Exception, SystemExit) as error:  # the user's code: recorded for the rows to blame
            where = _line(error, self.file)
            return Attempt({}, f"{self.name} raised {type(error).__name__}: {error}{where}")
        values = map(tuple, scores.values.tolist())
        entries = map(Entry, values, scores.status, scores.reasons)
        return Attempt(dict(enumerate(entries)))


def split_path(path: str) -> tuple[Path, str]:
    """Return the file and the name in it that ``my.py:score`` says.

    Raises:
        InputError: if it says less; the message lists what the file defines.
    """
    file, _, target = path.rpartition(":") if isinstance(path, str) else ("", "", "")
    if file and target.isidentifier():
        return Path(file).resolve(), target
    rule = f"path must be FILE.py:NAME, as in my.py:score, got {path!r}"
    if isinstance(path, str) and Path(path).is_file():
        rule += f"; {path} defines {', '.join(_definitions(Path(path))) or 'no function'}"
    raise InputError(rule)


def _module(file: Path) -> ModuleType:
    """Run a file as a module; once in this process for the same contents."""
    parse(file)  # for one message where it is no Python
    source = file.read_bytes()
    name = f"discdiff_file_{hashlib.sha256(str(file).encode() + source).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = str(file)
    if str(file.parent) not in sys.path:  # last: nothing beside it stands in for a package
        sys.path.append(str(file.parent))
    sys.modules[name] = module
    try:
        exec(compile(source, str(file), "exec"), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _declared(name: str, given: Any, target: Any, module: Any, default: Any) -> Any:
    """Return what was given, else what the target says, else what the file says."""
    if given is not None:
        return given
    inner = getattr(target, "func", target)  # of a function with options
    value = getattr(inner, name, _ABSENT)
    if value is _ABSENT and module is not None:
        value = getattr(module, name.upper(), _ABSENT)
    return default if value is _ABSENT else value


def _definitions(file: Path) -> list[str]:
    kinds = (ast.FunctionDef, ast.ClassDef)
    return [n.name for n in parse(file).body if isinstance(n, kinds) and n.name[0] != "_"]


def _no_such_name(file: Path, target: str) -> str:
    names = _definitions(file)
    return (
        f"{file.name} must define {target!r}, it defines {', '.join(names) or 'no function'}."
        f"{_check.suggestion(target, names)}"
    )


def _line(error: BaseException, file: Path) -> str:
    """Return the last line of the file that the error went through."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(file)]
    return f" ({file.name}:{lines[-1]})" if lines else ""
