"""`gatehouse central`."""

from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.link.loading import loading
from cloud_sync.link.logs import setup_logging
from cloud_sync.link.process import run_unit


def central(config: Annotated[Path, typer.Option(help="Central's TOML file; see docs/configuration.md.")]) -> None:
    """Run the booking and payment service: its HTTP API, its database, and the link to every lot's hub."""
    run_unit(_run(config))


async def _run(config: Path) -> None:
    with loading():
        from cloud_sync.central.service import CentralService  # noqa: PLC0415  the command line stays quick without it
        from cloud_sync.central.settings import CentralSettings  # noqa: PLC0415  it needs SQLAlchemy

    settings = CentralSettings.load(config)
    setup_logging("central")
    settings.tell_oddities()
    await CentralService(settings).run()
