"""The link against a real Mosquitto with the configuration and the access rules that we deploy."""

import asyncio
import functools
import itertools
import logging
from collections.abc import Awaitable
from typing import Any

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from cloud_sync.link import mqtt, topics
from cloud_sync.link.carrier import Will
from cloud_sync.link.mqtt import REQUESTS_MAX, Link
from cloud_sync.link.settings import Broker
from cloud_sync.link.v1.messages import Facts, ReleaseRequest, Reply, UnitStatus
from domain.errors import NotFound, OperatorError, PeerError, TryLater
from tests.parts import ENTRY, EXIT, LOT, NOON, PATIENCE_S, BrokerSite, connection_of, linked, running, soon

REPLIES = topics.lot_replies(LOT, "central-1")
RELEASE = topics.lot_requests(LOT, "release")


def status(unit: str, online: bool, boot: str = "b1") -> UnitStatus:
    return UnitStatus(unit=unit, online=online, epoch=1, boot=boot, at=NOON)


def asking(broker: BrokerSite) -> Link:
    return Link(broker.seen_by("central"), "central-1", replies=topics.lot_replies("+", "central-1"))


async def release(link: Link, reservation_id: str, timeout_s: float = 10) -> Reply:
    return await link.request(RELEASE, ReleaseRequest(reservation_id=reservation_id), REPLIES, timeout_s)


class Heard:
    """What a link was told, to be waited for."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    async def __call__(self, topic: str, payload: bytes) -> None:
        self.messages.put_nowait((topic, payload))

    async def status(self) -> UnitStatus:
        return UnitStatus.decode((await soon(self.messages.get()))[1])


async def test_each_request_gets_its_own_answer_whatever_the_order(central_broker: BrokerSite) -> None:
    hub, central = Link(central_broker.seen_by(LOT), "riverside@1"), asking(central_broker)
    asked: dict[str, asyncio.Event] = {name: asyncio.Event() for name in "ABC"}

    async def serve(topic: str, payload: bytes) -> Reply:
        name = ReleaseRequest.decode(payload).reservation_id
        asked[name].set()
        if name == "A":  # answered last of all
            await asked["B"].wait()
            await asked["C"].wait()
        return Reply(ok=True, result={"topic": topic, "name": name})

    hub.serve(topics.lot_requests(LOT, "+"), serve)
    async with linked(hub, central):
        replies = await soon(asyncio.gather(*(release(central, name) for name in "ABC")))
    assert [reply.result for reply in replies] == [{"topic": RELEASE, "name": name} for name in "ABC"]


@pytest.mark.parametrize(
    ("error", "code", "final"),
    [
        (NotFound("no_such_reservation", "there is none"), "no_such_reservation", True),
        (PeerError("message_invalid", "field missing"), "message_invalid", True),
        (TryLater("store_busy", "later"), "store_busy", False),
        (RuntimeError("a bug"), "internal_error", False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_an_error_becomes_a_refusal_and_the_link_lives_on(
    central_broker: BrokerSite, error: Exception, code: str, final: bool
) -> None:
    hub, central = Link(central_broker.seen_by(LOT), "riverside@1"), asking(central_broker)

    async def serve(_topic: str, payload: bytes) -> Reply:
        if ReleaseRequest.decode(payload).reservation_id == "bad":
            raise error
        return Reply(ok=True)

    hub.serve(topics.lot_requests(LOT, "+"), serve)
    async with linked(hub, central):
        refusal = await soon(release(central, "bad"))
        assert (refusal.ok, refusal.code, refusal.final) == (False, code, final)
        assert (await soon(release(central, "good"))).ok


async def test_no_answer_in_time_is_try_later_and_a_late_answer_disturbs_nobody(central_broker: BrokerSite) -> None:
    hub, central = Link(central_broker.seen_by(LOT), "riverside@1"), asking(central_broker)
    may_answer = asyncio.Event()

    async def serve(_topic: str, payload: bytes) -> Reply:
        name = ReleaseRequest.decode(payload).reservation_id
        if name == "slow":
            await may_answer.wait()
        return Reply(ok=True, result={"name": name})

    hub.serve(topics.lot_requests(LOT, "+"), serve)
    async with linked(hub, central):
        with pytest.raises(TryLater, match="no answer on v1/lots/riverside/requests/release"):
            await soon(release(central, "slow", timeout_s=0.05))
        may_answer.set()
        assert (await soon(release(central, "next"))).result == {"name": "next"}


async def test_with_the_link_down_nothing_is_sent_and_nothing_is_queued(central_broker: BrokerSite) -> None:
    central = asking(central_broker)
    with pytest.raises(TryLater, match="not reachable"):
        await central.publish(RELEASE, ReleaseRequest(reservation_id="A"))
    with pytest.raises(TryLater, match="not reachable"):
        await release(central, "A")


async def test_requests_waiting_for_their_answer_are_bounded(central_broker: BrokerSite) -> None:
    central = asking(central_broker)
    async with linked(central):
        waiting = [asyncio.create_task(release(central, "A", 60)) for _ in range(REQUESTS_MAX)]
        await asyncio.sleep(0)  # each has begun
        with pytest.raises(TryLater, match="too many requests"):
            await release(central, "A")
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)


async def test_one_failing_handler_stops_neither_its_own_next_message_nor_others(
    lot_broker: BrokerSite, caplog: pytest.LogCaptureFixture
) -> None:
    hub, gate = Link(lot_broker.seen_by(LOT), "riverside@1"), Link(lot_broker.seen_by(ENTRY), "entry@1")
    heard = Heard()

    async def fail(topic: str, payload: bytes) -> None:
        await heard(topic, payload)
        raise KeyError("a bug") if b"b1" in payload else PeerError("message_invalid", "field missing")

    hub.subscribe(topics.gate_status(ENTRY), fail)
    async with linked(hub, gate):
        for boot in ("b1", "b2", "b3"):
            await gate.publish(topics.gate_status(ENTRY), status(ENTRY, True, boot))
        assert [(await heard.status()).boot for _ in range(3)] == ["b1", "b2", "b3"]
    events = [record.message for record in caplog.records if record.levelno >= logging.ERROR]
    assert events == ["link.handler_failed", "link.dropped", "link.dropped"]


async def test_an_answer_does_not_wait_behind_a_slow_handler(central_broker: BrokerSite) -> None:
    hub, central = Link(central_broker.seen_by(LOT), "riverside@1"), asking(central_broker)
    busy, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_topic: str, _payload: bytes) -> None:
        busy.set()
        await go_on.wait()

    async def serve(_topic: str, _payload: bytes) -> Reply:
        return Reply(ok=True)

    central.subscribe(topics.lot_status(LOT), slow)
    hub.serve(topics.lot_requests(LOT, "+"), serve)
    async with linked(hub, central):
        await hub.publish(topics.lot_status(LOT), status(LOT, True))
        await soon(busy.wait())
        assert (await release(central, "A")).ok
        go_on.set()


def presence_of_entry(broker: BrokerSite, client_id: str = "riverside.entry-1@1") -> Link:
    will = Will(topics.gate_status(ENTRY), status(ENTRY, False), lambda: status(ENTRY, True))
    return Link(broker.seen_by(ENTRY), client_id, will)


async def test_a_unit_is_online_while_it_is_connected_and_offline_after_it_left(lot_broker: BrokerSite) -> None:
    hub, gate = Link(lot_broker.seen_by(LOT), "riverside@1"), presence_of_entry(lot_broker)
    heard = Heard()
    hub.subscribe(topics.gate_status(ENTRY), heard)
    async with linked(hub):
        async with linked(gate):
            assert (await heard.status()).online
        assert not (await heard.status()).online
    late = Link(lot_broker.seen_by(LOT), "riverside@1")
    late.subscribe(topics.gate_status(ENTRY), heard)
    async with linked(late):
        assert not (await heard.status()).online, "it is retained"


async def test_the_broker_says_the_last_will_of_a_unit_that_is_cut_off(lot_broker: BrokerSite) -> None:
    hub, gate = Link(lot_broker.seen_by(LOT), "riverside@1"), presence_of_entry(lot_broker)
    heard = Heard()
    hub.subscribe(topics.gate_status(ENTRY), heard)
    async with linked(hub, gate):
        assert (await heard.status()).online
        # Another client of the same name: the broker cuts the first one off, as when a cable is pulled.
        async with linked(Link(lot_broker.seen_by(ENTRY), "riverside.entry-1@1")):
            assert not (await heard.status()).online


async def test_it_comes_back_after_the_broker_and_subscribes_anew(
    lot_broker: BrokerSite, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger=mqtt.__name__)
    hub, gate = Link(lot_broker.seen_by(LOT), "riverside@1"), Link(lot_broker.seen_by(ENTRY), "entry@1")
    heard, lost = Heard(), asyncio.Event()
    hub.subscribe(topics.gate_status(ENTRY), heard)
    hub.when_lost(lost.set)
    async with linked(hub, gate):
        lot_broker.stop()
        await soon(lost.wait())
        assert not hub.connected
        again = [connection_of(link) for link in (hub, gate)]
        lot_broker.start()
        for connected in again:
            await soon(connected.wait())
        await gate.publish(topics.gate_status(ENTRY), status(ENTRY, True))
        assert (await heard.status()).online
    told = [(record.message, vars(record)["client"]) for record in caplog.records]
    for client in ("riverside@1", "entry@1"):
        assert [event for event, who in told if who == client] == ["link.up", "link.down", "link.up"]


async def test_a_connection_that_ends_with_the_brokers_greeting_is_made_again() -> None:
    """As where another client of that name comes at the same moment."""
    greeted, again = 0, asyncio.Event()

    async def greet_and_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal greeted
        await reader.read(1_024)
        writer.write(b"\x20\x03\x00\x00\x00" + b"\xe0\x02\x8e\x00")  # CONNACK, and DISCONNECT: taken over
        writer.close()
        greeted += 1
        if greeted == 3:
            again.set()

    async with await asyncio.start_server(greet_and_end, "127.0.0.1", 0) as server:
        link = Link(Broker(port=server.sockets[0].getsockname()[1]), "riverside@1")
        async with running(link.run()):
            await soon(again.wait())
            assert not link.connected


async def test_two_of_one_name_put_each_other_off_more_and_more_slowly(lot_broker: BrokerSite) -> None:
    """Each connection ends at once, so that none of them begins the pauses anew."""
    links = [Link(lot_broker.seen_by(LOT), "riverside@1") for _ in range(2)]
    loop = asyncio.get_running_loop()
    ups, lost = dict[Link, list[float]](), dict[Link, list[float]]()
    often = asyncio.Event()

    def connected(link: Link) -> None:
        ups.setdefault(link, []).append(loop.time())
        if len(ups[link]) == 4:
            often.set()

    for link in links:
        link.when_connected(functools.partial(connected, link))
        link.when_lost(lambda link=link: lost.setdefault(link, []).append(loop.time()))  # type: ignore[misc]
    async with running(*(link.run() for link in links)):
        await soon(often.wait())
    link = next(link for link in links if len(ups[link]) == 4)
    pauses = [up - down for down, up in zip(lost[link], ups[link][1:], strict=False)]
    for number, pause_s in enumerate(pauses):
        assert pause_s >= mqtt.RECONNECT_S_MIN * 2**number


async def test_what_waits_for_the_broker_does_not_outwait_the_connection(
    lot_broker: BrokerSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "PUBLISH_TIMEOUT_S", 10 * PATIENCE_S)
    hub = Link(lot_broker.seen_by(LOT), "riverside@1")
    async with linked(hub):
        lot_broker.freeze()
        saying = asyncio.create_task(hub.publish(topics.gate_facts(ENTRY, "down"), status(LOT, True)))
        await asyncio.sleep(0)  # it is on its way
        lot_broker.pull_the_plug()
        with pytest.raises(TryLater, match="connection was lost"):
            await soon(saying)


async def test_a_wrong_password_is_said_once_and_tried_again_until_it_is_right(
    lot_broker: BrokerSite, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "RECONNECT_S_MAX", 0.01)
    link = Link(lot_broker.seen_by(ENTRY, secret="wrong"), "entry@1")
    tries = asyncio.Event()
    connection, count = link._connection, 0

    def counted() -> Any:
        nonlocal count
        count += 1
        if count == 4:
            tries.set()
            (lot_broker.folder / "wrong").write_text(f"{ENTRY} has a password", encoding="utf-8")
        return connection()

    monkeypatch.setattr(link, "_connection", counted)
    connected = connection_of(link)
    async with running(link.run()):
        await soon(tries.wait())
        await soon(connected.wait())
    (said,) = [record for record in caplog.records if record.message == "link.down"]
    assert "Not authorized" in vars(said)["why"]
    assert vars(said)["why"].endswith(f"the broker does not let in the user {ENTRY}; check username and password")


async def test_where_it_is_connected_to_is_said(lot_broker: BrokerSite, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with linked(Link(lot_broker.seen_by(ENTRY), "entry@1")):
        [up] = [record for record in caplog.records if record.message == "link.up"]
    assert (vars(up)["host"], vars(up)["port"]) == ("127.0.0.1", lot_broker.port)


@pytest.mark.parametrize("host", ["", "hub..local", ".hub", "a" * 80])
async def test_an_address_that_is_none_is_said_once_and_ends_nothing(
    host: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings refuse these; whatever else the resolver is not even asked for is no bug either."""
    monkeypatch.setattr(mqtt, "RECONNECT_S_MAX", 0.0)
    link = Link(Broker().model_copy(update={"host": host}), "entry@1")
    tries, connection, enough = itertools.count(1), link._connection, asyncio.Event()

    def counted() -> Any:
        if next(tries) == 3:
            enough.set()
        return connection()

    monkeypatch.setattr(link, "_connection", counted)
    async with running(link.run()):
        await soon(enough.wait())
    [said] = [record for record in caplog.records if record.message == "link.down"]
    assert "no address of a broker" in vars(said)["why"]


async def test_a_password_that_is_gone_at_a_reconnect_is_as_it_was(
    lot_broker: BrokerSite, caplog: pytest.LogCaptureFixture
) -> None:
    link = Link(lot_broker.seen_by(ENTRY), "entry@1")
    async with linked(link):
        (lot_broker.folder / ENTRY).unlink()
        for number in (2, 3):
            again = connection_of(link)
            link.rename(f"entry@{number}")
            await soon(again.wait())
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == ["secret.unreadable"]


async def test_a_password_that_was_never_there_ends_the_unit(lot_broker: BrokerSite) -> None:
    link = Link(lot_broker.seen_by(ENTRY, secret="none"), "entry@1")
    with pytest.raises(OperatorError, match="none cannot be read"):
        await soon(link.run())


async def test_a_subscription_that_the_broker_refuses_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """Mosquitto's access rules never refuse one; other brokers do."""

    class Refusing:
        async def while_connected(self, call: Awaitable[list[ReasonCode]]) -> list[ReasonCode]:
            return await call

        async def subscribe(self, _topic: str, qos: int) -> list[ReasonCode]:
            assert qos == mqtt.QOS
            return [ReasonCode(PacketTypes.SUBACK, "Not authorized")]

    link = Link(Broker(), "entry@1")
    link.subscribe("v1/lots/+/status", Heard())
    await link._subscribe_all(Refusing())  # type: ignore[arg-type]  # all that it uses
    (said,) = caplog.records
    assert (said.message, vars(said)["topic"]) == ("link.subscribe_denied", "v1/lots/+/status")


class TestAccess:
    """What the access rules let through, tried out; the last message is one that is allowed."""

    async def test_a_gate_cannot_speak_for_another(self, lot_broker: BrokerSite) -> None:
        hub, gate = Link(lot_broker.seen_by(LOT), "riverside@1"), Link(lot_broker.seen_by(ENTRY), "entry@1")
        heard = Heard()
        hub.subscribe("v1/lots/riverside/gates/+/status", heard)
        async with linked(hub, gate):
            await gate.publish(topics.gate_status(EXIT), status(EXIT, True))
            await gate.publish(topics.gate_status(ENTRY), status(ENTRY, True))
            assert (await heard.status()).unit == ENTRY
            assert heard.messages.empty()

    async def test_a_gate_cannot_command_or_overhear_another(self, lot_broker: BrokerSite) -> None:
        hub = Link(lot_broker.seen_by(LOT), "riverside@1")
        entry, exit_ = Link(lot_broker.seen_by(ENTRY), "entry@1"), Link(lot_broker.seen_by(EXIT), "exit@1")
        heard = Heard()
        entry.subscribe("v1/lots/#", heard)
        async with linked(hub, entry, exit_):
            for link in (exit_, hub):
                await link.publish(topics.gate_facts(EXIT, "down"), status(LOT, True, "overheard"))
                await link.publish(topics.gate_facts(ENTRY, "down"), status(LOT, True, "ok" if link is hub else "no"))
            assert (await heard.status()).boot == "ok"

    async def test_a_hub_sees_and_speaks_for_its_own_lot_alone(self, central_broker: BrokerSite) -> None:
        central = asking(central_broker)
        riverside = Link(central_broker.seen_by(LOT), "riverside@1")
        hillside = Link(central_broker.seen_by("hillside"), "hillside@1")
        at_central, at_hillside = Heard(), Heard()
        central.subscribe("v1/lots/+/status", at_central)
        hillside.subscribe("v1/lots/#", at_hillside)
        async with linked(central, riverside, hillside):
            await hillside.publish(topics.lot_status(LOT), status(LOT, True, "forged"))
            await riverside.publish(topics.lot_status(LOT), status(LOT, True, "true"))
            assert (await at_central.status()).boot == "true"
            await central.publish(RELEASE, ReleaseRequest(reservation_id="A"))
            await central.publish(topics.lot_requests("hillside", "release"), ReleaseRequest(reservation_id="B"))
            topic, _ = await soon(at_hillside.messages.get())
            assert topic == topics.lot_requests("hillside", "release")

    async def test_nobody_comes_in_without_a_name(self, lot_broker: BrokerSite) -> None:
        nobody = Link(Broker(port=lot_broker.port), "entry@1")
        with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
            async with nobody._connection():
                pass


async def test_stopped_while_it_takes_another_name_it_stops(lot_broker: BrokerSite) -> None:
    link = Link(lot_broker.seen_by(LOT), "riverside@1")
    connected = connection_of(link)
    running_link = asyncio.create_task(link.run())
    await soon(connected.wait())
    await asyncio.sleep(0)  # it reads
    link.rename("riverside@2")
    running_link.cancel()
    await soon(asyncio.wait((running_link,)))
    assert running_link.cancelled()


async def test_under_another_name_it_hears_and_says_the_same(lot_broker: BrokerSite) -> None:
    link, gate = Link(lot_broker.seen_by(LOT), "riverside@1"), Link(lot_broker.seen_by(ENTRY), "entry@1")
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def hear(_topic: str, payload: bytes) -> None:
        heard.put_nowait(payload)

    link.subscribe(topics.gate_facts(ENTRY, "up"), hear)
    async with linked(link, gate):
        again = connection_of(link)
        link.rename("riverside@2")
        await soon(again.wait())
        await gate.publish(topics.gate_facts(ENTRY, "up"), Facts(facts=[]))
        assert Facts.decode(await soon(heard.get())).facts == []
    assert "as riverside@2" in lot_broker.log
