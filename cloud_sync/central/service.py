"""Central's process: the office, its HTTP API, its link to every lot's hub."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import version
from secrets import token_hex

from argon2 import PasswordHasher
from sqlalchemy.exc import OperationalError

from cloud_sync.central.app import central_app
from cloud_sync.central.bank import Bank
from cloud_sync.central.compared import ComparedCopies
from cloud_sync.central.database import Database
from cloud_sync.central.hubs import LinkedHubs
from cloud_sync.central.journal import Journal
from cloud_sync.central.office import Office
from cloud_sync.central.recovery import Recovery
from cloud_sync.central.settings import CentralSettings
from cloud_sync.central.stripe_bank import StripeBank
from cloud_sync.link import topics
from cloud_sync.link.digest import Comparisons
from cloud_sync.link.host import Host, this_machine
from cloud_sync.link.log import Position
from cloud_sync.link.pipe import FactReceiver, FactSender
from cloud_sync.link.process import address_of, bound_socket, serve_http
from cloud_sync.link.pruning import Pruning
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.sending import Sender
from cloud_sync.link.systemd import keep_saying_it_is_well
from cloud_sync.link.v1.messages import Ack, Grant
from domain.now import Trust

log = logging.getLogger(__name__)


class CentralService:
    """One central process."""

    def __init__(
        self,
        settings: CentralSettings,
        host: Host | None = None,
        bank: Bank | None = None,
        hasher: PasswordHasher | None = None,
    ) -> None:
        """Raises OperatorError where a secret or the database is not to be had."""
        self._settings = settings
        host = host or this_machine(Trust.NTP)
        clock = host.clock
        lots = [lot.lot_id for lot in settings.lots]
        # Several processes may run beside each other: each has answers of its own.
        client = f"central-{token_hex(4)}"
        self._link = host.connect(settings.broker, client, replies=topics.lot_replies("+", client))
        hubs = LinkedHubs(
            self._link, client=client, lots=lots, answer_s=settings.hub.answer_s, clock=clock, back=self._hub_back
        )
        receivers: dict[str, Receiver] = {}
        self.office = Office(
            settings,
            database=Database(settings.database.address()),
            hubs=hubs,
            bank=bank or StripeBank(settings.stripe.secret_key.read(), settings.stripe.api_base),
            clock=clock,
            boot=host.boot,
            changed=self._nudge,
            receivers=receivers,
            hasher=hasher,
        )
        self._senders: dict[str, FactSender] = {}
        keep = timedelta(days=settings.database.replay_keep_days)
        self._prunings = [
            Pruning(journal, keep, [lot_id], clock, _prune_in_thread)
            for lot_id, journal in self.office.journals.items()
        ]
        for lot_id in lots:
            journal = self.office.journals[lot_id]
            recovery = Recovery(self.office.database, journal, clock)
            comparisons = Comparisons(journal, lot_id)
            sender = Sender(journal, lot_id, recover=recovery.take_back, comparisons=comparisons)
            self._senders[lot_id] = FactSender(self._link, topics.lot_facts(lot_id, "down"), sender, clock)
            copies = self.office.copies(lot_id)
            receivers[lot_id] = receiver = Receiver(
                lot_id,
                journal,
                copies.apply,
                forget=copies.forget,
                copy=ComparedCopies(self.office.database, lot_id),
                grants=_Grants(journal, hubs),
            )
            FactReceiver(self._link, topics.lot_facts(lot_id, "up"), receiver, _in_thread)
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Serve until cancelled. Raises OperatorError where the HTTP port is taken."""
        http = self._settings.http
        try:
            with bound_socket(http.host, http.port) as listening:
                await asyncio.to_thread(self.office.open)
                told = {"version": version("gatehouse"), "http": address_of(listening), "lots": len(self._senders)}
                log.info("central.serving", extra=told)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self.work())
                    tasks.create_task(keep_saying_it_is_well())
                    tasks.create_task(serve_http(central_app(self.office), listening))
        finally:
            self.office.close()

    async def work(self) -> None:
        """Work with the hubs, and on what is due, without an HTTP API, until cancelled. The office is open."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            tasks.create_task(self._link.run())
            tasks.create_task(self.office.books.run())
            for sender in self._senders.values():
                tasks.create_task(sender.run())
            for worker in self.office.workers:
                tasks.create_task(worker.run())
            for pruning in self._prunings:
                tasks.create_task(pruning.run())

    def _nudge(self, lot_id: str) -> None:
        self._senders[lot_id].nudge()

    def _hub_back(self, lot_id: str) -> None:
        assert self._tasks is not None, "the link runs within work()"
        self._tasks.create_task(self._wake_for(lot_id))

    async def _wake_for(self, lot_id: str) -> None:
        try:
            await asyncio.to_thread(self.office.hub_back, lot_id)
        except OperationalError:  # what waits for this hub is tried again later, without being hurried
            log.warning("hub.not_hurried", extra={"lot": lot_id})


class _Grants:
    """What a lot's journal grants is obeyed at once, also before the new hub's status has come."""

    def __init__(self, journal: Journal, hubs: LinkedHubs) -> None:
        self._journal = journal
        self._hubs = hubs

    def grant(self, unit: str, run: str, epoch: int, *, granted: bool, above: int, last: Grant | None) -> Grant:
        answer = self._journal.grant(unit, run, epoch, granted=granted, above=above, last=last)
        self._hubs.granted(unit, answer.epoch)
        return answer


async def _prune_in_thread(step: Callable[[], Position | None]) -> Position | None:
    try:
        return await asyncio.to_thread(step)
    except OperationalError as error:  # the database is away; there is always a next time
        log.warning("facts.not_pruned", extra={"why": type(error.orig).__name__})
        return None


async def _in_thread(call: Callable[[], Ack]) -> Ack:
    """Facts are stored and applied beside the event loop, since the database blocks."""
    return await asyncio.to_thread(call)
