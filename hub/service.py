"""The hub's shell: carries requests and facts between the two brokers and the lot, and serves the page."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import timedelta
from importlib.metadata import version

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cloud_sync.link import topics
from cloud_sync.link.carrier import Carrier
from cloud_sync.link.clock_watch import ClockWatch
from cloud_sync.link.digest import Comparisons
from cloud_sync.link.host import Host, this_machine
from cloud_sync.link.journal import Journal
from cloud_sync.link.pipe import FactReceiver, FactSender
from cloud_sync.link.process import address_of, bound_socket, serve_http
from cloud_sync.link.pruning import Pruning
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.seal import Seal
from cloud_sync.link.sending import Sender
from cloud_sync.link.store import Store
from cloud_sync.link.systemd import keep_saying_it_is_well
from cloud_sync.link.ticket import TicketKey
from cloud_sync.link.unit import Unit
from cloud_sync.link.v1.messages import Ack, Reply, Sent
from domain.errors import OperatorError, TryLater
from domain.fact import Fact
from hub.attendants import Attendant, Attendants, attendant_code
from hub.commit import GroupCommit
from hub.compared import ComparedPayments
from hub.desk import Desk
from hub.gate_time import GateTime
from hub.gates import Gates
from hub.lot import Lot
from hub.page import page_app
from hub.presence import Presence
from hub.settings import HubSettings
from hub.view import LotView

log = logging.getLogger(__name__)

CENTRAL = "central"
GATES_FORGET = timedelta(days=1)
"""A gate that gets a snapshot need not hear of what is over for longer: who is still inside is not over."""

TAKING_BACK_S = 0.5
"""While what this hub has lost comes back, time decides nothing: how often it is looked whether all of it is there."""

PAUSE_S_MAX = 60.0
"""How long the lot sleeps at most: the wall clock may be set meanwhile, and its windows are by that clock."""


class HubService:
    """One hub process: a lot, its two links, its page."""

    def __init__(self, settings: HubSettings, host: Host | None = None) -> None:
        host = host or this_machine(settings.clock.said, settings.store.floor)
        self._clock = host.clock
        self._clock_watch = ClockWatch(host.clock, host.keep_floor, self._noticed)
        self._settings = settings
        lot_id = settings.lot.lot_id
        self._store = Store(settings.store.path)
        self._store.claim(lot_id)
        journal = Journal(self._store, lot_id, host.boot)
        self.lot = Lot(self._store, journal, settings.keys.ticket.parse(_ticket_key))
        self.lot.lay_out(settings.spot_kinds(), settings.gate_directions(), self._clock())
        self._seal = settings.keys.plate.parse(Seal.from_hex)
        self._wake = asyncio.Event()
        self._commits = GroupCommit(self._store, self._changed)  # also after refusals: holds may have expired before
        self._unit = Unit(journal, host, topics.lot_status(lot_id), self._fenced)
        self._to_central = self._unit.connect(settings.central, parent="central")
        asking = f"{lot_id}-{self._unit.run}"
        replies = topics.gate_replies(f"{lot_id}.+", asking)
        self._to_lot = self._unit.connect(settings.broker, replies=replies)
        self._to_central.serve(topics.lot_requests(lot_id, "+"), self._request)
        self._send(self._to_central, topics.lot_facts(lot_id, "up"), CENTRAL, parent=True)
        self._receive(self._to_central, topics.lot_facts(lot_id, "down"), f"{CENTRAL}:{lot_id}")
        self._presence = Presence(self._clock)
        self._to_lot.when_connected(lambda: self.lot.link_is(up=True, now=self._clock()))
        self._to_lot.when_lost(self._gates_lost)
        self._gate_ids = tuple(settings.gate_directions())
        subscribers = CENTRAL, *self._gate_ids
        self._pruning = Pruning(journal, settings.store.keep, subscribers, self._clock)
        self._gates = Gates(self._to_lot, asking, self._gate_ids, self._presence, self._clock)
        self.attendants = _attendants(settings)
        self.desk = Desk(self.lot, self._gates, self._seal, self._commits.carry_out, self._must_speak, self._clock)
        for gate_id in self._gate_ids:
            to_gate = self._send(self._to_lot, topics.gate_facts(gate_id, "down"), gate_id)
            self._receive(self._to_lot, topics.gate_facts(gate_id, "up"), gate_id, after=to_gate)
            self._to_lot.subscribe(topics.gate_status(gate_id), self._gate_heard)

    async def run(self) -> None:
        """Serve until cancelled, once. Raises OperatorError where the page's port is taken."""
        page = self._settings.page
        lot = self._settings.lot
        view = LotView(lot.name, self.lot, self._seal, self._presence, self._to_central)
        app = page_app(view, self.desk, self.attendants, lot.timezone, self._clock)
        with closing(self._store), bound_socket(page.host, page.port) as listening:
            told = {"version": version("gatehouse"), "lot": lot.lot_id, "store": self._settings.store.path}
            log.info("hub.serving", extra=told | {"page": address_of(listening), "gates": len(self._gate_ids)})
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.work())
                tasks.create_task(self._clock_watch.run())
                tasks.create_task(keep_saying_it_is_well())
                tasks.create_task(serve_http(app, listening))

    async def work(self) -> None:
        """Be the lot's hub on both links, without a page, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._to_central.run())
            tasks.create_task(self._join_the_lot())
            for sender in self._unit.senders:
                tasks.create_task(sender.run())
            tasks.create_task(self._wake_the_lot())
            tasks.create_task(self._unit.watch())
            tasks.create_task(self._pruning.run())

    async def _join_the_lot(self) -> None:
        await self._central_first()
        await self._to_lot.run()

    async def _central_first(self) -> None:
        """Hear central, if it can be heard, before the gates, and before time decides anything: it may know of bookings
        that this disk has lost, and of what has become of others."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.lot.central_first_s):
                await self._unit.decided.wait()

    async def _request(self, topic: str, payload: bytes) -> Reply:
        name = topic.rsplit("/", 1)[1]
        self._must_be_granted()
        if name == "admit":
            reply = await self._gates.admit(payload)
        else:
            reply = await self._commits.carry_out(lambda: self.lot.request(name, payload, self._clock()))
        return reply.model_copy(update={"epoch": self.lot.journal.epoch})

    def _must_be_granted(self) -> None:
        self._must_speak()
        if not self._unit.is_granted:
            raise TryLater("hub_provisional", "this hub has just started, and central has not granted it its epoch")

    def _must_speak(self) -> None:
        """Attendants are served without central, too: a hub that it has not granted yet is this lot's all the same."""
        if not self._unit.may_speak:
            raise TryLater("hub_fenced", "another hub speaks for this lot now; see docs/running.md")

    def _fenced(self, detail: str) -> None:
        self.lot.alarm("fenced", detail, self._clock())

    async def _wake_the_lot(self) -> None:
        await self._central_first()
        while True:
            if self._is_taking_back:
                await asyncio.sleep(TAKING_BACK_S)
                continue
            wakeup_ms = self.lot.next_wakeup_ms(self._clock())
            pause_s = None if wakeup_ms is None else max(wakeup_ms - self._clock().mono_ms, 0) / 1000
            if pause_s is not None:
                pause_s = min(pause_s, PAUSE_S_MAX)
            try:
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            except TimeoutError:
                if not self._is_taking_back and self.lot.woken(self._clock()):
                    self._changed()
            self._wake.clear()

    @property
    def _is_taking_back(self) -> bool:
        return any(sender.is_taking_back for sender in self._unit.senders)

    async def _gate_heard(self, topic: str, payload: bytes) -> None:
        before = self._online()
        await self._presence.heard(topic, payload)
        if self._online() != before:  # a gate says the same again with each new challenge
            self._gates_are()

    def _gates_lost(self) -> None:
        self._presence.lost()
        self.lot.link_is(up=False, now=self._clock())
        self._wake.set()

    def _online(self) -> list[bool]:
        return [self._presence.is_online(gate_id) for gate_id in self._gate_ids]

    def _gates_are(self) -> None:
        """Tell the lot which gates are heard: it gives nobody up while a gate that may have let them in is silent."""
        for gate_id in self._gate_ids:
            self.lot.gate_heard(gate_id, online=self._presence.is_online(gate_id), now=self._clock())
        self._wake.set()

    def _send(self, link: Carrier, topic: str, subscriber: str, *, parent: bool = False) -> FactSender:
        sender = Sender(
            self.lot.journal,
            subscriber,
            self._unit.tenure,
            self._take_back,
            parent=parent,
            comparisons=Comparisons(self.lot.journal, subscriber, self._noticed),
            forgets=None if parent else GATES_FORGET,
        )
        self._unit.senders.append(FactSender(link, topic, sender, self._clock))
        return self._unit.senders[-1]

    def _noticed(self, name: str, detail: str) -> None:
        self.lot.alarm(name, detail, self._clock())
        self._changed()

    def _take_back(self, facts: Sequence[Fact]) -> None:
        self.lot.take_back(facts, self._clock(), insert=self._unit.tenure.may_insert)
        self._wake.set()

    def _receive(self, link: Carrier, topic: str, unit: str, after: FactSender | None = None) -> None:
        of_gate = link is self._to_lot
        time = GateTime()

        def apply(fact: Fact) -> None:
            now = self._clock()
            self.lot.apply(time.placed(fact, now) if of_gate else fact, now)

        def sent(when: Sent) -> None:
            time.heard(when, self._clock())

        async def then_send_on(call: Callable[[], Ack]) -> Ack:
            ack = call()
            self._changed()
            return ack

        def alarm(name: str, detail: str) -> None:
            self.lot.alarm(name, detail, self._clock())

        def ready() -> bool:
            # What central says may rest on bookings that this hub has to take back first.
            return self._unit.may_speak if of_gate else self._unit.is_granted

        if of_gate:
            receiver = Receiver(unit, self.lot.journal, apply, alarm, grants=self.lot.journal, sent=sent)
        else:
            copy = ComparedPayments(self._store)
            receiver = Receiver(unit, self.lot.journal, apply, alarm, forget=copy.forget, copy=copy)
        self._unit.receivers.append(FactReceiver(link, topic, receiver, then_send_on, ready, after))

    def _changed(self) -> None:
        """Something was stored: send its facts, and look what comes next."""
        self._unit.nudge()
        self._wake.set()


def _attendants(settings: HubSettings) -> Attendants:
    codes = {Attendant(one.name): one.code.parse(attendant_code) for one in settings.attendants}
    managers = {Attendant(one.name, is_manager=True): one.code.parse(attendant_code) for one in settings.managers}
    return Attendants(codes | managers)


def _ticket_key(pem: str) -> TicketKey:
    try:
        private = load_pem_private_key(pem.encode(), password=None)
    except ValueError:
        made_by = "openssl genpkey -algorithm ed25519"
        raise OperatorError("ticket_key_invalid", f"a ticket key is an Ed25519 private key in PEM: {made_by}") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise OperatorError("ticket_key_invalid", "the ticket key must be Ed25519: openssl genpkey -algorithm ed25519")
    return TicketKey(private)
