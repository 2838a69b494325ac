"""`gatehouse gate` and `gatehouse frames`."""

import sqlite3
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.link.loading import loading
from domain.errors import OperatorError

Config = Annotated[Path, typer.Option(help="The lane's TOML file; see docs/configuration.md.")]


def gate(config: Config) -> None:
    """Run one lane: read the plate, decide alone, move the barrier."""
    from cloud_sync.link.process import run_unit  # noqa: PLC0415  the command line stays quick without these

    run_unit(_run(config))


def frames(
    config: Config,
    passage_id: Annotated[str | None, typer.Argument(help="Whose frames to open; without it, all are listed.")] = None,
    folder: Annotated[Path, typer.Argument(help="Where to write them.")] = Path(),
) -> None:
    """On a gate: list the frames that its decisions rest on, or open those of one passage."""
    from cloud_sync.link.seal import Seal  # noqa: PLC0415
    from domain.now import rfc3339  # noqa: PLC0415
    from gate_firmware.frames import FrameFolder, export  # noqa: PLC0415
    from gate_firmware.settings import GateSettings  # noqa: PLC0415

    settings = GateSettings.load(config)
    where, seal = settings.store.frames, settings.keys.plate.parse(Seal.from_hex)
    try:
        with closing(FrameFolder.existing(where, seal)) as kept:
            if passage_id is None:
                there = kept.there()
                if not there:
                    print(f"gatehouse: no frames are kept in {where}", file=sys.stderr)
                for frame in there:
                    print(rfc3339(frame.at), frame.passage_id, frame.name)
                return
            for path in export(kept, passage_id, folder):
                print(path)
    except (OSError, sqlite3.Error) as error:
        raise OperatorError("frames_unreadable", f"the frames in {where} cannot be read: {error}") from error


async def _run(config: Path) -> None:
    with loading():
        from cloud_sync.link.logs import setup_logging  # noqa: PLC0415
        from cloud_sync.link.store import STORE_FAILS, alone_on  # noqa: PLC0415
        from gate_firmware.process import GateProcess  # noqa: PLC0415
        from gate_firmware.settings import GateSettings  # noqa: PLC0415

    settings = GateSettings.load(config)
    setup_logging(settings.gate.gate_id)
    settings.tell_oddities()
    with ExitStack() as held:
        try:
            held.enter_context(alone_on(settings.store.path))
        except OperatorError as error:
            if error.code != STORE_FAILS:  # nobody else writes on a disk that does not even take a lock
                raise
        await GateProcess(settings).run()
