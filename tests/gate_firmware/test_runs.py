"""Two gates with copies of one card, between a real broker and a real hub: one of them is heard, both open."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from cloud_sync.link.v1.facts import AlarmRaised, Direction, GatePassed, LaneModeChanged, Mode
from domain.errors import OperatorError
from gate_firmware import process
from hardware.barrier import Position as Arm
from hardware.twin_camera import CameraMode
from hub.attendants import Attendant
from hub.service import HubService
from hub.settings import GateEntry
from lpr.reader import PlateReader
from tests.gate_firmware.test_service import Site, serving
from tests.hub.test_runs import Runs
from tests.parts import EXIT, BrokerSite, linked, soon


@pytest.fixture
async def runs(tmp_path: Path, lot_broker: BrokerSite, central_broker: BrokerSite) -> AsyncIterator[Runs]:
    runs = Runs(tmp_path, lot_broker, central_broker, GateEntry(name="exit-1", direction=Direction.EXIT))
    async with linked(runs.central.link):
        yield runs
    runs.central.store.close()


@pytest.fixture(autouse=True)
def _nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> PlateReader:
        raise OperatorError("engine_missing", "whoever is inside gets out without one")

    monkeypatch.setattr(process, "engine", missing)


async def drives_out(gate: Site, passages: int) -> None:
    """A car that no camera sees; with it so many have passed since this gate was started."""
    await gate.street.set_camera(CameraMode.NONE)
    await gate.street.arrive(f"c{passages}", [], patience_ms=20_000)
    await gate.until(lambda state: state.passages == passages and state.arm is Arm.DOWN)


async def true(what: Callable[[], bool]) -> None:
    while not what():  # noqa: ASYNC110  a store that says nothing by itself
        await asyncio.sleep(0.02)


def is_fenced(gate: Site) -> bool:
    return any(isinstance(fact, AlarmRaised) and fact.alarm == "fenced" for fact in gate.facts())


async def test_of_two_gates_with_copies_of_one_card_one_is_heard_and_nothing_is_lost(
    runs: Runs, tmp_path: Path, lot_broker: BrokerSite
) -> None:
    cards = tmp_path / "a", tmp_path / "b"
    cards[0].mkdir()
    broker = lot_broker.seen_by(EXIT)

    def passages(hub: HubService) -> int:
        return len([fact for fact in hub.lot.journal.latest(GatePassed.kind, 10) if fact.unit == EXIT])

    async with runs.hub("hub") as hub:
        async with serving(cards[0], Direction.EXIT, broker=broker):
            await soon(true(lambda: bool(hub.lot.journal.latest(AlarmRaised.kind, 1))))
        shutil.copytree(*cards)
        async with serving(cards[0], Direction.EXIT, broker=broker) as older:
            await drives_out(older, 1)
            await soon(true(lambda: passages(hub) == 1))
            async with serving(cards[1], Direction.EXIT, broker=broker) as newer:
                await soon(true(lambda: is_fenced(older)))
                await drives_out(older, 2)
                await drives_out(newer, 1)
                await soon(true(lambda: passages(hub) == 2))
                assert not is_fenced(newer)
            assert passages(hub) == 2, "nobody has heard the older one since"
        async with serving(cards[0], Direction.EXIT, broker=broker):
            await soon(true(lambda: passages(hub) == 3))


async def test_a_gate_on_an_old_copy_of_its_card_goes_on_in_the_mode_that_it_was_set_to_last(
    runs: Runs, tmp_path: Path, lot_broker: BrokerSite
) -> None:
    card, copy = tmp_path / "card", tmp_path / "copy"
    card.mkdir()
    broker = lot_broker.seen_by(EXIT)

    def mode(hub: HubService) -> str | None:
        return next((fact.payload["mode"] for fact in hub.lot.journal.latest(LaneModeChanged.kind, 1)), None)

    async with runs.hub("hub") as hub:
        async with serving(card, Direction.EXIT, broker=broker) as gate:
            await soon(true(lambda: bool(gate.facts())))
        shutil.copytree(card, copy)
        async with serving(card, Direction.EXIT, broker=broker) as gate:
            await soon(true(lambda: hub._presence.challenge_of(EXIT) is not None))
            await hub.desk.set_mode(EXIT, Mode.HELD_OPEN, Attendant("Anna"))
            await soon(true(lambda: mode(hub) == "held_open"))
        async with serving(copy, Direction.EXIT, broker=broker) as gate:
            await gate.until(lambda state: state.arm is Arm.UP)
            assert [fact.by for fact in gate.facts() if isinstance(fact, LaneModeChanged)] == ["Anna"]
