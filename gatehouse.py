"""The `gatehouse` command: each package brings its own sub-command, and what it needs is loaded only when it runs."""

import sys
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer

from cloud_sync.central.cli import central
from domain.errors import NotFound, OperatorError
from gate_firmware.cli import frames, gate
from hub.cli import hub
from lpr.cli import app as lpr
from simulator.cli import bench, demo, simulate

app = typer.Typer(
    name="gatehouse",
    help="Edge-first parking access: decided at the barrier, allotted in the lot, paid for at the centre.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        print(f"gatehouse {version('gatehouse')}")
        raise typer.Exit


@app.callback()
def _gatehouse(
    _: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Say which it is.")
    ] = False,
) -> None:
    pass


app.command(short_help="Run the booking and payment service.")(central)
app.command(short_help="Run a lot's hub, and the attendants' page.")(hub)
app.command(short_help="Run one lane.")(gate)
app.command(short_help="Look at the pictures that a gate's decisions rest on.")(frames)
app.command(short_help="Play a story at two parking lots on this machine.")(demo)
app.command(short_help="Measure this project's own figures.")(bench)
app.command(short_help="Play whole lots on virtual time, with faults.")(simulate)
app.add_typer(lpr, name="lpr", short_help="Read number plates and QR codes in photographs.")

LOCKS = {"central": "central", "hub": "hub", "gate": "gate", "frames": "gate", "lpr": "gate"}
"""What a command needs is in the lock file of that name; the others need everything."""


def main() -> None:
    """Run the command; what the operator has to know is one line and status 1, and so is what is not installed."""
    try:
        app()
    except (OperatorError, NotFound) as error:
        _end(str(error))
    except ModuleNotFoundError as error:
        _end(f"{error.name} is not installed here; {_how_to_install()}")
    except ImportError as error:
        if error.name is not None:
            raise  # what is installed lacks something: a bug
        _end(f"{error}; {_how_to_install()}")


def _end(why: str) -> NoReturn:
    print(f"gatehouse: {why}", file=sys.stderr)
    sys.exit(1)


def _how_to_install() -> str:
    lock = LOCKS.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if lock is None:
        return "`make setup` in the source installs it"
    return f"pip install --require-hashes -r requirements/{lock}.txt (docs/installing.md)"


if __name__ == "__main__":
    main()
