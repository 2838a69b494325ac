"""One unit's connection to one MQTT 5 broker. It comes back by itself, and it is never more than a carrier.

Losing a message here loses nothing: facts are sent again until acknowledged (`log.py`), and a request is repeated by
who wants its answer. Nagle's algorithm is off on both ends; with it a request takes 40 ms longer.
"""

import asyncio
import contextlib
import itertools
import logging
import math
import socket
from collections.abc import Callable
from typing import Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cloud_sync.link.carrier import Handler, Server, Will
from cloud_sync.link.client import Client
from cloud_sync.link.settings import Broker
from cloud_sync.link.v1.messages import Reply
from cloud_sync.link.v1.wire import Envelope
from domain.errors import GatehouseError, TryLater

log = logging.getLogger(__name__)

QOS = 1
"""Of facts, acknowledgements and status. Requests and answers have 0: what confirms a request is its answer."""
RECONNECT_S_MIN, RECONNECT_S_MAX = 0.1, 5.0
HOLDS_S = 10.0
"""After so long a connection holds, and the next pause is the shortest again: two clients of one name, which put each
other off the broker, do so more and more slowly, and not as quickly as they can."""
PUBLISH_TIMEOUT_S = 10.0
LEAVE_S = 1.0
REQUESTS_MAX = 256
"""Requests answered, or waiting for their answer, at once; more are told to try later."""
RECEIVED_MAX = 2_000
"""Messages received and not yet handled; what comes on top is dropped, and sent again by its sender."""
REFUSED = frozenset({"Not authorized", "Bad user name or password"})
"""What brokers say to whom they do not know."""


class Link:
    """The `Carrier` over MQTT. Say what to subscribe to and to serve, then `run` it."""

    def __init__(self, broker: Broker, client_id: str, will: Will | None = None, replies: str | None = None) -> None:
        """`client_id` is this unit's own and carries its epoch; `replies` is where answers to its requests come."""
        self._broker = broker
        self._client_id = client_id
        self._will = will
        self._replies = replies
        self._client: Client | None = None
        self._handlers: dict[str, Handler] = {}
        self._received: dict[str, asyncio.Queue[tuple[str, bytes]]] = {}
        self._servers: dict[str, Server] = {}
        self._when_connected: list[Callable[[], None]] = []
        self._when_lost: list[Callable[[], None]] = []
        self._asked: dict[bytes, asyncio.Future[Reply]] = {}
        self._numbers = itertools.count(1)
        self._answering: set[asyncio.Task[None]] = set()
        self._reading: asyncio.Task[None] | None = None
        self._renamed = self._left = False

    @property
    def connected(self) -> bool:
        return self._client is not None

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
        self._client_id, self._will = client_id, will
        if self._reading is not None and not self._reading.done():
            self._renamed = True
            self._reading.cancel()

    def leave(self) -> None:
        self._left = True
        self.rename(self._client_id)

    async def publish(self, topic: str, message: Envelope, *, retain: bool = False) -> None:
        await self._publish(topic, message, retain=retain)

    async def request(self, topic: str, message: Envelope, reply_topic: str, timeout_s: float) -> Reply:
        if len(self._asked) >= REQUESTS_MAX:
            raise TryLater("link_busy", "too many requests are waiting for an answer")
        correlation = f"{self._replies}:{next(self._numbers)}".encode()  # not the client id: a twin's may be the same
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = reply_topic
        properties.CorrelationData = correlation
        properties.MessageExpiryInterval = math.ceil(timeout_s)
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._asked[correlation] = answer
        try:
            async with asyncio.timeout(timeout_s):
                await self._publish(topic, message, properties=properties)
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

    async def _stay_connected(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s, told = RECONNECT_S_MIN, False
        while not self._left:
            up_s = math.inf
            try:
                async with self._connection() as client:
                    _heed_cancellation()
                    await self._subscribe_all(client)
                    self._client, told, up_s = client, False, loop.time()
                    await self._greet()
                    log.info("link.up", extra=self._at)
                    for call in self._when_connected:
                        call()
                    client.hand_on(self._dispatch)
                    await self._read(client)
            except (aiomqtt.MqttError, TryLater) as error:
                if not told:
                    log.warning("link.down", extra={**self._at, "why": self._why(error)})
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

    async def _read(self, client: Client) -> None:
        """Hand messages on, until the connection is lost, or to be made under another name."""
        if self._left:
            return
        self._reading = asyncio.create_task(client.until_lost())
        try:
            await asyncio.wait((self._reading,))  # which a rename cancels; whoever cancels us is heard all the same
        except asyncio.CancelledError:
            self._reading.cancel()
            client.hand_on(lambda _message: None)  # nobody is to be told by an echo of our leave that we are here
            await self._take_leave()
            raise
        if not self._reading.cancelled():
            self._reading.result()

    @property
    def _at(self) -> dict[str, Any]:
        return {"client": self._client_id, "host": self._broker.host, "port": self._broker.port}

    def _why(self, error: Exception) -> str:
        if not isinstance(error, aiomqtt.MqttCodeError) or _name_of(error.rc) not in REFUSED:
            return str(error)
        username = self._broker.username
        who = "who gives no name" if username is None else f"the user {username}"
        return f"{error}: the broker does not let in {who}; check username and password"

    def _connection(self) -> Client:
        will = aiomqtt.Will(self._will.topic, self._will.message.encode(), QOS, True) if self._will else None
        client = Client(
            self._broker.host,
            self._broker.port,
            username=self._broker.username,
            password=self._broker.password.read() if self._broker.password else None,
            identifier=self._client_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            will=will,
            keepalive=self._broker.keepalive_s,
            timeout=PUBLISH_TIMEOUT_S,
            max_queued_incoming_messages=RECEIVED_MAX,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        client.pending_calls_threshold = REQUESTS_MAX  # it would warn of ten, which is ordinary here
        return client

    async def _subscribe_all(self, client: Client) -> None:
        topics = [*self._handlers, *self._servers, *([self._replies] if self._replies else [])]
        for topic in topics:
            for granted in await client.while_connected(client.subscribe(topic, qos=QOS)):
                if isinstance(granted, ReasonCode) and granted.is_failure:
                    who = {"client": self._client_id, "topic": topic}
                    log.error("link.subscribe_denied", extra={**who, "why": str(granted)})

    async def _greet(self) -> None:
        if self._will and self._will.greeting:
            await self._publish(self._will.topic, self._will.greeting(), retain=True)

    async def _take_leave(self) -> None:
        """Say the last will ourselves: a broker that sees a clean end of the connection does not."""
        if self._will:
            with contextlib.suppress(TryLater, TimeoutError):
                async with asyncio.timeout(LEAVE_S):
                    await self._publish(self._will.topic, self._will.message, retain=True)

    def _lost(self) -> None:
        if self._client is None:
            return
        self._client = None
        for call in self._when_lost:
            call()

    async def _publish(
        self, topic: str, message: Envelope, *, retain: bool = False, properties: Properties | None = None
    ) -> None:
        """With the `properties` of a request or an answer it is only put on its way, else the broker has it then."""
        if self._client is None:
            raise TryLater("link_down", f"the broker at {self._broker.host}:{self._broker.port} is not reachable")
        client = self._client
        try:
            if properties is None:
                await client.while_connected(client.publish(topic, message.encode(), qos=QOS, retain=retain))
            else:
                client.send(topic, message.encode(), properties)
        except aiomqtt.MqttError as error:
            raise TryLater("link_down", f"{topic}: {error}") from error

    def _dispatch(self, message: aiomqtt.Message) -> None:
        topic, payload = str(message.topic), bytes(message.payload or b"")
        if self._replies and message.topic.matches(self._replies):
            self._take_answer(message, payload)
            return
        for topics, server in self._servers.items():
            if message.topic.matches(topics):
                self._answer_later(server, topic, payload, message.properties)
                return
        for topics, received in self._received.items():
            if message.topic.matches(topics):
                with contextlib.suppress(asyncio.QueueFull):  # its sender repeats it
                    received.put_nowait((topic, payload))
                return

    async def _handle(self, topics: str) -> None:
        while True:
            topic, payload = await self._received[topics].get()
            try:
                await self._handlers[topics](topic, payload)
            except GatehouseError as error:
                log.error("link.dropped", extra={"topic": topic, "code": error.code, "why": error.message})
            except Exception:  # a bug in one handler must not cut this unit off from all others
                log.exception("link.handler_failed", extra={"topic": topic})

    def _take_answer(self, message: aiomqtt.Message, payload: bytes) -> None:
        waiting = self._asked.get(getattr(message.properties, "CorrelationData", b""))
        if waiting is None or waiting.done():
            return  # it comes too late: who asked has gone on, and asks again if need be
        try:
            waiting.set_result(Reply.decode(payload))
        except GatehouseError as error:
            waiting.set_exception(error)

    def _answer_later(self, server: Server, topic: str, payload: bytes, asked: Properties | None) -> None:
        if len(self._answering) >= REQUESTS_MAX:
            return  # who asked runs into its timeout and tries again
        task = asyncio.create_task(self._answer(server, topic, payload, asked))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, server: Server, topic: str, payload: bytes, asked: Properties | None) -> None:
        try:
            reply = await server(topic, payload)
        except GatehouseError as error:
            final = not isinstance(error, TryLater)
            reply = Reply(ok=False, code=error.code, message=error.message, final=final)
        except Exception:
            log.exception("link.server_failed", extra={"topic": topic})
            reply = Reply(ok=False, code="internal_error", message="a bug in the unit that was asked", final=False)
        reply_topic = getattr(asked, "ResponseTopic", None)
        if reply_topic is None:
            return
        properties = Properties(PacketTypes.PUBLISH)
        properties.CorrelationData = getattr(asked, "CorrelationData", b"")
        with contextlib.suppress(TryLater):  # the answer is lost like any other; who asked asks again
            await self._publish(reply_topic, reply, properties=properties)


def _name_of(code: ReasonCode | int | None) -> str:
    return code.getName() if isinstance(code, ReasonCode) else ""


def _heed_cancellation() -> None:
    """Before Python 3.12 `wait_for`, by which aiomqtt connects, forgets one that meets the end of what it waits for."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
