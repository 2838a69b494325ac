"""One run of a unit on its links: how it is called there, what it says of itself, and whether it may speak (`tenure`).

Its client id carries its epoch: two runs in one epoch cannot both be connected, and one that has been succeeded does
not push its successor out. Its status is retained; whoever hears another run's in its place says its own again, or, if
that one's epoch is higher, no more.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from cloud_sync.link.carrier import Carrier, Will
from cloud_sync.link.host import Host
from cloud_sync.link.journal import Journal
from cloud_sync.link.pipe import FactReceiver, FactSender
from cloud_sync.link.settings import Broker
from cloud_sync.link.tenure import Standing, Tenure
from cloud_sync.link.v1.messages import UnitStatus
from domain.errors import TryLater

log = logging.getLogger(__name__)

ANSWER_S = 10.0
"""How long after it has connected a unit waits to be granted its epoch before it says that nobody answers."""


class Unit:
    """This run of a hub or a gate. Make its links, senders and receivers known to it, then `watch`."""

    def __init__(
        self,
        journal: Journal,
        host: Host,
        status_topic: str,
        fenced: Callable[[str], None],
        more: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        """Begins an epoch of its own in `journal`. `more` is what its status says beside the usual while it is online;
        `fenced` is told, for an alarm, that another run speaks for the unit now."""
        journal.begin_run()
        self.run = secrets.token_hex(8)
        self._journal = journal
        self._host = host
        self._status_topic = status_topic
        self._fenced = fenced
        self._more = more
        self._news = asyncio.Event()
        self.tenure = Tenure(journal, self.run, self._news.set)
        self.decided = asyncio.Event()
        """Set once a parent has granted this run its epoch, or another's."""
        self.senders: list[FactSender] = []
        self.receivers: list[FactReceiver] = []
        self._links: list[Carrier] = []
        self._connected_as = self.identity
        self._waiting: asyncio.TimerHandle | None = None
        self._told_of_silence = False

    @property
    def identity(self) -> str:
        """The client id."""
        return f"{self._journal.unit}@{self._journal.epoch}"

    @property
    def may_speak(self) -> bool:
        """Whether no other run is known to speak for the unit."""
        return self.tenure.standing is not Standing.FENCED

    @property
    def is_granted(self) -> bool:
        return self.tenure.standing is Standing.GRANTED

    def connect(self, broker: Broker, *, parent: str | None = None, replies: str | None = None) -> Carrier:
        """A link of this unit's, which carries its status; `parent` is who grants it its epoch there, in words."""
        link = self._host.connect(broker, self.identity, self._will, replies)
        link.subscribe(self._status_topic, self._heard_of_itself)
        if parent is not None:
            link.when_connected(lambda: self._expect_answer(parent, broker))
            link.when_lost(self._expect_none)
        self._links.append(link)
        return link

    def nudge(self) -> None:
        """The log has grown. Call it after the transaction, never inside."""
        for sender in self.senders:
            sender.nudge()

    async def watch(self) -> None:
        """Follow what becomes of the tenure, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self._follow()

    async def tell_status(self) -> None:
        """Say again how this unit is, as after each change; a link that comes up begins with it by itself."""
        if not self.may_speak:
            return
        for link in self._links:
            with suppress(TryLater):
                await link.publish(self._status_topic, self._status(online=True), retain=True)

    async def _follow(self) -> None:
        if self.tenure.standing is not Standing.PROVISIONAL:
            self.decided.set()
        if not self.may_speak:
            self._fenced(f"epoch {self._journal.epoch}: another one speaks for {self._journal.unit}")
            for link in self._links:
                link.leave()
        elif self._connected_as != self.identity:
            self._rename()
        else:
            await self.tell_status()
        for sender in self.senders:
            sender.changed()
        for receiver in self.receivers:
            receiver.open()

    def _rename(self) -> None:
        """Connect anew, under a new client id and with a new last will."""
        self._connected_as = self.identity
        for link in self._links:
            link.rename(self.identity, self._will)

    def _expect_answer(self, parent: str, broker: Broker) -> None:
        if self.tenure.standing is Standing.PROVISIONAL and not self._told_of_silence:
            self._waiting = asyncio.get_running_loop().call_later(ANSWER_S, self._nobody_answers, parent, broker)

    def _expect_none(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()

    def _nobody_answers(self, parent: str, broker: Broker) -> None:
        if self.tenure.standing is not Standing.PROVISIONAL:
            return
        self._told_of_silence = True  # `tenure.granted` says that it is over
        unit, user = self._journal.unit, broker.username or "nobody"
        why = (
            f"connected to the broker as {user}, but {parent} does not answer {unit}: is it running, does its file"
            f" name {unit}, and may this user say and hear what is {unit}'s?"
        )
        log.warning("tenure.unanswered", extra={"host": broker.host, "port": broker.port, "why": why})

    async def _heard_of_itself(self, _topic: str, payload: bytes) -> None:
        status = UnitStatus.decode(payload)
        if status.run == self.run and status.online:
            return
        if not self.is_granted:
            return  # the parent says so itself, when it is asked
        if status.granted and status.epoch > self._journal.epoch:
            self.tenure.fence(status.epoch)
        else:
            await self.tell_status()

    @property
    def _will(self) -> Will:
        return Will(self._status_topic, self._status(online=False), lambda: self._status(online=True))

    def _status(self, *, online: bool) -> UnitStatus:
        more = self._more() if online else {}
        return UnitStatus(
            unit=self._journal.unit,
            online=online,
            epoch=self._journal.epoch,
            boot=self._host.boot,
            at=self._host.clock().utc,
            run=self.run,
            granted=self.is_granted,
            **more,
        )
