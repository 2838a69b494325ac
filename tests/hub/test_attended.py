"""An attendant at work: a browser, a whole hub, a real broker, and a whole gate on a simulated lane."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from cloud_sync.link.settings import Broker, Secret
from cloud_sync.link.v1.facts import Direction, GateDecided, GatePassed, LaneModeChanged, Mode, Payload, payload_of
from domain.admission import Reason, Verdict
from gate_firmware import process
from hardware.barrier import Position as Arm
from hub.service import HubService
from hub.settings import AttendantEntry, GateEntry, HubSettings
from lpr.reader import PlateReader, engine
from simulator.ports import free_port
from tests.gate_firmware.gate import OTHER
from tests.gate_firmware.test_service import Site, frames, serving
from tests.hub.units import hub_settings
from tests.parts import ENTRY, EXIT, LOT, PATIENCE_S, BrokerSite, running

ANNA, CODE = "Anna Berg", "correct horse battery"


@pytest.fixture(scope="module")
def reader() -> PlateReader:
    return engine("rapidocr", threads=1)


@pytest.fixture(autouse=True)
def loaded(reader: PlateReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real reader, which is loaded once for all of these tests."""
    monkeypatch.setattr(process, "engine", lambda *_, **__: reader)


class Attended:
    """Anna's browser before the page, and what the hub knows."""

    def __init__(self, hub: HubService, browser: httpx.AsyncClient) -> None:
        self._hub = hub
        self._browser = browser

    async def logs_in(self) -> None:
        answer = await self._browser.post("/log-in", data={"name": ANNA, "code": CODE})
        assert answer.headers["location"] == "/"

    async def presses(self, gate_id: str, button: str, **form: str) -> str:
        """What she is told."""
        await self._browser.post(f"/lanes/{gate_id}/{button}", data=form)
        html = (await self._browser.get("/")).text
        said = re.search(rf'id="{gate_id}".*?<p class="told \w+" role="status"><span>(.*?)</span>', html, re.DOTALL)
        assert said is not None, html
        return said[1]

    async def until(self, so: Callable[[dict[str, Any]], bool]) -> None:
        """The page shows it."""
        async with asyncio.timeout(PATIENCE_S):
            while not so((await self._browser.get("/lot.json")).json()):
                pass

    async def until_lane(self, **known: object) -> None:
        """The page shows this of the entry."""
        await self.until(lambda lot: known.items() <= lot["lanes"][0].items())

    async def until_told(self, kind: type[Payload], count: int) -> Sequence[Any]:
        """So many facts of a kind, as the hub has them of the gate, oldest first."""
        async with asyncio.timeout(PATIENCE_S):
            while len(facts := self._hub.lot.journal.latest(kind.kind, count)) < count:
                await self._browser.get("/lot.json")
        return [payload_of(fact) for fact in reversed(facts)]


def gate(folder: Path, broker: BrokerSite, direction: Direction = Direction.ENTRY) -> AbstractAsyncContextManager[Site]:
    """A lane's gate, which expects nobody, in a folder of its own."""
    folder.mkdir()
    return serving(folder, direction, broker=broker.seen_by(ENTRY if direction is Direction.ENTRY else EXIT))


def settings(folder: Path, broker: BrokerSite) -> HubSettings:
    """A hub that never hears central, and where Anna works."""
    (folder / "anna").write_text(CODE, encoding="utf-8")
    made = hub_settings(folder, broker.seen_by(LOT), Broker(port=free_port()))
    return made.model_copy(
        update={
            "lot": made.lot.model_copy(update={"central_first_s": 0}),
            "gates": (*made.gates, GateEntry(name="exit-1", direction=Direction.EXIT)),
            "attendants": (AttendantEntry(name=ANNA, code=Secret(file=folder / "anna")),),
        }
    )


@pytest.fixture
async def attended(tmp_path: Path, lot_broker: BrokerSite) -> AsyncIterator[Attended]:
    made = settings(tmp_path, lot_broker)
    hub = HubService(made)
    page = f"http://127.0.0.1:{made.page.port}"
    async with running(hub.run()), httpx.AsyncClient(base_url=page, timeout=PATIENCE_S) as browser:
        attended = Attended(hub, browser)
        await attended.logs_in()
        yield attended


async def test_a_strangers_car_is_let_in_by_the_attendant(
    attended: Attended, tmp_path: Path, lot_broker: BrokerSite
) -> None:
    async with gate(tmp_path / "gate", lot_broker) as site:
        await attended.until_lane(online=True, mode="automatic")
        await site.street.arrive("c1", frames(OTHER), patience_ms=60_000)
        state = await site.until(lambda state: state.display == ("NO BOOKING FOUND", "SHOW YOUR QR CODE"))
        assert state.arm is Arm.DOWN
        said = await attended.presses(ENTRY, "open")
        assert said.endswith("It opens: show the driver where to park.")
        state = await site.until(lambda state: state.passages == 1 and state.arm is Arm.DOWN)
        assert state.collisions == 0
        refused, opened = await attended.until_told(GateDecided, 2)
        assert (refused.verdict, refused.reason, refused.by) == (Verdict.REFUSE, Reason.NO_BOOKING, None)
        assert (opened.verdict, opened.reason, opened.by) == (Verdict.ADMIT, Reason.ATTENDANT, ANNA)
        [passed] = await attended.until_told(GatePassed, 1)
        assert passed.passage_id == opened.passage_id
        await attended.until(lambda lot: lot["decisions"][0]["by"] == ANNA)


async def test_a_lane_is_held_open_and_decides_by_itself_again(
    attended: Attended, tmp_path: Path, lot_broker: BrokerSite
) -> None:
    async with gate(tmp_path / "gate", lot_broker) as site:
        await attended.until_lane(online=True)
        assert "held open" in await attended.presses(ENTRY, "mode", mode="held_open")
        await attended.until_lane(mode="held_open")
        await site.until(lambda state: state.arm is Arm.UP)
        await site.street.arrive("c1", frames(OTHER), patience_ms=60_000)
        state = await site.until(lambda state: state.passages == 1)
        assert state.arm is Arm.UP
        assert "by itself again" in await attended.presses(ENTRY, "mode", mode="automatic")
        await attended.until_lane(mode="automatic")
        await site.until(lambda state: state.arm is Arm.DOWN)
        await site.street.arrive("c2", frames(OTHER), patience_ms=60_000)
        state = await site.until(lambda state: state.display == ("NO BOOKING FOUND", "SHOW YOUR QR CODE"))
        assert (state.arm, state.collisions) == (Arm.DOWN, 0)
        modes = await attended.until_told(LaneModeChanged, 2)
        assert [(one.mode, one.by) for one in modes] == [(Mode.HELD_OPEN, ANNA), (Mode.AUTOMATIC, ANNA)]


async def test_a_lane_whose_gate_is_off_says_where_to_go(
    attended: Attended, tmp_path: Path, lot_broker: BrokerSite
) -> None:
    there = "It cannot be reached from here, and goes on deciding by itself. Go there: its key switch opens it."
    async with gate(tmp_path / "gate", lot_broker):
        await attended.until_lane(online=True)
        assert (await attended.presses(EXIT, "open")).endswith(there), "it was never started"
        assert "It opens" in await attended.presses(ENTRY, "open"), "this one was"
    await attended.until_lane(online=False)
    for button, form in (("open", {}), ("mode", {"mode": "held_open"})):
        assert (await attended.presses(ENTRY, button, **form)).endswith(there)


async def test_an_entry_is_closed_and_no_exit(attended: Attended, tmp_path: Path, lot_broker: BrokerSite) -> None:
    """A closed entry lets nobody in but for whom she opens; an exit refuses itself, whatever is asked of it."""
    async with (
        gate(tmp_path / "gate", lot_broker) as site,
        gate(tmp_path / "exit", lot_broker, Direction.EXIT) as way_out,
    ):
        await attended.until(lambda lot: all(lane["online"] for lane in lot["lanes"]))
        assert "It is closed" in await attended.presses(ENTRY, "mode", mode="closed")
        await site.until(lambda state: state.display == ("LANE CLOSED", "TAKE ANOTHER ENTRY"))
        assert "an exit is never closed" in await attended.presses(EXIT, "mode", mode="closed")
        await attended.until(lambda lot: [lane["mode"] for lane in lot["lanes"]] == ["closed", "automatic"])
        await site.street.arrive("c1", frames(OTHER)[:1], patience_ms=60_000)
        assert "It opens" in await attended.presses(ENTRY, "open")
        await site.until(lambda state: state.passages == 1)
        assert way_out.facts() == []
