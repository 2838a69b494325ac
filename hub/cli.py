"""`gatehouse hub`."""

from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.link.loading import loading


def hub(config: Annotated[Path, typer.Option(help="The hub's TOML file; see docs/configuration.md.")]) -> None:
    """Run a lot's hub: the authority over its spots, and the attendants' page."""
    from cloud_sync.link.process import run_unit  # noqa: PLC0415  the command line stays quick without these

    run_unit(_run(config))


async def _run(config: Path) -> None:
    with loading():
        from cloud_sync.link.logs import setup_logging  # noqa: PLC0415
        from cloud_sync.link.store import alone_on  # noqa: PLC0415
        from hub.service import HubService  # noqa: PLC0415
        from hub.settings import HubSettings  # noqa: PLC0415

    settings = HubSettings.load(config)
    setup_logging(settings.lot.lot_id)
    settings.tell_oddities()
    with alone_on(settings.store.path):
        await HubService(settings).run()
