"""A command in any environment as an oracle: strings on its standard input, JSON lines back."""

from __future__ import annotations

import math
import os
import shlex
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from discdiff import _check
from discdiff.errors import InputError
from discdiff.oracle.plugins.answers import RESERVED, read_answers
from discdiff.oracle.plugins.call import Ended, Limits, call
from discdiff.oracle.plugins.isolation import Attempt, as_scores, isolate, once
from discdiff.oracle.plugins.sources import Sources
from discdiff.oracle.scores import Scores


class CommandOracle:
    r"""A command that reads strings from its standard input, one a line, and answers each.

    An answer is a JSON line with a number under each output, ``{"score": -7.1}``, in the order of
    the strings, or with the place of its string, ``{"index": 3, "score": -7.1}``; a string that
    cannot be scored is answered ``{"error": "why"}``, or ``{"invalid": "why"}`` where it is no
    sequence at all. The JSON reply of a REINVENT external process is taken too. Logs belong on the
    standard error output.

    The command runs in a session of its own under a guard that ends it, and all it started, at a
    limit, with this process, and when it ends itself. A call that ends badly is repeated in parts
    until the strings to blame are alone; those are ``failed`` with the reason, the others have
    their scores. Answers with an index survive the end of their call. Outputs are *failed* where a
    number is missing, never zero.

    The contents of files among the arguments and in `depends` are part of the version.

    Args:
        command: the program and its arguments, as one text (split as a shell would, but no shell
            runs it) or a list.
        outputs: names of the outputs.
        direction: ``max`` or ``min``, one for all or one an output.
        units: of the values, one for all or one an output.
        licence: of the program.
        version: raise it when the values change for a reason that the files do not show.
        timeout: seconds without an answer after which a call is ended. Before its first answer a
            call has so long for each of its strings, since it may answer all at the end.
        startup: seconds on top for the command to start.
        batch_timeout: seconds a whole call may take; None for no other limit.
        memory: GiB of address space for each process of the command; None for any.
        transient: exit codes after which a call is repeated as it was; none by default.
        retries: how often.
        wait: seconds before the first repeat; twice as long before the next.
        depends: more files whose contents fix the values.
        folder: where the command runs; by default where this process does.

    Raises:
        InputError: if an argument is out of range, the program is not found or a file is missing.

    Example:
        >>> count = CommandOracle(["awk", "{print length($0)}"])
        >>> count(["CCO", "C"]).values.tolist()
        [[3.0], [1.0]]
    """

    name = "command"
    code = "command"  # the option that names what is run

    def __init__(
        self,
        command: str | Sequence[str],
        outputs: Sequence[str] = ("score",),
        direction: str | Sequence[str] | Mapping[str, str] = "max",
        units: str | Sequence[str] = "",
        licence: str = "",
        version: str = "1",
        timeout: float = 300.0,
        startup: float = 30.0,
        batch_timeout: float | None = None,
        memory: float | None = None,
        transient: Sequence[int] = (),
        retries: int = 2,
        wait: float = 1.0,
        depends: Sequence[str] = (),
        folder: str | None = None,
    ) -> None:
        self.folder = str(Path.cwd() if folder is None else Path(folder).resolve())
        self.command = _command(command, self.folder)
        self.outputs = tuple(outputs)
        self.direction, self.units, self.licence = direction, units, licence
        for output in self.outputs:
            if output in RESERVED:
                raise InputError(f"outputs must not be {', '.join(RESERVED)}, got {output!r}")
        self.limits = Limits(
            _check.positive("timeout", timeout),
            _check.in_range("startup", startup, 0.0, math.inf),
            None if batch_timeout is None else _check.positive("batch_timeout", batch_timeout),
            None if memory is None else _check.positive("memory", memory),
        )
        self.transient = tuple(_check.non_negative_int("transient", code) for code in transient)
        self.retries = _check.non_negative_int("retries", retries)
        self.wait = _check.in_range("wait", wait, 0.0, math.inf)
        self._sources = Sources([*_files(self.command, self.folder), *map(Path, depends)])
        self.version = f"{version}+{self._sources.digest}" if self._sources.paths else str(version)
        self.parameters: dict[str, object] = {"command": list(self.command)}

    def __call__(self, sequences: Sequence[str], /) -> Scores:
        """Return the scores of `sequences`.

        Raises:
            OracleError: if a file of the command changed since the oracle was made.
        """
        self._sources.check(self.name)
        return as_scores(isolate(sequences, self._ask), len(self.outputs))

    def ask_once(self, sequences: Sequence[str], /) -> Scores:
        """Return the scores of `sequences` in one go; raises `OracleError` if that fails."""
        return once(sequences, self._ask, len(self.outputs))

    def _ask(self, sequences: Sequence[str]) -> Attempt:
        for sequence in sequences:
            if not _is_line(sequence):
                return Attempt({}, "cannot be sent as a line of text")
        text = "".join(f"{sequence}\n" for sequence in sequences).encode()
        ended = self._call(text, len(sequences))
        found = read_answers(ended.output, len(sequences), self.outputs, ended=not ended.fault)
        fault = ended.fault or found.fault
        program = Path(self.command[0]).name
        return Attempt(found.answers, f"{program} {fault}" if fault else "")

    def _call(self, text: bytes, count: int) -> Ended:
        """Call the command, again after an exit code that was declared to be transient."""
        for attempt in range(self.retries + 1):
            ended = call(self.command, text, count, self.limits, self.folder)
            if ended.code not in self.transient or attempt == self.retries:
                break
            time.sleep(self.wait * 2**attempt)
        return ended


def _command(command: str | Sequence[str], folder: str) -> tuple[str, ...]:
    try:
        words = shlex.split(command) if isinstance(command, str) else list(command)
    except ValueError as error:
        raise InputError(f"command must be words of a shell, got {command!r} ({error})") from error
    if not words or not all(isinstance(word, str) and "\0" not in word for word in words):
        raise InputError(f"command must be a program and its arguments, got {command!r}")
    program = words[0]
    if os.sep in program and not os.path.isabs(program):
        program = os.path.join(folder, program)
    if shutil.which(program) is None:
        raise InputError(f"command must begin with a program that can be run, got {words[0]!r}")
    if not Path(folder).is_dir():
        raise InputError(f"folder must be a folder, got {folder!r}")
    return tuple(words)


def _files(command: Sequence[str], folder: str) -> list[Path]:
    """Return the arguments that are files, and the program if it is named by its path."""
    words = command if os.sep in command[0] else command[1:]
    return [path for word in words if word and (path := Path(folder) / word).is_file()]


def _is_line(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return text.splitlines() in ([], [text])
