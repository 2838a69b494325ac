"""Whether the hub hears a gate, between a real broker and a real hub."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from cloud_sync.link.v1.facts import Direction
from domain.errors import OperatorError
from gate_firmware import process
from hub.settings import GateEntry
from lpr.reader import PlateReader
from tests.gate_firmware.test_service import serving
from tests.hub.test_runs import Runs
from tests.parts import EXIT, PATIENCE_S, BrokerSite, linked, soon


@pytest.fixture
async def runs(tmp_path: Path, lot_broker: BrokerSite, central_broker: BrokerSite) -> AsyncIterator[Runs]:
    runs = Runs(tmp_path, lot_broker, central_broker, GateEntry(name="exit-1", direction=Direction.EXIT))
    async with linked(runs.central.link):
        yield runs
    runs.central.store.close()


@pytest.fixture(autouse=True)
def _nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> PlateReader:
        raise OperatorError("engine_missing", "nobody comes")

    monkeypatch.setattr(process, "engine", missing)


async def until(lines: AsyncIterator[str], *, connected: bool) -> None:
    """The stream of the lane's states has come to one that says so."""
    async for line in lines:
        if line.startswith("data: ") and json.loads(line.removeprefix("data: "))["hub_connected"] is connected:
            return


async def test_a_hub_that_is_stopped_is_not_connected_though_the_broker_is(
    runs: Runs, tmp_path: Path, lot_broker: BrokerSite
) -> None:
    card = tmp_path / "card"
    card.mkdir()
    async with (
        serving(card, Direction.EXIT, broker=lot_broker.seen_by(EXIT)) as gate,
        httpx.AsyncClient(timeout=PATIENCE_S) as screen,
        screen.stream("GET", f"http://127.0.0.1:{gate.settings.api.port}/events") as stream,
    ):
        lines = stream.aiter_lines()
        await soon(until(lines, connected=False))
        for _ in range(2):
            async with runs.hub("hub"):
                await soon(until(lines, connected=True))
            await soon(until(lines, connected=False))
        async with runs.hub("hub"):
            await soon(until(lines, connected=True))
            lot_broker.stop()
            await soon(until(lines, connected=False))
