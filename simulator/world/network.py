"""The simulated network: MQTT brokers, and the ways that machines have to them.

What matters of MQTT is kept: retained messages and last wills, subscriptions with wildcards, a client that takes its
own older connection over, a connection whose end each side learns of in its own time. So is what matters of a cheap
router: a way may be shut in one direction or both, be slow, lose what it carries, bring it twice or in another order.
What is retained is neither lost nor reordered: the broker hands it out anew to whoever comes back, so that a real one
loses it with the connection alone.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from simulator.world.loop import VirtualLoop

KEEPALIVE_S = 15.0
"""As the units' default has it."""

PUBLISH_S = 10.0
"""How long a client waits for the broker to take a message."""

LATE_S = 20.0
"""How much later a message comes that is overtaken, at most."""


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to messages on a way, as probabilities, and how much longer they take."""

    lose: float = 0.0
    twice: float = 0.0
    overtaken: float = 0.0
    slow_s: float = 0.0


FAIR = Weather()


@dataclass(frozen=True, slots=True)
class Message:
    topic: str
    payload: bytes
    retained: bool = False
    reply_topic: str | None = None
    correlation: bytes = b""


class Client(Protocol):
    """The unit's end of a connection."""

    client_id: str
    context: Any

    def wants(self, topic: str) -> bool: ...
    def came(self, connection: "Connection", message: Message) -> None: ...
    def lost(self, connection: "Connection") -> None: ...


class Way:
    """One machine's way to one broker, up to it and down from it."""

    def __init__(
        self, loop: VirtualLoop, dice: random.Random, base_s: float, counts: Counter[str] | None = None
    ) -> None:
        """`base_s` is how long a message takes on it at least; `counts` gets what the weather does to messages."""
        self.loop = loop
        self.dice = dice
        self.weather = FAIR
        self._counts = Counter[str]() if counts is None else counts
        self.connections: dict[Connection, None] = {}
        self._base_s = base_s
        self._shut_up = self._shut_down = 0
        self._shuttings = 0

    @property
    def up_open(self) -> bool:
        return self._shut_up == 0

    @property
    def down_open(self) -> bool:
        return self._shut_down == 0

    def takes_s(self) -> float:
        """How long the next message is on its way."""
        slow_s = self.weather.slow_s * self.dice.random() if self.weather.slow_s else 0.0
        return self._base_s * (1 + self.dice.random()) + slow_s

    def brings(self, direction: str, late: Callable[[], None], context: Context | None = None) -> bool:
        """Whether a message comes in its turn; where it comes again, or later than others, `late` brings it."""
        weather = self.weather
        if weather is FAIR:
            return True
        self._counts[f"messages slowed {direction}"] += weather.slow_s > 0
        if self.dice.random() < weather.lose:
            self._counts[f"messages lost {direction}"] += 1
            return False
        if self.dice.random() < weather.twice:
            self._counts[f"messages doubled {direction}"] += 1
            self.loop.call_later(self.takes_s() + LATE_S * self.dice.random(), late, context=context)
        if self.dice.random() < weather.overtaken:
            self._counts[f"messages overtaken {direction}"] += 1
            self.loop.call_later(self.takes_s() + LATE_S * self.dice.random(), late, context=context)
            return False
        return True

    def shut(self, *, up: bool, down: bool) -> None:
        """Nothing gets through from now on. The ends of a connection find out by their keepalive."""
        self._shut_up, self._shut_down = self._shut_up + up, self._shut_down + down
        self._shuttings += 1
        for connection in list(self.connections):
            self.loop.call_later(KEEPALIVE_S * (1 + self.dice.random()), self._client_notices, connection)
            if up:
                self.loop.call_later(KEEPALIVE_S * (0.5 + self.dice.random()), self._broker_notices, connection)

    def reopen(self, *, up: bool, down: bool) -> None:
        """As before `shut`; what was on its way and still has its connection arrives."""
        self._shut_up, self._shut_down = self._shut_up - up, self._shut_down - down
        for connection in list(self.connections):
            connection.way_is_open()

    def _client_notices(self, connection: "Connection") -> None:
        if not (self.up_open and self.down_open):
            connection.end_at_client()

    def _broker_notices(self, connection: "Connection") -> None:
        if not self.up_open:
            connection.end_at_broker()


A_MINUTE_MAX = 10_000
"""Messages that a broker carries in a minute: many times what a lot ever says. Units that send more answer each other
without end: then it carries nothing ever after, for the run has failed and need not take for ever."""


class Broker:
    """One MQTT broker."""

    def __init__(
        self,
        loop: VirtualLoop,
        name: str,
        trace: Callable[[str, bytes], None],
        flooded: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`trace` is told of every message that comes in, `flooded` of this broker once it is sent more than it
        carries."""
        self.loop = loop
        self._flooded = flooded
        self._minute = self._messages = 0
        self.name = name
        self.up = True
        self._trace = trace
        self._retained: dict[str, bytes] = {}
        self._clients: dict[str, Connection] = {}
        self._routes: dict[str, list[Connection]] = {}

    def accept(self, connection: "Connection") -> None:
        """A client has come; its own older connection ends, and it is told what is retained."""
        older = self._clients.get(connection.client.client_id)
        if older is not None:
            older.end_at_broker()
        self._clients[connection.client.client_id] = connection
        self._routes.clear()
        for topic, payload in self._retained.items():
            if connection.client.wants(topic):
                connection.send(Message(topic, payload, retained=True))

    def left(self, connection: "Connection") -> None:
        if self._clients.get(connection.client.client_id) is connection:
            del self._clients[connection.client.client_id]
        self._routes.clear()

    def publish(self, message: Message) -> None:
        """Hand a message on to everybody who wants it, unless there were more than `A_MINUTE_MAX` once."""
        self._trace(message.topic, message.payload)
        if self._is_flooded():
            return
        if message.retained:
            self._retained[message.topic] = message.payload
        routes = self._routes.get(message.topic)
        if routes is None:
            routes = [one for one in self._clients.values() if one.client.wants(message.topic)]
            self._routes[message.topic] = routes
        for connection in routes:
            connection.send(message)

    def _is_flooded(self) -> bool:
        if self._messages > A_MINUTE_MAX:
            return True
        minute = self.loop.now_ms // 60_000
        if minute > self._minute:
            self._minute, self._messages = minute, 0
        self._messages += 1
        if self._messages > A_MINUTE_MAX:
            self._flooded(self.name)
        return self._messages > A_MINUTE_MAX

    def stop(self, *, silently: bool) -> None:
        """The broker is gone with all that it kept; `silently`: its machine is, and nobody is told."""
        self.up = False
        self._retained.clear()
        for connection in list(self._clients.values()):
            connection.end_at_broker(will=False, silently=silently)

    def start(self) -> None:
        self.up = True


@dataclass(eq=False, slots=True)
class Connection:
    """A client's connection to a broker. Each end of it may be gone while the other believes in it."""

    broker: Broker
    way: Way
    client: Client
    will: Message | None
    at_client: bool = True
    at_broker: bool = False
    _up_at: float = 0.0
    _down_at: float = 0.0
    _untaken: dict["asyncio.Future[None]", None] = field(default_factory=dict)
    _held_up: list[tuple[Message, "asyncio.Future[None]"]] = field(default_factory=list)
    _held_down: list[Message] = field(default_factory=list)

    def opened(self) -> None:
        """The broker has accepted it."""
        self.at_broker = True
        self.way.connections[self] = None
        self.broker.accept(self)

    def publish(self, message: Message) -> "asyncio.Future[None]":
        """From the client to the broker; done once the client knows that the broker has it, and a TimeoutError or a
        ConnectionError where it does not come to know."""
        taken: asyncio.Future[None] = self.way.loop.create_future()
        self._untaken[taken] = None
        if not (self.way.up_open and self.way.down_open and self.at_broker):
            self.way.loop.call_later(PUBLISH_S, self._fail, taken, TimeoutError())
        self._go_up(message, taken)
        return taken

    def _go_up(self, message: Message, taken: "asyncio.Future[None]") -> None:
        if not self.way.up_open:
            self._held_up.append((message, taken))
            return
        self._up_at = max(self._up_at, self.way.loop.time() + self.way.takes_s())
        self.way.loop.call_at(self._up_at, self._arrived, message, taken)

    def _arrived(self, message: Message, taken: "asyncio.Future[None]") -> None:
        if not self.at_broker:
            return
        if not self.way.up_open:
            self._held_up.append((message, taken))
            return
        hand_on = partial(self.broker.publish, message)  # what the broker has taken it may lose, as from its queue
        if message.retained or self.way.brings("up", hand_on):
            hand_on()
        if self.way.down_open:
            self.way.loop.call_later(self.way.takes_s(), self._taken, taken)
        else:
            self.way.loop.call_later(PUBLISH_S, self._fail, taken, TimeoutError())

    def _taken(self, taken: "asyncio.Future[None]") -> None:
        if self._untaken.pop(taken, taken) is None and not taken.done():
            taken.set_result(None)

    def _fail(self, taken: "asyncio.Future[None]", why: Exception) -> None:
        if self._untaken.pop(taken, taken) is None and not taken.done():
            taken.set_exception(why)

    def send(self, message: Message) -> None:
        """From the broker to the client."""
        way, loop, context = self.way, self.way.loop, self.client.context
        if not way.down_open:
            self._held_down.append(message)
            return
        if not (message.retained or way.brings("down", partial(self._delivered, message), context)):
            return
        self._down_at = max(self._down_at, loop.time() + way.takes_s())
        loop.call_at(self._down_at, self._delivered, message, context=context)

    def _delivered(self, message: Message) -> None:
        if not (self.at_client and self.at_broker):
            return
        if not self.way.down_open:
            self._held_down.append(message)
            return
        self.client.came(self, message)

    def way_is_open(self) -> None:
        """What TCP has kept goes on; an end whose other end is gone is told so."""
        if self.at_client and not self.at_broker:
            self.way.loop.call_later(self.way.takes_s(), self.end_at_client)
            return
        if self.at_broker and not self.at_client:
            self.way.loop.call_later(self.way.takes_s(), self.end_at_broker)
            return
        if self.way.up_open:
            held_up, self._held_up = self._held_up, []
            for message, taken in held_up:
                self._go_up(message, taken)
        if self.way.down_open:
            held_down, self._held_down = self._held_down, []
            for message in held_down:
                self.send(message)

    def end_at_client(self) -> None:
        """The client's end is gone; the broker learns of it where the way is open."""
        if not self.at_client:
            return
        self.at_client = False
        for taken in list(self._untaken):
            self._fail(taken, ConnectionError())
        self.client.lost(self)
        if self.at_broker and self.way.up_open:
            self.way.loop.call_later(self.way.takes_s(), self.end_at_broker)
        self._forget()

    def vanish(self) -> None:
        """The client's machine is off: nobody tells the broker, which finds out by itself."""
        self.at_client = False
        self.way.loop.call_later(KEEPALIVE_S * (0.5 + self.way.dice.random()), self.end_at_broker)

    def end_at_broker(self, *, will: bool = True, silently: bool = False) -> None:
        """The broker's end is gone, and the client's will is published; `silently`: the client is not told."""
        if not self.at_broker:
            return
        self.at_broker = False
        self.broker.left(self)
        if will and self.will is not None and self.broker.up:
            self.broker.publish(self.will)
        if self.at_client and self.way.up_open and self.way.down_open:
            soon_s = KEEPALIVE_S * (1 + self.way.dice.random()) if silently else self.way.takes_s()
            self.way.loop.call_later(soon_s, self.end_at_client)
        self._forget()

    def _forget(self) -> None:
        if not self.at_client and not self.at_broker:
            self.way.connections.pop(self, None)
