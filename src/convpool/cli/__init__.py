"""The command `convpool`: parses arguments, calls the floors below, prints.

Exit status 0 for success, 2 for a usage error, 1 for failed work, 130 after Ctrl-C. An error is one
line on standard error. Nothing heavy is imported before a command needs it, so that `--help` is
immediate.
"""

import sys
from typing import Annotated, cast

import typer

from convpool import __version__
from convpool.cli.animate import animate
from convpool.cli.apply import apply
from convpool.cli.bench import bench
from convpool.cli.explain import explain
from convpool.cli.run import run
from convpool.cli.summary import summary
from convpool.cli.warm import warm
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
app.command()(animate)
app.command()(run)
app.command()(summary)
app.command()(warm)
app.command()(bench)


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
        code, message = USAGE_ERROR, str(error)
    except _TyperUsageError as error:
        code, message = USAGE_ERROR, error.format_message()
    except (ConvpoolError, OSError) as error:
        code, message = FAILED, str(error)
    except MemoryError as error:
        code, message = FAILED, f"not enough memory: {error}"
    except (KeyboardInterrupt, typer.Abort):
        code, message = INTERRUPTED, "interrupted"
    else:
        # Newer versions of Typer return 130 for Ctrl-C.
        message = "interrupted" if code == INTERRUPTED else ""
    if message:
        typer.echo(f"error: {' '.join(message.split())}", err=True)
    return code if isinstance(code, int) else 0
