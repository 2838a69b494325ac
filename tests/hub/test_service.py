"""The hub's shell between two real brokers, and what comes over them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from cloud_sync.link import topics
from cloud_sync.link.carrier import Handler, Server, Will
from cloud_sync.link.host import this_machine
from cloud_sync.link.journal import Journal
from cloud_sync.link.mqtt import Link
from cloud_sync.link.pipe import FactReceiver, FactSender
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.sending import Sender
from cloud_sync.link.settings import Broker
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import (
    Direction,
    GatePassed,
    PolicyChanged,
    ReservationChanged,
    StayChanged,
    payload_of,
)
from cloud_sync.link.v1.messages import (
    AdmitAnswer,
    AdmitRequest,
    ConfirmRequest,
    ReleaseRequest,
    Reply,
    UnitStatus,
)
from cloud_sync.link.v1.wire import Envelope
from domain.admission import Reason, Verdict
from domain.errors import TryLater
from domain.fact import Fact
from domain.now import Now, Trust
from domain.policy import Policy, Tariff
from domain.reservation import Status
from hub.no_shows import LISTENS_FIRST_MS
from hub.service import HubService
from simulator.ports import free_port
from tests.hub.riverside import MINUTE_MS, NOW, at, hold_request, rid
from tests.hub.units import Clock, alone, hub_settings
from tests.parts import ENTRY, LOT, PATIENCE_S, BrokerSite, linked, running, soon

CENTRAL = f"central:{LOT}"
PASSED_IN = GatePassed(passage_id="p1", direction=Direction.ENTRY, reservation_id=rid(1), plate=None)
REPLIES = topics.lot_replies(LOT, "central-1")


class Central:
    """Central's side of the link."""

    def __init__(self, broker: BrokerSite, folder: Path) -> None:
        self.store = Store(folder / "central.db")
        self.journal = Journal(self.store, CENTRAL, "boot-c")
        self.link = Link(broker.seen_by("central"), "central-1", replies=topics.lot_replies("+", "central-1"))
        self.sender = FactSender(self.link, topics.lot_facts(LOT, "down"), Sender(self.journal, LOT), lambda: NOW)
        self.heard: list[Fact] = []
        self._came = asyncio.Event()
        FactReceiver(
            self.link, topics.lot_facts(LOT, "up"), Receiver(LOT, self.journal, self._apply, grants=self.journal)
        )

    async def ask(self, name: str, message: Envelope) -> Reply:
        return await self.link.request(topics.lot_requests(LOT, name), message, REPLIES, 10)

    async def until(self, status: Status) -> ReservationChanged:
        """The fact of a reservation that has come to `status`."""
        while True:
            self._came.clear()
            for said in map(payload_of, self.heard):
                if isinstance(said, ReservationChanged) and said.status is status:
                    return said
            await soon(self._came.wait())

    def _apply(self, fact: Fact) -> None:
        self.heard.append(fact)
        self._came.set()


@pytest.fixture
async def central(
    tmp_path: Path, clock: Clock, lot_broker: BrokerSite, central_broker: BrokerSite
) -> AsyncIterator[Central]:
    """Central, linked to a hub that runs."""
    central = Central(central_broker, tmp_path)
    hub = HubService(
        hub_settings(tmp_path, lot_broker.seen_by(LOT), central_broker.seen_by(LOT)),
        replace(this_machine(Trust.NTP), clock=clock),
    )
    online = asyncio.Event()

    async def heard(_topic: str, payload: bytes) -> None:
        if UnitStatus.decode(payload).granted:
            online.set()

    central.link.subscribe(topics.lot_status(LOT), heard)
    async with linked(central.link), running(central.sender.run(), hub.run()):
        await soon(online.wait())
        yield central
    central.store.close()


async def test_a_hold_that_runs_out_is_told_although_the_request_that_found_out_was_refused(
    central: Central, clock: Clock
) -> None:
    """Whoever asks first lets it expire. The answer is a refusal, and the fact must go out all the same."""
    assert (await central.ask("hold", hold_request())).ok
    await central.until(Status.HELD)
    clock.now = Now(NOW.mono_ms, at(1))  # only the wall clock: no timer runs out by itself
    answer = await central.ask("confirm", ConfirmRequest(reservation_id=rid(1)))
    assert (answer.ok, answer.code, answer.final) == (False, "reservation_expired", True)
    assert (await central.until(Status.EXPIRED)).revision == 2


async def test_facts_go_both_ways_and_on_to_the_gate(
    central: Central, clock: Clock, lot_broker: BrokerSite, tmp_path: Path
) -> None:
    policy = PolicyChanged(policy=Policy(hold_s=60), tariff=Tariff("EUR", 30, 250))
    with central.journal.transaction():
        central.journal.append(policy, NOW)
    central.sender.nudge()
    gate_store = Store(tmp_path / "gate.db")
    gate_log = Journal(gate_store, ENTRY, "boot-g")
    gate_link = Link(lot_broker.seen_by(ENTRY), f"{ENTRY}@1")
    confirmed, stayed, promised = asyncio.Event(), asyncio.Event(), asyncio.Event()
    came_in: list[datetime | None] = []

    def apply(fact: Fact) -> None:
        said = payload_of(fact)
        if isinstance(said, ReservationChanged) and said.status is Status.CONFIRMED:
            confirmed.set()
        if isinstance(said, StayChanged):
            came_in.append(said.entered_at)
            stayed.set()
        if said == policy:
            promised.set()

    FactReceiver(gate_link, topics.gate_facts(ENTRY, "down"), Receiver(LOT, gate_log, apply))
    sender = FactSender(gate_link, topics.gate_facts(ENTRY, "up"), Sender(gate_log, LOT), clock, "boot-g")
    async with linked(gate_link), running(sender.run()):
        await soon(promised.wait())
        assert (await central.ask("hold", hold_request())).ok
        assert (await central.ask("confirm", ConfirmRequest(reservation_id=rid(1)))).ok
        await soon(confirmed.wait())
        with gate_log.transaction():
            gate_log.append(PASSED_IN, Now(NOW.mono_ms - 20 * MINUTE_MS, at(-48), Trust.NONE))  # it had lost the time
        sender.nudge()
        await soon(stayed.wait())
    assert (await central.until(Status.CHECKED_IN)).revision == 3
    assert came_in == [at(-1 / 3)]
    gate_store.close()


async def test_a_check_in_from_afar_goes_through_to_the_gate(central: Central, lot_broker: BrokerSite) -> None:
    """Both ways through both brokers, by the access lists that we deploy."""
    asked: list[AdmitRequest] = []
    answer = AdmitAnswer(
        verdict=Verdict.ADMIT, reason=Reason.BOOKED, reservation_id=rid(1), spot_id=None, at=NOW.utc, took_ms=3
    )

    async def decide(_topic: str, payload: bytes) -> Reply:
        asked.append(AdmitRequest.decode(payload))
        return Reply(ok=True, result=answer.to_json())

    request = AdmitRequest(
        request_id="r1",
        gate_id=ENTRY,
        direction=Direction.ENTRY,
        reservation_id=rid(1),
        car_required=False,
        answer_by=at(1),
    )
    refused = await central.ask("admit", request)
    assert (refused.ok, refused.code, refused.final) == (False, "gate_offline", False)
    status = UnitStatus(unit=ENTRY, online=True, epoch=1, boot="g", at=NOW.utc, challenge="c1")
    gone = Will(topics.gate_status(ENTRY), status.model_copy(update={"online": False}), lambda: status)
    gate = Link(lot_broker.seen_by(ENTRY), f"{ENTRY}@1", gone)
    gate.serve(topics.gate_requests(ENTRY, "+"), decide)
    async with linked(gate):
        async with asyncio.timeout(PATIENCE_S):
            while not (reply := await central.ask("admit", request)).ok:
                assert reply.code == "gate_offline"  # its status is on the way
        assert reply.result == answer.to_json()
        assert asked == [request.model_copy(update={"challenge": "c1"})]
    unknown = await central.ask("admit", request.model_copy(update={"gate_id": "hillside.entry-1"}))
    assert (unknown.code, unknown.final) == ("gate_unknown", True)


@pytest.mark.parametrize("connected", [True, False])
async def test_a_silent_gate_makes_a_no_show_later(
    central: Central, clock: Clock, lot_broker: BrokerSite, *, connected: bool
) -> None:
    """The lot is told by the shell which gates it hears."""
    assert (await central.ask("hold", hold_request())).ok
    assert (await central.ask("confirm", ConfirmRequest(reservation_id=rid(1)))).ok
    status = UnitStatus(unit=ENTRY, online=True, epoch=1, boot="g", at=NOW.utc, challenge="c1")
    gone = Will(topics.gate_status(ENTRY), status.model_copy(update={"online": False}), lambda: status)
    async with linked(Link(lot_broker.seen_by(ENTRY), f"{ENTRY}@1", gone)):
        await _until_online(central, online=True)
        if connected:
            clock.now = NOW.later(15 * 60_000)
            await _wake(central)
            assert (await central.until(Status.NO_SHOW)).cause == "no_show"
    if not connected:
        await _until_online(central, online=False)
        clock.now = NOW.later(15 * 60_000)
        await _wake(central)
        assert Status.NO_SHOW not in {
            said.status for said in map(payload_of, central.heard) if isinstance(said, ReservationChanged)
        }
        clock.now = NOW.later(30 * 60_000)
        await _wake(central)
        await central.until(Status.NO_SHOW)


async def _wake(central: Central) -> None:
    """Anything that is asked makes the lot look at the clock again; this changes nothing."""
    await central.ask("release", ReleaseRequest(reservation_id=rid(99)))
    await central.ask("hold", hold_request(98, spot_id="riverside.9-999"))


async def _until_online(central: Central, *, online: bool) -> None:
    request = AdmitRequest(
        request_id="r1", gate_id=ENTRY, direction=Direction.ENTRY, car_required=False, answer_by=at(0.0002)
    )
    code = "no_answer" if online else "gate_offline"
    async with asyncio.timeout(PATIENCE_S):
        while (await central.ask("admit", request)).code != code:
            pass


class Served:
    """A carrier that carries nothing: it remembers what is served, and anybody may ask there."""

    connected = False

    def __init__(self) -> None:
        self.servers: dict[str, Server] = {}

    def __call__(self, *_: object, **__: object) -> "Served":
        return self

    def when_connected(self, call: Callable[[], None]) -> None: ...
    def when_lost(self, call: Callable[[], None]) -> None: ...
    def subscribe(self, topics: str, handler: Handler) -> None: ...
    def rename(self, client_id: str, will: Will | None = None) -> None: ...
    def leave(self) -> None: ...
    async def run(self) -> None: ...
    async def publish(self, topic: str, message: Envelope, *, retain: bool = False) -> None: ...

    def serve(self, topics: str, server: Server) -> None:
        self.servers[topics] = server

    async def request(self, topic: str, message: Envelope, reply_topic: str, timeout_s: float) -> Reply:
        raise NotImplementedError


async def test_requests_that_come_together_wait_for_the_disk_once(tmp_path: Path) -> None:
    served = Served()
    hub = HubService(alone(tmp_path), replace(this_machine(Trust.NTP), clock=Clock(), connect=served))
    topic = topics.lot_requests(LOT, "hold")
    server = served.servers[topics.lot_requests(LOT, "+")]
    with pytest.raises(TryLater, match="has not granted"):
        await server(topic, hold_request().encode())
    hub._unit.tenure.granted(hub._unit.run, 1)
    statements: list[str] = []
    hub.lot.store.connection.set_trace_callback(statements.append)
    requests = [hold_request(number, start=number, end=number + 1).encode() for number in range(1, 21)]
    answers = await asyncio.gather(*(server(topic, request) for request in requests))
    assert all(answer.ok for answer in answers)
    assert statements.count("COMMIT") == 1
    hub.lot.store.connection.set_trace_callback(None)
    hub.lot.store.close()


async def test_a_gate_is_silent_only_after_the_hub_has_listened_a_while(
    tmp_path: Path, clock: Clock, lot_broker: BrokerSite
) -> None:
    nowhere = Broker(port=free_port())
    settings = hub_settings(tmp_path, lot_broker.seen_by(LOT), nowhere)
    lot = settings.lot.model_copy(update={"central_first_s": 0})
    host = replace(this_machine(Trust.NTP), clock=clock)
    hub = HubService(settings.model_copy(update={"lot": lot}), host)
    listens = asyncio.Event()
    hub._to_lot.when_connected(listens.set)
    clock.now = NOW.later(LISTENS_FIRST_MS)
    async with running(hub.run()):
        await soon(listens.wait())
        assert not hub.lot.no_shows.is_silent(ENTRY, clock())
        clock.now = clock.now.later(LISTENS_FIRST_MS)
        assert hub.lot.no_shows.is_silent(ENTRY, clock())
        hub._gates_lost()
        assert not hub.lot.no_shows.is_silent(ENTRY, clock())
