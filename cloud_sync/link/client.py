"""aiomqtt's client with short cuts, for a hub that is asked thousands of times a second.

aiomqtt hands messages on through a queue and two tasks each, and waits for the broker to confirm what it publishes,
through two tasks more. Here a message is handed on in the turn of the event loop that has read it, and what needs no
confirmation is only put on its way.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

import aiomqtt
from paho.mqtt.client import Client as Paho
from paho.mqtt.client import MQTTMessage
from paho.mqtt.properties import Properties

T = TypeVar("T")
Take = Callable[[aiomqtt.Message], None]


class Client(aiomqtt.Client):
    """One connection to a broker."""

    _take: Take | None = None

    async def __aenter__(self) -> Self:
        """Connect, for the first and only time. A connection that ends with the broker's greeting has ended: aiomqtt
        forgets that, and would wait for its end for ever. What is wrong with an address is an MqttError, too."""
        disconnected = self._disconnected
        try:
            await super().__aenter__()
        except ValueError as error:  # UnicodeError among them: a name that no resolver is asked for
            raise aiomqtt.MqttError(f"no address of a broker: {error}") from error
        if disconnected.done():
            self._disconnected = disconnected
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect. What goes wrong with that is of no account: it must not take the place of a cancellation."""
        try:
            with suppress(aiomqtt.MqttError):
                await super().__aexit__(kind, error, trace)
        finally:
            if self._disconnected.done() and not self._disconnected.cancelled():
                self._disconnected.exception()  # else asyncio would log that nobody has looked at it

    def hand_on(self, take: Take) -> None:
        """Give `take` what has come so far, and from now on each message as it is read."""
        while not self._queue.empty():
            take(self._queue.get_nowait())
        self._take = take

    async def until_lost(self) -> None:
        """Wait for the end of the connection, which is an MqttError."""
        await asyncio.wait((self._disconnected,))
        raise aiomqtt.MqttError("the connection was lost") from self._disconnected.exception()

    async def while_connected(self, call: Coroutine[Any, Any, T]) -> T:
        """The outcome of a call to the broker; aiomqtt alone waits out its timeout where the connection is lost."""
        calling = asyncio.create_task(call)
        try:
            await asyncio.wait((calling, self._disconnected), return_when=asyncio.FIRST_COMPLETED)
            if not calling.done():
                raise aiomqtt.MqttError("the connection was lost")
            return calling.result()
        finally:
            calling.cancel()

    def send(self, topic: str, payload: bytes, properties: Properties) -> None:
        """Put a message on its way with QoS 0, whatever becomes of it. Raises MqttError without a connection."""
        sent = self._client.publish(topic, payload, qos=0, properties=properties)
        if sent.rc != 0:
            raise aiomqtt.MqttCodeError(sent.rc, "could not send")

    def _on_message(self, client: Paho, userdata: Any, message: MQTTMessage) -> None:
        if self._take is None:
            super()._on_message(client, userdata, message)
        else:
            self._take(aiomqtt.Message._from_paho_message(message))
