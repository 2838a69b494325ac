"""Runs of one hub, between two real brokers: on a disk that was set back, and two on copies of one disk."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.link import topics
from cloud_sync.link.host import this_machine
from cloud_sync.link.mqtt import Link
from cloud_sync.link.v1.messages import ConfirmRequest, UnitStatus
from domain.now import Trust
from domain.reservation import Status
from hub.service import HubService
from hub.settings import GateEntry
from tests.hub.riverside import LARGE_SPOT, hold_request, rid
from tests.hub.test_service import Central
from tests.hub.units import Clock, hub_settings
from tests.parts import LOT, BrokerSite, linked, running, soon


class Runs:
    """Central, and hubs that run beside each other or one after the other."""

    def __init__(self, folder: Path, lot_broker: BrokerSite, central_broker: BrokerSite, *gates: GateEntry) -> None:
        """`gates` are the lot's, in place of the usual one."""
        self._folder = folder
        self._gates = gates
        self._brokers = lot_broker.seen_by(LOT), central_broker.seen_by(LOT)
        self.central = Central(central_broker, folder)
        self.granted: asyncio.Queue[UnitStatus] = asyncio.Queue()
        self.central.link.subscribe(topics.lot_status(LOT), self._status)

    async def _status(self, _topic: str, payload: bytes) -> None:
        status = UnitStatus.decode(payload)
        if status.granted and status.online:
            self.granted.put_nowait(status)

    @asynccontextmanager
    async def hub(self, name: str) -> AsyncIterator[HubService]:
        """A hub on the disk of this name, once it is granted its epoch."""
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        settings = hub_settings(folder, *self._brokers)
        settings = settings.model_copy(update={"gates": self._gates or settings.gates})
        hub = HubService(settings, replace(this_machine(Trust.NTP), clock=Clock()))
        async with running(hub.run()):
            while (await soon(self.granted.get())).run != hub._unit.run:
                pass
            yield hub

    def copy_disk(self, of: str, to: str) -> None:
        (self._folder / to).mkdir(exist_ok=True)
        with (
            closing(sqlite3.connect(self._folder / of / "hub.db")) as source,
            closing(sqlite3.connect(self._folder / to / "hub.db")) as target,
        ):
            source.backup(target)

    async def book(self, number: int, spot_id: str = "riverside.1-001") -> bool:
        """Whether it is booked; this central keeps no facts that come with answers, so the log has to have come too."""
        held = await self.central.ask("hold", hold_request(number, spot_id=spot_id, start=number, end=number + 1))
        if not held.ok or not (await self.central.ask("confirm", ConfirmRequest(reservation_id=rid(number)))).ok:
            return False
        while (said := await self.central.until(Status.CONFIRMED)).reservation_id != rid(number):
            self.central.heard = [fact for fact in self.central.heard if fact.payload != said.to_json()]
        return True


@pytest.fixture
async def runs(tmp_path: Path, lot_broker: BrokerSite, central_broker: BrokerSite) -> AsyncIterator[Runs]:
    runs = Runs(tmp_path, lot_broker, central_broker)
    async with linked(runs.central.link):
        yield runs
    runs.central.store.close()


async def test_a_hub_on_an_old_disk_knows_again_what_it_had_granted(runs: Runs) -> None:
    async with runs.hub("a"):
        assert await runs.book(1)
        runs.copy_disk("a", "backup")
        assert await runs.book(2)
    async with runs.hub("backup") as hub:
        known = hub.lot.book.find(rid(2))
        assert known is not None
        assert known.ticket is not None
        assert not (await runs.central.ask("hold", hold_request(3, start=2, end=3))).ok, "that is booked"
        assert hub.lot.journal.epoch == 3, "above the one that it had lost"


async def test_of_two_hubs_on_copies_of_one_disk_the_older_one_stops(runs: Runs) -> None:
    async with runs.hub("a") as older:
        assert await runs.book(1)
        runs.copy_disk("a", "copy")
        left = [asyncio.Event(), asyncio.Event()]
        for link, has_left in zip((older._to_central, older._to_lot), left, strict=True):
            link.when_lost(has_left.set)
        async with runs.hub("copy") as newer:
            for has_left in left:
                await soon(has_left.wait())
            assert newer.lot.journal.epoch > older.lot.journal.epoch
            assert await runs.book(5)
            assert newer.lot.book.find(rid(5)) is not None
            assert older.lot.book.find(rid(5)) is None, "it was not even asked"
            alarms = older.lot.journal.latest("alarm.raised/1", 1)
            assert [alarm.payload["alarm"] for alarm in alarms] == ["fenced"]


async def test_a_hub_on_a_new_disk_takes_all_of_it_back(runs: Runs) -> None:
    async with runs.hub("a"):
        for number in range(1, 4):
            assert await runs.book(number)
    async with runs.hub("new") as hub:
        assert [hub.lot.book.find(rid(number)) is not None for number in range(1, 4)] == [True] * 3
        assert await runs.book(4, LARGE_SPOT) is False, "there is no such spot in its layout"
        assert await runs.book(5)


async def test_a_hub_that_was_stopped_is_not_there(runs: Runs, central_broker: BrokerSite) -> None:
    """It hears its own leave, and had said behind it that it is there."""
    async with runs.hub("a"):
        assert await runs.book(1)
    later = Link(central_broker.seen_by("central"), "central-2")
    said: asyncio.Queue[UnitStatus] = asyncio.Queue()

    async def hear(_topic: str, payload: bytes) -> None:
        said.put_nowait(UnitStatus.decode(payload))

    later.subscribe(topics.lot_status(LOT), hear)
    async with linked(later):
        assert not (await soon(said.get())).online
