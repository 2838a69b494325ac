"""`gatehouse demo`, `gatehouse simulate` and `gatehouse bench`."""

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.link.loading import loading
from domain.errors import OperatorError

HOURS_MAX = 24 * 366.0
SEED_BITS = 31
PORT = typer.Option(min=1, max=65_000)


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Play the story and end; status 0 only if every step held.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a step.")] = False,
    seed: Annotated[int | None, typer.Option(metavar="N", min=0, help="Draws plates, prices and frames.")] = None,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Leave frames, QR pictures, databases, logs and the bank's record."),
    ] = None,
    central_port: Annotated[int, PORT] = 8000,
    hub_port: Annotated[int, typer.Option(min=1, max=65_000, help="The second lot's page is on the next one.")] = 8080,
    gate_port: Annotated[
        int, typer.Option(min=1, max=65_000, help="The gates' local interfaces, from here on.")
    ] = 8091,
) -> None:
    """Play a story at two parking lots on this machine, then go on serving them."""
    if keep is not None:
        _make_empty(keep)
    from cloud_sync.link.process import run_unit  # noqa: PLC0415  the command line stays quick without these
    from simulator.demo.play import play  # noqa: PLC0415
    from simulator.demo.site import Ports  # noqa: PLC0415

    ports = Ports(central_port, hub_port, gate_port)
    seed = secrets.randbits(SEED_BITS) if seed is None else seed
    held = run_unit(play(once=once, as_json=as_json, seed=seed, keep=keep and keep.resolve(), ports=ports))
    if held is None and once:
        typer.echo("gatehouse: stopped before the story ended", err=True)
    if held is False or (held is None and once):
        raise typer.Exit(1)


def bench(
    name: Annotated[
        str | None, typer.Argument(help="`gate`, `holds`, `replica`, `plates`, `codes`; all without it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a figure.")] = False,
    folder: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="On the disk to measure on; it is left as it was.")
    ] = Path("build"),
) -> None:
    """Measure this project's own figures, beside what one would pick instead. Run nothing else meanwhile."""
    from cloud_sync.link.process import run_unit  # noqa: PLC0415
    from simulator.bench.catalogue import BENCHES, place  # noqa: PLC0415
    from simulator.bench.figure import tell  # noqa: PLC0415

    if name is not None and name not in BENCHES:
        raise typer.BadParameter(f"there is no bench {name!r}; there is {', '.join(BENCHES)}")
    for chosen in BENCHES if name is None else [name]:
        with place(folder) as empty:
            figures = run_unit(BENCHES[chosen](empty, lambda line: typer.echo(line, err=True)))
        if figures is None:
            typer.echo("gatehouse: stopped before the bench ended", err=True)
            raise typer.Exit(1)
        tell(figures, as_json=as_json)


def _make_empty(folder: Path) -> None:
    record = street_record(folder)
    if record.exists() or (folder.is_dir() and any(folder.iterdir())):
        raise OperatorError("keep_not_empty", f"{folder} was used before; name a new folder for --keep")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OperatorError("keep_unusable", f"{folder} cannot be made: {error.strerror}") from error


def street_record(folder: Path) -> Path:
    """Where the street writes down who drove: it holds plates in clear, so beside the folder and never in it."""
    return folder.with_name(f"{folder.name}.street.jsonl")


def simulate(
    seeds: Annotated[str, typer.Option(metavar="A..B", help="From A on, without B.")],
    hours: Annotated[
        float, typer.Option(min=0.1, max=HOURS_MAX, help="Virtual hours with faults, for each seed.")
    ] = 24.0,
    faults: Annotated[str, typer.Option(help="all, none, or names with commas between.")] = "all",
    mutant: Annotated[
        Path | None, typer.Option(metavar="FILE.patch", exists=True, dir_okay=False, help="Play on source changed so.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, show_default="one a core", help="Seeds played beside each other.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Leave each seed's databases, log and trace in this folder.")
    ] = None,
) -> None:
    """Play whole lots on virtual time, with faults drawn from seeds, and check what must always be true."""
    if mutant is not None:
        from simulator.world.mutant import play_mutant  # noqa: PLC0415  as above

        kept = [] if keep is None else [f"--keep={keep.resolve()}"]
        beside = [] if jobs is None else [f"--jobs={jobs}"]
        arguments = [f"--seeds={seeds}", f"--hours={hours}", f"--faults={faults}", *beside, *kept]
        raise typer.Exit(play_mutant(mutant, ["simulate", *arguments]))
    with loading():
        from simulator.world.command import Order, run  # noqa: PLC0415  as above

    raise typer.Exit(run(Order(seeds, hours, faults, jobs or os.cpu_count() or 1, keep)))
