"""What carries messages between units, as the units see it: MQTT (`mqtt.py`), or a simulated network in its place."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from cloud_sync.link.settings import Broker
from cloud_sync.link.v1.messages import Reply
from cloud_sync.link.v1.wire import Envelope

Handler = Callable[[str, bytes], Awaitable[None]]
Server = Callable[[str, bytes], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Will:
    """What is said of this unit on `topic`, retained: `greeting` while it is connected, `message` once it is not."""

    topic: str
    message: Envelope
    greeting: Callable[[], Envelope] | None = None


class Carrier(Protocol):
    """One unit's connection to one broker. It comes back by itself; any message may be lost, or come twice."""

    @property
    def connected(self) -> bool: ...

    def when_connected(self, call: Callable[[], None]) -> None: ...

    def when_lost(self, call: Callable[[], None]) -> None: ...

    def subscribe(self, topics: str, handler: Handler) -> None:
        """Hand each message on `topics` to `handler`, one after the other and in order.

        Other topics, and answers to requests, do not wait for it. Whatever it raises is logged and the message
        dropped: its sender sends again what is not acknowledged.
        """

    def serve(self, topics: str, server: Server) -> None:
        """Answer requests on `topics`, several at once. A GatehouseError becomes a refusal with its code.

        Anything else is a bug of ours: it is logged, and answered as one, with `final` false.
        """

    def rename(self, client_id: str, will: Will | None = None) -> None:
        """Be `client_id` from now on, with this last will: connects anew."""

    def leave(self) -> None:
        """Be connected no more, without a last will: another one speaks for this unit."""

    async def publish(self, topic: str, message: Envelope, *, retain: bool = False) -> None:
        """Returns when the broker has it. Raises TryLater where the link is down; nothing is queued then."""

    async def request(self, topic: str, message: Envelope, reply_topic: str, timeout_s: float) -> Reply:
        """The answer to a request. Raises TryLater where none comes in time: it may have been carried out or not."""

    async def run(self) -> None:
        """Stay connected, with a bounded pause between tries, until cancelled."""


class Connect(Protocol):
    """Makes a carrier. `client_id` is the unit's own and carries its epoch; `replies` is where answers come."""

    def __call__(
        self, broker: Broker, client_id: str, will: Will | None = None, replies: str | None = None
    ) -> Carrier: ...
