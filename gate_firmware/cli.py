"""`gatehouse gate`."""

from pathlib import Path
from typing import Annotated

import typer


def gate(config: Annotated[Path, typer.Option(help="The lane's TOML file; see docs/configuration.md.")]) -> None:
    """Run one lane: read the plate, decide alone, move the barrier."""
    from cloud_sync.link.process import run_unit  # noqa: PLC0415  the command line stays quick without these

    run_unit(_run(config))


async def _run(config: Path) -> None:
    from cloud_sync.link.logs import setup_logging  # noqa: PLC0415
    from cloud_sync.link.store import alone_on  # noqa: PLC0415
    from gate_firmware.service import GateService  # noqa: PLC0415
    from gate_firmware.settings import GateSettings  # noqa: PLC0415

    settings = GateSettings.load(config)
    setup_logging(settings.gate.gate_id)
    with alone_on(settings.store.path):
        await GateService(settings).run()
