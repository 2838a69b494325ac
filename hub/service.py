"""The hub's shell: carries requests and facts between the two brokers and the lot, and serves the page."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import closing

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cloud_sync.link import topics
from cloud_sync.link.carrier import Carrier, Will
from cloud_sync.link.host import Host, this_machine
from cloud_sync.link.journal import Journal
from cloud_sync.link.log import Receiver, Sender
from cloud_sync.link.pipe import FactReceiver, FactSender
from cloud_sync.link.process import bound_socket, serve_http
from cloud_sync.link.seal import Seal
from cloud_sync.link.store import Store
from cloud_sync.link.ticket import TicketKey
from cloud_sync.link.v1.messages import Ack, Reply, UnitStatus
from domain.errors import OperatorError
from domain.fact import Fact
from hub.commit import GroupCommit
from hub.gates import Gates
from hub.lot import Lot
from hub.page import page_app
from hub.presence import Presence
from hub.settings import HubSettings
from hub.view import LotView

log = logging.getLogger(__name__)

CENTRAL = "central"
PAUSE_S_MAX = 60.0
"""How long the lot sleeps at most: the wall clock may be set meanwhile, and its windows are by that clock."""


class HubService:
    """One hub process: a lot, its two links, its page."""

    def __init__(self, settings: HubSettings, host: Host | None = None) -> None:
        host = host or this_machine(settings.clock.trust)
        self._clock, self._boot = host.clock, host.boot
        self._settings = settings
        lot_id = settings.lot.lot_id
        self._store = Store(settings.store.path)
        journal = Journal(self._store, lot_id, self._boot)
        self.lot = Lot(self._store, journal, settings.keys.ticket.parse(_ticket_key))
        self.lot.lay_out(settings.spot_kinds(), settings.gate_directions(), self._clock())
        self._seal = settings.keys.plate.parse(Seal.from_hex)
        self._wake = asyncio.Event()
        self._commits = GroupCommit(self._store, self._changed)  # also after refusals: holds may have expired before
        identity = f"{lot_id}@{journal.epoch}"
        status = Will(topics.lot_status(lot_id), self._status(online=False), lambda: self._status(online=True))
        self._to_central = host.connect(settings.central, identity, status)
        self._to_lot = host.connect(settings.broker, identity, replies=topics.gate_replies(f"{lot_id}.+", identity))
        self._to_central.serve(topics.lot_requests(lot_id, "+"), self._request)
        self._senders = [self._sender(self._to_central, topics.lot_facts(lot_id, "up"), CENTRAL)]
        self._receive(self._to_central, topics.lot_facts(lot_id, "down"), f"{CENTRAL}:{lot_id}")
        self._presence = Presence(self._clock)
        self._to_lot.when_lost(self._gates_lost)
        self._gate_ids = tuple(settings.gate_directions())
        self._gates = Gates(self._to_lot, identity, self._gate_ids, self._presence, self._clock)
        for gate_id in self._gate_ids:
            self._senders.append(self._sender(self._to_lot, topics.gate_facts(gate_id, "down"), gate_id))
            self._receive(self._to_lot, topics.gate_facts(gate_id, "up"), gate_id)
            self._to_lot.subscribe(topics.gate_status(gate_id), self._gate_heard)

    async def run(self) -> None:
        """Serve until cancelled, once. Raises OperatorError where the page's port is taken."""
        page = self._settings.page
        lot = self._settings.lot
        view = LotView(lot.name, self.lot, self._seal, self._presence, self._to_central)
        app = page_app(view, lot.timezone, self._clock)
        with closing(self._store), bound_socket(page.host, page.port) as listening:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.work())
                tasks.create_task(serve_http(app, listening))

    async def work(self) -> None:
        """Be the lot's hub on both links, without a page, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for link in (self._to_central, self._to_lot):
                tasks.create_task(link.run())
            for sender in self._senders:
                tasks.create_task(sender.run())
            tasks.create_task(self._wake_the_lot())

    async def _request(self, topic: str, payload: bytes) -> Reply:
        name = topic.rsplit("/", 1)[1]
        if name == "admit":
            return await self._gates.admit(payload)
        return await self._commits.carry_out(lambda: self.lot.request(name, payload, self._clock()))

    async def _wake_the_lot(self) -> None:
        while True:
            wakeup_ms = self.lot.next_wakeup_ms(self._clock())
            pause_s = None if wakeup_ms is None else max(wakeup_ms - self._clock().mono_ms, 0) / 1000
            if pause_s is not None:
                pause_s = min(pause_s, PAUSE_S_MAX)
            try:
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            except TimeoutError:
                if self.lot.woken(self._clock()):
                    self._changed()
            self._wake.clear()

    async def _gate_heard(self, topic: str, payload: bytes) -> None:
        before = self._online()
        await self._presence.heard(topic, payload)
        if self._online() != before:  # a gate says the same again with each new challenge
            self._gates_are()

    def _gates_lost(self) -> None:
        self._presence.lost()
        self._gates_are()

    def _online(self) -> list[bool]:
        return [self._presence.is_online(gate_id) for gate_id in self._gate_ids]

    def _gates_are(self) -> None:
        """Tell the lot which gates are heard: it gives nobody up while a gate that may have let them in is silent."""
        for gate_id in self._gate_ids:
            self.lot.gate_heard(gate_id, online=self._presence.is_online(gate_id), now=self._clock())
        self._wake.set()

    def _sender(self, link: Carrier, topic: str, subscriber: str) -> FactSender:
        return FactSender(link, topic, Sender(self.lot.journal, subscriber), self._clock)

    def _receive(self, link: Carrier, topic: str, unit: str) -> None:
        def apply(fact: Fact) -> None:
            self.lot.apply(fact, self._clock())

        async def then_send_on(call: Callable[[], Ack]) -> Ack:
            ack = call()
            self._changed()
            return ack

        def alarm(name: str, detail: str) -> None:
            self.lot.alarm(name, detail, self._clock())

        FactReceiver(link, topic, Receiver(unit, self.lot.journal, apply, alarm), then_send_on)

    def _changed(self) -> None:
        """Something was stored: send its facts, and look what comes next."""
        for sender in self._senders:
            sender.nudge()
        self._wake.set()

    def _status(self, *, online: bool) -> UnitStatus:
        journal = self.lot.journal
        return UnitStatus(unit=journal.unit, online=online, epoch=journal.epoch, boot=self._boot, at=self._clock().utc)


def _ticket_key(pem: str) -> TicketKey:
    try:
        private = load_pem_private_key(pem.encode(), password=None)
    except ValueError:
        made_by = "openssl genpkey -algorithm ed25519"
        raise OperatorError("ticket_key_invalid", f"a ticket key is an Ed25519 private key in PEM: {made_by}") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise OperatorError("ticket_key_invalid", "the ticket key must be Ed25519: openssl genpkey -algorithm ed25519")
    return TicketKey(private)
