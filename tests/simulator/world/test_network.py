"""The simulated carrier keeps what units count on of MQTT, and does not keep what a cheap router does not."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from cloud_sync.link.carrier import Will
from cloud_sync.link.v1.messages import ReleaseRequest, Reply, UnitStatus
from domain.errors import NotFound, TryLater
from simulator.world.carrier import SimulatedCarrier
from simulator.world.loop import VirtualLoop
from simulator.world.network import KEEPALIVE_S, PUBLISH_S, Broker, Way, Weather
from simulator.world.process import Died, How, Process
from tests.parts import NOON
from tests.simulator.world.worlds import THREAD_S, Deaths

WAY_S = 0.01
STATUS, FACTS, RELEASE = "v1/lots/riverside/status", "v1/lots/riverside/facts/up", "v1/lots/riverside/requests/release"
REPLIES = "v1/lots/riverside/replies/central-1"


def status(*, online: bool, boot: str = "b1") -> UnitStatus:
    return UnitStatus(unit="riverside", online=online, epoch=1, boot=boot, at=NOON)


def numbered(number: int) -> ReleaseRequest:
    return ReleaseRequest(reservation_id=str(number))


class Net:
    """One broker, and units that are on it."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.floods: list[str] = []
        self.broker = Broker(loop, "central", lambda _topic, _payload: None, self.floods.append)
        self.ways: dict[str, Way] = {}
        self._loop = loop

    def unit(self, client_id: str, will: Will | None = None, replies: str | None = None) -> "UnitOnNet":
        way = self.ways[client_id] = Way(self._loop, random.Random(client_id), WAY_S)
        process = Process(client_id, Deaths())
        return UnitOnNet(process, SimulatedCarrier(process, self.broker, way, client_id, will, replies))


class UnitOnNet:
    def __init__(self, process: Process, carrier: SimulatedCarrier) -> None:
        self.process = process
        self.carrier = carrier
        self.heard: list[str] = []

    def listens(self, topics: str) -> None:
        async def hear(_topic: str, payload: bytes) -> None:
            self.heard.append(ReleaseRequest.decode(payload).reservation_id)

        self.carrier.subscribe(topics, hear)

    def watches(self, topics: str) -> None:
        async def hear(_topic: str, payload: bytes) -> None:
            seen = UnitStatus.decode(payload)
            self.heard.append(f"{seen.boot} {'online' if seen.online else 'offline'}")

        self.carrier.subscribe(topics, hear)

    async def begin(self) -> None:
        self.process.start(self.carrier.run())
        await asyncio.sleep(1)

    def dies(self, how: How = How.CRASH) -> None:
        self.process.die(how, "at random")
        self.carrier.cut(silently=how is How.POWER_CUT)

    async def publishes(self, *numbers: int) -> None:
        for number in numbers:
            await self.carrier.publish(FACTS, numbered(number))


def on_a_net(life: Callable[[Net], Awaitable[None]]) -> float:
    """Live on a net of its own; how many virtual seconds that took."""
    loop = VirtualLoop(lambda: THREAD_S)

    async def live() -> None:
        await life(Net(loop))
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    try:
        loop.run_until_complete(live())
        return loop.time()
    finally:
        loop.close()


def test_messages_come_in_order_and_what_is_retained_to_who_comes_later() -> None:
    async def life(net: Net) -> None:
        hub, central = net.unit("hub"), net.unit("central")
        central.listens("v1/lots/+/facts/up")
        await hub.begin()
        await hub.carrier.publish("v1/lots/other/facts/up", numbered(0), retain=True)
        await hub.publishes(99)
        await central.begin()
        await hub.publishes(1, 2, 3)
        await asyncio.sleep(1)
        assert central.heard == ["0", "1", "2", "3"]

    on_a_net(life)


def test_units_that_talk_without_end_are_found_and_do_not_hold_the_time_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.world.network.A_MINUTE_MAX", 3)

    async def life(net: Net) -> None:
        hub, central = net.unit("hub"), net.unit("central")
        central.listens("v1/lots/+/facts/up")
        await hub.begin()
        await central.begin()
        await hub.publishes(1, 2, 3, 4, 5)
        await asyncio.sleep(60)
        await hub.publishes(6)
        await asyncio.sleep(1)
        assert central.heard == ["1", "2", "3"]
        assert net.floods == ["central"]

    on_a_net(life)


def test_a_request_gets_its_answer_and_an_error_becomes_a_refusal() -> None:
    async def serve(_topic: str, payload: bytes) -> Reply:
        if ReleaseRequest.decode(payload).reservation_id == "2":
            raise NotFound("no_such_reservation", "there is none")
        return Reply(ok=True, result={"of": payload.decode()})

    async def life(net: Net) -> None:
        hub, central = net.unit("hub"), net.unit("central", replies="v1/lots/+/replies/central-1")
        hub.carrier.serve("v1/lots/riverside/requests/+", serve)
        await hub.begin()
        await central.begin()
        answers = [await central.carrier.request(RELEASE, numbered(n), REPLIES, 3) for n in (1, 2)]
        assert [(answer.ok, answer.code) for answer in answers] == [(True, None), (False, "no_such_reservation")]
        net.ways["central"].shut(up=False, down=True)
        with pytest.raises(TryLater, match="no answer"):
            await central.carrier.request(RELEASE, numbered(3), REPLIES, 3)

    on_a_net(life)


@pytest.mark.parametrize(("how", "least_s", "most_s"), [(How.CRASH, 0, 1), (How.POWER_CUT, 5, 2 * KEEPALIVE_S)])
def test_the_will_of_who_dies_is_published_as_soon_as_the_broker_knows(how: How, least_s: float, most_s: float) -> None:
    async def life(net: Net) -> None:
        will = Will(STATUS, status(online=False), lambda: status(online=True))
        hub, central = net.unit("hub", will), net.unit("central")
        central.watches(STATUS)
        await central.begin()
        await hub.begin()
        hub.dies(how)
        await asyncio.sleep(least_s)
        assert central.heard == ["b1 online"]
        await asyncio.sleep(most_s)
        assert central.heard == ["b1 online", "b1 offline"]

    on_a_net(life)


def test_a_client_takes_its_own_older_connection_over() -> None:
    async def life(net: Net) -> None:
        older = net.unit("hub", Will(STATUS, status(online=False), lambda: status(online=True)))
        newer = net.unit("hub", Will(STATUS, status(online=False, boot="b2"), lambda: status(online=True, boot="b2")))
        central, lost = net.unit("central"), list[str]()
        central.watches(STATUS)
        older.carrier.when_lost(lambda: lost.append("older"))
        await central.begin()
        await older.begin()
        newer.process.start(newer.carrier.run())
        await asyncio.sleep(0.1)
        assert (lost, newer.carrier.connected) == (["older"], True)
        assert central.heard == ["b1 online", "b1 offline", "b2 online"]

    on_a_net(life)


def test_a_way_that_is_shut_for_a_moment_loses_nothing_and_one_for_long_the_connection() -> None:
    async def life(net: Net) -> None:
        hub, central, lost = net.unit("hub"), net.unit("central"), list[float]()
        central.listens(FACTS)
        central.carrier.when_lost(lambda: lost.append(1))
        await hub.begin()
        await central.begin()
        net.ways["central"].shut(up=True, down=True)
        await hub.publishes(1, 2)
        await asyncio.sleep(5)
        assert central.heard == []
        net.ways["central"].reopen(up=True, down=True)
        await asyncio.sleep(1)
        assert (central.heard, lost) == (["1", "2"], [])
        net.ways["central"].shut(up=True, down=False)
        await hub.publishes(3)
        await asyncio.sleep(3 * KEEPALIVE_S)
        assert (central.heard, lost, central.carrier.connected) == (["1", "2", "3"], [1], False)
        net.ways["central"].reopen(up=True, down=False)
        await asyncio.sleep(20)
        assert central.carrier.connected

    on_a_net(life)


def test_who_publishes_on_a_way_that_is_shut_is_told_to_try_later() -> None:
    async def life(net: Net) -> None:
        hub = net.unit("hub")
        await hub.begin()
        net.ways["hub"].shut(up=True, down=True)
        with pytest.raises(TryLater):
            await hub.publishes(1)

    assert on_a_net(life) >= 10


def test_who_publishes_while_the_way_back_shuts_waits_no_longer_than_a_real_client() -> None:
    """Also where it is open again before anybody has noticed: the broker's word that it has the message is lost."""

    async def life(net: Net) -> None:
        hub = net.unit("hub")
        await hub.begin()
        publishing = asyncio.create_task(hub.publishes(1))
        await asyncio.sleep(WAY_S / 2)
        net.ways["hub"].shut(up=False, down=True)
        await asyncio.sleep(3)
        net.ways["hub"].reopen(up=False, down=True)
        with pytest.raises(TryLater):
            await asyncio.wait_for(publishing, PUBLISH_S)
        await hub.publishes(2)

    on_a_net(life)


def test_a_broker_that_restarts_has_forgotten_and_all_come_back() -> None:
    async def life(net: Net) -> None:
        hub, central = net.unit("hub"), net.unit("central")
        central.listens(FACTS)
        await hub.begin()
        await hub.carrier.publish(FACTS, numbered(1), retain=True)
        net.broker.stop(silently=False)
        await asyncio.sleep(1)
        assert not hub.carrier.connected
        net.broker.start()
        await asyncio.sleep(10)
        await central.begin()
        await hub.publishes(2)
        await asyncio.sleep(1)
        assert central.heard == ["2"]

    on_a_net(life)


@pytest.mark.parametrize("whose", ["hub", "central"])
@pytest.mark.parametrize(
    ("weather", "expected"),
    [
        (Weather(lose=1.0), []),
        (Weather(twice=1.0), sorted([*"12345678"] * 2)),
        (Weather(overtaken=1.0), [*"12345678"]),
    ],
    ids=["loses", "twice", "overtaken"],
)
def test_weather_loses_doubles_and_overtakes_what_is_not_retained(
    weather: Weather, expected: list[str], whose: str
) -> None:
    """On the way to the broker as on the way from it; who has sent it does not learn of it."""

    async def life(net: Net) -> None:
        hub, central = net.unit("hub"), net.unit("central")
        central.listens(FACTS)
        await hub.begin()
        await central.begin()
        net.ways[whose].weather = weather
        await hub.publishes(*range(1, 9))
        await asyncio.sleep(60)
        assert sorted(central.heard) == expected
        assert central.heard != expected or not expected, "in another order"
        net.ways[whose].weather = Weather(lose=1.0)
        central.heard.clear()
        await hub.carrier.publish(FACTS, numbered(9), retain=True)
        await asyncio.sleep(1)
        assert central.heard == ["9"]

    on_a_net(life)


def test_who_is_dead_hears_and_says_nothing_more() -> None:
    async def life(net: Net) -> None:
        hub, central = net.unit("hub"), net.unit("central")
        central.listens(FACTS)
        await hub.begin()
        await central.begin()
        central.dies(How.POWER_CUT)
        await hub.publishes(1)
        await asyncio.sleep(1)
        assert central.heard == []
        with pytest.raises(Died):
            await central.publishes(2)
        await central.process.gone()

    on_a_net(life)
