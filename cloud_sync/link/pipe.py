"""Facts over MQTT: the shells around `Sender` and `Receiver`."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

from cloud_sync.link.carrier import Carrier
from cloud_sync.link.clock import Clock
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.sending import Sender
from cloud_sync.link.topics import ack_of
from cloud_sync.link.v1.messages import Ack, AckState, Facts, Sent
from domain.errors import TryLater

log = logging.getLogger(__name__)

OPEN_AGAIN_S, OPEN_AGAIN_S_MAX = 5.0, 60.0
"""How long a receiver waits for its sender to say how far its log goes, before it asks again; doubled each time."""

Call = Callable[[Callable[[], Ack]], Awaitable[Ack]]


async def at_once(call: Callable[[], Ack]) -> Ack:
    """Store and apply in the event loop's own thread."""
    return call()


class FactSender:
    """Sends one log to one subscriber over one link."""

    def __init__(self, link: Carrier, topic: str, sender: Sender, clock: Clock, boot: str | None = None) -> None:
        """With the id of this `boot` each message says when it was sent."""
        self._link = link
        self._topic = topic
        self._sender = sender
        self._clock = clock
        self._boot = boot
        self._ready: deque[Facts] = deque()  # of what the sender counts as in flight, so it is bounded
        self._wake = asyncio.Event()
        self.when_met: Callable[[], None] = lambda: None
        """Called whenever `met` has become true."""
        link.subscribe(ack_of(topic), self._acked)
        link.when_connected(self._connected)
        link.when_lost(self._lost)

    @property
    def met(self) -> bool:
        """As `Sender.met`."""
        return self._sender.met

    @property
    def is_taking_back(self) -> bool:
        """As `Sender.is_taking_back`."""
        return self._sender.is_taking_back(self._clock())

    def nudge(self) -> None:
        """The log has grown. Call it after the transaction, never inside."""
        self._queue(self._sender.appended(self._clock()))

    def changed(self) -> None:
        """The unit's standing or epoch has changed. Call it after the transaction, never inside."""
        self._begin_anew(self._sender.changed(self._clock()))

    async def run(self) -> None:
        """Publish what is ready and wake the sender when it is time, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._pause_s()):
                    await self._wake.wait()
            except TimeoutError:
                self._begin_anew(self._sender.woken(self._clock()))
            self._wake.clear()
            while self._ready:
                try:
                    await self._link.publish(self._topic, self._stamped(self._ready.popleft()))
                except TryLater:
                    break  # the link is lost; the sender begins again once it is back

    def _stamped(self, message: Facts) -> Facts:
        if self._boot is None:
            return message
        return message.model_copy(update={"sent": Sent(boot=self._boot, mono_ms=self._clock().mono_ms)})

    def _pause_s(self) -> float | None:
        wakeup_ms = self._sender.next_wakeup_ms()
        return None if wakeup_ms is None else max(wakeup_ms - self._clock().mono_ms, 0) / 1000

    def _connected(self) -> None:
        self._begin_anew(self._sender.connected(self._clock()))

    def _lost(self) -> None:
        self._ready.clear()
        self._sender.disconnected()
        self._wake.set()

    async def _acked(self, _topic: str, payload: bytes) -> None:
        ack, met = Ack.decode(payload), self._sender.met
        messages = self._sender.acked(ack, self._clock())
        if ack.state is AckState.OK and all(message.head is None for message in messages):
            self._queue(messages)
        else:
            self._begin_anew(messages)
        if self._sender.met and not met:
            self.when_met()

    def _begin_anew(self, messages: Sequence[Facts]) -> None:
        """The sender has gone back: what it gave before and was not published yet comes again, now or later."""
        self._ready.clear()
        self._queue(messages)

    def _queue(self, messages: Iterable[Facts]) -> None:
        self._ready.extend(messages)
        self._wake.set()


class FactReceiver:
    """Takes one unit's log in over one link, and acknowledges what is stored."""

    def __init__(
        self,
        link: Carrier,
        topic: str,
        receiver: Receiver,
        call: Call = at_once,
        ready: Callable[[], bool] = lambda: True,
        after: FactSender | None = None,
    ) -> None:
        """`call` runs the storing: central's database blocks, so it gives a thread here. What comes while it is not
        `ready` is dropped: its sender sends it again. So are facts until the peer has been met by `after`, which sends
        it this unit's log: they may rest on what this unit has lost and takes back from that peer."""
        self._link = link
        self._topic = topic
        self._receiver = receiver
        self._call = call
        self._ready = ready
        self._after = after
        if after is not None:
            after.when_met = self.open
        self._opening: asyncio.Task[None] | None = None
        link.subscribe(topic, self._received)
        link.when_connected(self.open)
        link.when_lost(self._lost)

    async def _received(self, _topic: str, payload: bytes) -> None:
        if not self._ready():
            return
        message = Facts.decode(payload)
        if message.facts and self._after is not None and not self._after.met:
            return
        await self._acknowledge(lambda: self._receiver.heard(message))

    def open(self) -> None:
        """The link is up, or the unit has become ready: say where to go on."""
        self._lost()
        if self._ready() and self._link.connected:
            self._opening = asyncio.create_task(self._open())

    def _lost(self) -> None:
        if self._opening is not None:
            self._opening.cancel()

    async def _open(self) -> None:
        """Say it until the sender has answered. A silent one may have nothing to send, and may not have heard it."""
        pause_s = OPEN_AGAIN_S
        with contextlib.suppress(TryLater):  # the link is lost again; the next one opens anew
            await self._acknowledge(self._receiver.opening)
            while True:
                await asyncio.sleep(pause_s)
                if self._receiver.is_open:
                    return
                await self._acknowledge(self._receiver.opening)
                pause_s = min(2 * pause_s, OPEN_AGAIN_S_MAX)

    async def _acknowledge(self, call: Callable[[], Ack]) -> None:
        await self._link.publish(ack_of(self._topic), await self._call(call))
