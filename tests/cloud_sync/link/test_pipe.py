"""Facts from a gate's journal to its hub's, over a real Mosquitto."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cloud_sync.link import pipe, sending, topics
from cloud_sync.link.journal import Journal
from cloud_sync.link.log import Position
from cloud_sync.link.mqtt import Link
from cloud_sync.link.pipe import FactReceiver, FactSender
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.sending import Sender
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import AlarmRaised
from cloud_sync.link.v1.messages import Ack, Facts, WireFact
from cloud_sync.link.v1.wire import Envelope
from domain.fact import Fact
from tests.parts import ENTRY, LOT, BrokerSite, connection_of, linked, running, soon, still

UP, DOWN = topics.gate_facts(ENTRY, "up"), topics.gate_facts(ENTRY, "down")


class Gate:
    def __init__(self, broker: BrokerSite, folder: Path) -> None:
        self.store = Store(folder / "gate.db")
        self.journal = Journal(self.store, ENTRY, "boot-1")
        self.link = Link(broker.seen_by(ENTRY), "entry@1")
        self.sender = FactSender(self.link, UP, Sender(self.journal, LOT), still())

    def note(self, *details: str) -> None:
        for detail in details:
            with self.journal.transaction():
                self.journal.append(AlarmRaised(alarm="test", detail=detail), still()())
        self.sender.nudge()


class Hub:
    def __init__(self, broker: BrokerSite, folder: Path) -> None:
        self.store = Store(folder / "hub.db")
        self.journal = Journal(self.store, LOT, "boot-1")
        self.link = Link(broker.seen_by(LOT), "riverside@1")
        self.applied: list[str] = []
        self.came = asyncio.Event()
        self.receiver = Receiver(ENTRY, self.journal, self._apply)
        FactReceiver(self.link, UP, self.receiver)

    def _apply(self, fact: Fact) -> None:
        self.applied.append(fact.payload["detail"])
        self.came.set()

    async def until(self, count: int) -> list[str]:
        while len(self.applied) < count:
            self.came.clear()
            await soon(self.came.wait())
        return self.applied


@asynccontextmanager
async def up(gate: Gate, *links: Link) -> AsyncIterator[None]:
    async with running(gate.sender.run()), linked(gate.link, *links):
        yield


async def acknowledged(gate: Gate, seq: int) -> None:
    """Wait until the gate has heard that the hub has stored so much."""
    ack = gate.link._handlers[topics.ack_of(UP)]
    heard = asyncio.Event()

    async def tell(topic: str, payload: bytes) -> None:
        await ack(topic, payload)
        heard.set()

    gate.link.subscribe(topics.ack_of(UP), tell)
    while gate.journal.acknowledged(LOT) < Position(1, seq):
        heard.clear()
        await soon(heard.wait())


async def test_what_is_noted_arrives_in_order_is_acknowledged_and_kept(lot_broker: BrokerSite, tmp_path: Path) -> None:
    gate, hub = Gate(lot_broker, tmp_path), Hub(lot_broker, tmp_path)
    gate.note("noted before the link was up")
    async with up(gate, hub.link):
        gate.note("one", "two")
        assert await hub.until(3) == ["noted before the link was up", "one", "two"]
        await acknowledged(gate, 3)
    assert [fact.seq for fact in gate.journal.after(Position(), 10)] == [1, 2, 3]
    assert hub.journal.cursor(ENTRY).position == Position(1, 3)


async def test_more_than_fits_in_flight_arrives_all_the_same(
    lot_broker: BrokerSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "BATCH_MAX", 4)
    monkeypatch.setattr(sending, "IN_FLIGHT_MAX", 8)
    gate, hub = Gate(lot_broker, tmp_path), Hub(lot_broker, tmp_path)
    details = [f"{number}" for number in range(50)]
    gate.note(*details)
    async with up(gate, hub.link):
        assert await hub.until(50) == details


async def test_facts_go_on_exactly_once_after_the_broker_was_away(lot_broker: BrokerSite, tmp_path: Path) -> None:
    gate, hub = Gate(lot_broker, tmp_path), Hub(lot_broker, tmp_path)
    async with up(gate, hub.link):
        gate.note("before")
        await hub.until(1)
        lost = asyncio.Event()
        gate.link.when_lost(lost.set)
        lot_broker.stop()
        await soon(lost.wait())
        gate.note("while it was away")
        lot_broker.start()
        gate.note("when it is back")
        assert await hub.until(3) == ["before", "while it was away", "when it is back"]
        await acknowledged(gate, 3)
    assert hub.applied == ["before", "while it was away", "when it is back"]


async def test_a_hub_that_comes_later_asks_for_what_it_missed(lot_broker: BrokerSite, tmp_path: Path) -> None:
    gate, hub = Gate(lot_broker, tmp_path), Hub(lot_broker, tmp_path)
    async with up(gate):
        gate.note("one", "two")
        connected = connection_of(hub.link)
        async with running(hub.link.run()):
            await soon(connected.wait())
            assert await hub.until(2) == ["one", "two"]


async def test_facts_that_may_rest_on_what_was_lost_wait_until_it_is_back(
    lot_broker: BrokerSite, tmp_path: Path
) -> None:
    """The hub's disk was set back, and the gate knows more of its log than it does itself."""
    gate, hub = Gate(lot_broker, tmp_path), Hub(lot_broker, tmp_path)
    with hub.journal.transaction():
        told = hub.journal.append(AlarmRaised(alarm="test", detail="told and lost"), still()())
        gate.journal.keep(told, None)
        hub.store.connection.execute("DELETE FROM fact")

    def take_back(facts: Sequence[Fact]) -> None:
        with hub.journal.transaction():
            inserted, _ = hub.journal.take_back(facts, insert=True)
        hub.applied += ["taken back"] * len(inserted)

    hub.journal.begin(2)
    down = FactSender(hub.link, DOWN, Sender(hub.journal, ENTRY, recover=take_back), still())
    FactReceiver(hub.link, UP, Receiver(ENTRY, hub.journal, hub._apply), after=down)
    FactReceiver(gate.link, DOWN, Receiver(LOT, gate.journal, lambda fact: None))
    gate.note("it rests on that")
    async with running(down.run()), up(gate, hub.link):
        await hub.until(1)
        await acknowledged(gate, 1)
    assert hub.applied == ["taken back", "it rests on that"]


async def test_a_store_that_fails_once_is_not_acknowledged_and_is_tried_again(
    lot_broker: BrokerSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, hub = Gate(lot_broker, tmp_path), Hub(lot_broker, tmp_path)
    failed = asyncio.Event()
    keep = hub.journal.keep

    def full_once(fact: Fact, set_aside: str | None) -> None:
        monkeypatch.setattr(hub.journal, "keep", keep)
        hub.applied.clear()
        failed.set()
        raise OSError("no space left on device")

    monkeypatch.setattr(hub.journal, "keep", full_once)
    async with up(gate, hub.link):
        gate.note("one")
        await soon(failed.wait())
        gate.note("two")  # found to be ahead of the first, which is asked for again
        assert await hub.until(2) == ["one", "two"]


async def test_a_message_that_is_no_facts_is_dropped_and_the_next_is_taken(
    lot_broker: BrokerSite, tmp_path: Path
) -> None:
    gate, hub = Gate(lot_broker, tmp_path), Hub(lot_broker, tmp_path)
    async with up(gate, hub.link):
        await gate.link.publish(UP, Facts(v=2, facts=[]))
        gate.note("one")
        assert await hub.until(1) == ["one"]


async def test_a_link_lost_while_it_opens_is_no_failed_task(
    lot_broker: BrokerSite, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hub = Hub(lot_broker, tmp_path)
    receiver = FactReceiver(hub.link, UP, Receiver(ENTRY, hub.journal, hub._apply))
    async with linked(hub.link):
        receiver.open()
        assert receiver._opening is not None
        hub.link._client = None  # the link is down by the time that its task runs
        await soon(receiver._opening)


async def test_an_opening_that_is_lost_is_said_again(
    lot_broker: BrokerSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gate's link was up all the time, and it has nothing to say by itself."""
    monkeypatch.setattr(pipe, "OPEN_AGAIN_S", 0.05)
    gate, hub = Gate(lot_broker, tmp_path), Hub(lot_broker, tmp_path)
    said: list[Ack] = []
    publish = hub.link.publish

    async def publish_but_the_first(topic: str, message: Envelope, *, retain: bool = False) -> None:
        assert isinstance(message, Ack)
        said.append(message)
        if len(said) > 1:
            await publish(topic, message, retain=retain)

    monkeypatch.setattr(hub.link, "publish", publish_but_the_first)
    async with up(gate), linked(hub.link):
        while not hub.receiver.caught_up:  # noqa: ASYNC110  of which nobody tells
            await asyncio.sleep(0.01)
    assert [ack.opens for ack in said[:2]] == [True, True]


def test_the_wire_carries_a_fact_unchanged(tmp_path: Path) -> None:
    journal = Journal(Store(tmp_path / "gate.db"), ENTRY, "boot-1")
    with journal.transaction():
        fact = journal.append(AlarmRaised(alarm="test", detail="Grüße"), still()())
    (sent,) = Facts.decode(Facts(facts=[WireFact.of(fact)]).encode()).facts
    assert sent.fact() == fact
