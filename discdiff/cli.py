"""The `discdiff` program: its commands; every failure ends in one message and an exit code."""

from __future__ import annotations

import os
import signal
import threading
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import discdiff
from discdiff.commands.asktell import ask, tell
from discdiff.commands.bench import bench
from discdiff.commands.compare import compare
from discdiff.commands.design import design
from discdiff.commands.doctor import doctor
from discdiff.commands.evaluate import evaluate
from discdiff.commands.finetune import finetune
from discdiff.commands.list import list_names
from discdiff.commands.oracle import list_oracles
from discdiff.commands.oracle_check import check
from discdiff.commands.oracle_new import new
from discdiff.commands.reinvent import from_reinvent
from discdiff.commands.report import report
from discdiff.commands.resume import resume
from discdiff.commands.sample import sample
from discdiff.commands.select import export, select
from discdiff.commands.train import train
from discdiff.commands.train_predictor import train_predictor
from discdiff.config.finetune import Finetune
from discdiff.config.predictor import TrainPredictor
from discdiff.config.settings import (
    Ask,
    Bench,
    Compare,
    Design,
    Evaluate,
    Export,
    Sample,
    Select,
    Tell,
    Train,
    help_text,
)
from discdiff.errors import DiscdiffError, InputError

INPUT_ERROR = 2
FAILURE = 1
INTERRUPTED = 130


class Commands(TyperGroup):
    """The commands, with the library's errors turned into one message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; with DISCDIFF_DEBUG=1 errors keep their traceback."""
        if os.environ.get("DISCDIFF_DEBUG") == "1":
            return super().invoke(ctx)
        try:
            return super().invoke(ctx)
        except DiscdiffError as error:
            code = INPUT_ERROR if isinstance(error, InputError) else FAILURE
            raise _failed(str(error), code) from error
        except BrokenPipeError:
            raise  # the reader of a pipe has left, which typer ends quietly
        except OSError as error:
            where = error.filename or "system"
            raise _failed(f"{where}: {error.strerror or error}", FAILURE) from error
        except KeyboardInterrupt:
            raise _failed("interrupted", INTERRUPTED) from None


def _failed(message: str, code: int) -> typer.Exit:
    typer.secho(f"discdiff: {message}", err=True, fg=typer.colors.RED)
    return typer.Exit(code)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
oracle_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
config_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"discdiff {discdiff.__version__}")
        raise typer.Exit


@app.callback()
def discdiff_program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Design molecules and sequences with discrete diffusion under reward oracles."""


@oracle_app.callback()
def oracles() -> None:
    """What sequences can be scored with."""


@config_app.callback()
def configs() -> None:
    """Configurations from those of other programs."""


for command, schema in (
    (design, Design),
    (train, Train),
    (train_predictor, TrainPredictor),
    (finetune, Finetune),
    (sample, Sample),
    (evaluate, Evaluate),
    (select, Select),
    (export, Export),
    (compare, Compare),
    (bench, Bench),
    (ask, Ask),
    (tell, Tell),
):
    app.command(epilog=help_text(schema))(command)
app.command()(resume)
app.command()(report)
app.command()(doctor)
app.command("list")(list_names)
oracle_app.command("list")(list_oracles)
oracle_app.command()(check)
oracle_app.command()(new)
config_app.command()(from_reinvent)
app.add_typer(oracle_app, name="oracle")
app.add_typer(config_app, name="config")


def main() -> None:
    """Run the command line; a termination is an interruption, so that a run says how to go on."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    app()
