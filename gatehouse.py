"""The `gatehouse` command: each package brings its own sub-command, and what it needs is loaded only when it runs."""

import sys
from importlib.metadata import version
from typing import Annotated

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


app.command()(central)
app.command()(hub)
app.command()(gate)
app.command()(frames)
app.command()(demo)
app.command()(bench)
app.command()(simulate)
app.add_typer(lpr, name="lpr")


def main() -> None:
    """Run the command; what the operator has to know is one line and status 1, a missing extra says which."""
    try:
        app()
    except (OperatorError, NotFound) as error:
        print(f"gatehouse: {error}", file=sys.stderr)
        sys.exit(1)
    except ModuleNotFoundError as error:
        extras = {"central": "central", "hub": "hub", "gate": "gate", "frames": "gate"}
        extra = extras.get(sys.argv[1] if len(sys.argv) > 1 else "", "dev")
        print(f"gatehouse: {error.name} is not installed here; pip install 'gatehouse[{extra}]'", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
