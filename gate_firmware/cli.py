"""`gatehouse gate`."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from domain.errors import OperatorError


def gate(config: Annotated[Path, typer.Option(help="The lane's TOML file; see docs/configuration.md.")]) -> None:
    """Run one lane: read the plate, decide alone, move the barrier."""
    from cloud_sync.link.process import run_unit  # noqa: PLC0415  the command line stays quick without these

    run_unit(_run(config))


async def _run(config: Path) -> None:
    from cloud_sync.link.logs import setup_logging  # noqa: PLC0415
    from cloud_sync.link.store import STORE_FAILS, alone_on  # noqa: PLC0415
    from gate_firmware.process import GateProcess  # noqa: PLC0415
    from gate_firmware.settings import GateSettings  # noqa: PLC0415

    settings = GateSettings.load(config)
    setup_logging(settings.gate.gate_id)
    with ExitStack() as held:
        try:
            held.enter_context(alone_on(settings.store.path))
        except OperatorError as error:
            if error.code != STORE_FAILS:  # nobody else writes on a disk that does not even take a lock
                raise
        await GateProcess(settings).run()
