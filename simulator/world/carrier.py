"""The `Carrier` that units are given in a simulated world: `cloud_sync.link.mqtt.Link`'s promises on `network.py`."""

import asyncio
import itertools
import logging
import math
from collections.abc import Callable

from cloud_sync.link.carrier import Handler, Server, Will
from cloud_sync.link.mqtt import HOLDS_S, RECEIVED_MAX, RECONNECT_S_MAX, RECONNECT_S_MIN, REQUESTS_MAX
from cloud_sync.link.v1.messages import Reply
from cloud_sync.link.v1.wire import Envelope
from domain.errors import GatehouseError, TryLater
from simulator.world.network import PUBLISH_S, Broker, Connection, Message, Way
from simulator.world.process import Place, Process

log = logging.getLogger(__name__)

Arrived = tuple[str, bytes]


class SimulatedCarrier:
    """One process's connection to one broker."""

    def __init__(
        self,
        process: Process,
        broker: Broker,
        way: Way,
        client_id: str,
        will: Will | None = None,
        replies: str | None = None,
    ) -> None:
        self.client_id = client_id
        self.context = process.context
        self._process = process
        self._broker = broker
        self._way = way
        self._will = will
        self._replies = replies
        self._connection: Connection | None = None
        self._renamed = self._left = False
        self._open = False  # greeted, and handing out what comes
        self._early: list[Message] = []
        self._handlers: dict[str, Handler] = {}
        self._received: dict[str, asyncio.Queue[Arrived]] = {}
        self._servers: dict[str, Server] = {}
        self._when_connected: list[Callable[[], None]] = []
        self._when_lost: list[Callable[[], None]] = []
        self._asked: dict[bytes, asyncio.Future[Reply]] = {}
        self._numbers = itertools.count(1)
        self._answering: set[asyncio.Task[None]] = set()
        self._filters: dict[str, str | None] = {}  # which of ours takes a topic, once it was looked up

    @property
    def connected(self) -> bool:
        return self._connection is not None

    def when_connected(self, call: Callable[[], None]) -> None:
        self._when_connected.append(call)

    def when_lost(self, call: Callable[[], None]) -> None:
        self._when_lost.append(call)

    def subscribe(self, topics: str, handler: Handler) -> None:
        self._handlers[topics] = handler
        self._received.setdefault(topics, asyncio.Queue(RECEIVED_MAX))

    def serve(self, topics: str, server: Server) -> None:
        self._servers[topics] = server

    def rename(self, client_id: str, will: Will | None = None) -> None:
        self.client_id, self._will = client_id, will
        if self._connection is not None:
            self._renamed = True
            self._connection.will = None  # it takes its leave properly
            self._ended.set()

    def leave(self) -> None:
        self._left = True
        self.rename(self.client_id)

    async def publish(self, topic: str, message: Envelope, *, retain: bool = False) -> None:
        if topic.endswith("/ack"):
            self._process.passes(Place.BEFORE_ACKNOWLEDGE)
        await self._publish(Message(topic, message.encode(), retain))

    async def request(self, topic: str, message: Envelope, reply_topic: str, timeout_s: float) -> Reply:
        if len(self._asked) >= REQUESTS_MAX:
            raise TryLater("link_busy", "too many requests are waiting for an answer")
        correlation = f"{self._replies}:{next(self._numbers)}".encode()
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._asked[correlation] = answer
        try:
            async with asyncio.timeout(timeout_s):
                await self._publish(Message(topic, message.encode(), False, reply_topic, correlation))
                return await answer
        except TimeoutError:
            raise TryLater("no_answer", f"no answer on {topic} within {timeout_s:g} s") from None
        finally:
            del self._asked[correlation]

    async def run(self) -> None:
        handling = [asyncio.create_task(self._handle(topics)) for topics in self._handlers]
        try:
            await self._stay_connected()
        finally:
            for task in handling:
                task.cancel()

    def wants(self, topic: str) -> bool:
        """For the broker: whether something that this client has subscribed to matches."""
        if topic not in self._filters:
            ours = [*([self._replies] if self._replies else []), *self._servers, *self._handlers]
            self._filters[topic] = next((one for one in ours if _matches(one, topic)), None)
        return self._filters[topic] is not None

    def came(self, connection: Connection, message: Message) -> None:
        """From the broker."""
        if connection is not self._connection or not self._process.alive:
            return
        if not self._open:
            self._early.append(message)
            return
        self._dispatch(message)

    def lost(self, connection: Connection) -> None:
        """The network has ended the connection."""
        if connection is self._connection:
            self._ended.set()

    def cut(self, *, silently: bool) -> None:
        """The process is dead; `silently`: its machine is off, and no broker is told."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.vanish() if silently else connection.end_at_client()

    async def _stay_connected(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s, told = RECONNECT_S_MIN, False
        while not self._left:
            up_s = math.inf
            self._ended = asyncio.Event()
            try:
                self._connection = await self._connect()
                if self._left:
                    self._ended.set()
                up_s, told = loop.time(), False
                await self._greet()
                self._began()
                await self._ended.wait()
            except TryLater as error:
                if not told:
                    log.warning("link.down", extra={"client": self.client_id, "why": str(error)})
                told = True
            finally:
                self._lost()
            if self._renamed:
                self._renamed = False
                continue
            if loop.time() - up_s >= HOLDS_S:
                pause_s = RECONNECT_S_MIN
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, RECONNECT_S_MAX)

    async def _connect(self) -> Connection:
        way = self._way
        if not (way.up_open and way.down_open):
            await asyncio.sleep(PUBLISH_S)
            raise TryLater("link_down", "the broker does not answer")
        await asyncio.sleep(way.takes_s() + way.takes_s())
        if not self._broker.up or not (way.up_open and way.down_open):
            raise TryLater("link_down", "the broker is not there")
        will = Message(self._will.topic, self._will.message.encode(), retained=True) if self._will else None
        connection = Connection(self._broker, way, self, will)
        self._connection = connection
        connection.opened()
        return connection

    async def _greet(self) -> None:
        if self._will and self._will.greeting:
            await self._publish(Message(self._will.topic, self._will.greeting().encode(), retained=True))

    def _began(self) -> None:
        log.info("link.up", extra={"client": self.client_id})
        for call in self._when_connected:
            call()
        self._open = True
        early, self._early = self._early, []
        for message in early:
            self._dispatch(message)

    def _lost(self) -> None:
        """Also where the unit is stopped: the broker then says its will."""
        self._open = False
        self._early.clear()
        if self._connection is None:
            return
        connection, self._connection = self._connection, None
        connection.end_at_client()
        for call in self._when_lost:
            call()

    async def _publish(self, message: Message) -> None:
        self._process.passes(Place.BEFORE_PUBLISH)
        if self._connection is None:
            raise TryLater("link_down", f"the broker {self._broker.name} is not reachable")
        try:
            await self._connection.publish(message)
        except (TimeoutError, ConnectionError):
            raise TryLater("link_down", f"{message.topic}: the broker {self._broker.name} does not answer") from None
        self._process.passes(Place.AFTER_PUBLISH)

    def _dispatch(self, message: Message) -> None:
        topics = self._filters[message.topic] if self.wants(message.topic) else None
        if topics is None:
            return
        if topics == self._replies:
            self._take_answer(message)
        elif topics in self._servers:
            self._answer_later(self._servers[topics], message)
        elif not self._received[topics].full():
            self._received[topics].put_nowait((message.topic, message.payload))

    async def _handle(self, topics: str) -> None:
        received, handler = self._received[topics], self._handlers[topics]
        while True:
            topic, payload = await received.get()
            try:
                await handler(topic, payload)
            except GatehouseError as error:
                log.error("link.dropped", extra={"topic": topic, "code": error.code, "why": error.message})
            except Exception:  # as the real link: a bug in one handler cuts nobody off
                log.exception("link.handler_failed", extra={"topic": topic})

    def _take_answer(self, message: Message) -> None:
        waiting = self._asked.get(message.correlation)
        if waiting is None or waiting.done():
            return
        try:
            waiting.set_result(Reply.decode(message.payload))
        except GatehouseError as error:
            waiting.set_exception(error)

    def _answer_later(self, server: Server, message: Message) -> None:
        if len(self._answering) >= REQUESTS_MAX:
            return
        task = asyncio.create_task(self._answer(server, message))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, server: Server, message: Message) -> None:
        try:
            reply = await server(message.topic, message.payload)
        except GatehouseError as error:
            final = not isinstance(error, TryLater)
            reply = Reply(ok=False, code=error.code, message=error.message, final=final)
        except Exception:
            log.exception("link.server_failed", extra={"topic": message.topic})
            reply = Reply(ok=False, code="internal_error", message="a bug in the unit that was asked", final=False)
        if message.reply_topic is None:
            return
        self._process.passes(Place.BEFORE_ANSWER)
        try:
            await self._publish(Message(message.reply_topic, reply.encode(), False, None, message.correlation))
        except TryLater:
            return  # the answer is lost like any other; who asked asks again


def _matches(topics: str, topic: str) -> bool:
    """Whether a subscription, in which `+` stands for one level, takes a topic."""
    if "+" not in topics:
        return topics == topic
    ours, its = topics.split("/"), topic.split("/")
    return len(ours) == len(its) and all(one in ("+", other) for one, other in zip(ours, its, strict=True))
