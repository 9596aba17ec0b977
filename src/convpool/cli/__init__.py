"""The command `convpool`: parses arguments, calls the floors below, prints.

Exit status 0 for success, 2 for a usage error, 1 for failed work, 130 after Ctrl-C. An error is one
line on standard error. Nothing heavy is imported before a command needs it, so that `--help` is
immediate.
"""

import sys
from typing import Annotated, cast

import typer

from convpool import __version__
from convpool.cli.apply import apply
from convpool.cli.explain import explain
from convpool.cli.run import run
from convpool.errors import ArgumentError, ArgumentTypeError, ConvpoolError

USAGE_ERROR, FAILED, INTERRUPTED = 2, 1, 130

# Typer carries its own copy of click in newer versions; this class is the same in all of them.
_TyperUsageError = cast("type[typer.BadParameter]", typer.BadParameter.__bases__[0])

# rich_markup_mode=None: with rich, `convpool --help` takes twice the 100 ms that it may.
app = typer.Typer(
    name="convpool",
    help="Conv2d and MaxPool2d, whole: know what a layer will do, see it work, run it.",
    epilog="Layers are written as in PyTorch: 'Conv2d(3, 64, 7, stride=2)', 'MaxPool2d(3)'.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(explain)
app.command()(apply)
app.command()(run)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"convpool {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Conv2d and MaxPool2d, whole: know what a layer will do, see it work, run it."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(USAGE_ERROR)


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit with its status."""
    sys.exit(status(arguments))


def status(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status; errors become one line on standard error."""
    try:
        code = app(arguments, prog_name="convpool", standalone_mode=False)
    except (ArgumentError, ArgumentTypeError) as error:
        return _fail(str(error), USAGE_ERROR)
    except _TyperUsageError as error:
        return _fail(error.format_message(), USAGE_ERROR)
    except (ConvpoolError, OSError) as error:
        return _fail(str(error), FAILED)
    except MemoryError as error:
        return _fail(f"not enough memory: {error}", FAILED)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", INTERRUPTED)
    return code if isinstance(code, int) else 0


def _fail(message: str, code: int) -> int:
    line = " ".join(message.split())
    typer.echo(f"error: {line}", err=True)
    return code
