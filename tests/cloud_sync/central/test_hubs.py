"""What central makes of its link to the hubs: who is there, and what a reply means."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from cloud_sync.central.hubs import LinkedHubs
from cloud_sync.link.carrier import Handler
from cloud_sync.link.mqtt import Link
from cloud_sync.link.settings import Broker
from cloud_sync.link.v1.messages import CancelAnswer, ReleaseRequest, Reply, UnitStatus
from cloud_sync.link.v1.wire import Envelope, Wire
from domain.errors import PeerError, Refused, TryLater
from tests.cloud_sync.central.street import LOT, Watch
from tests.parts import NOON

REQUEST = ReleaseRequest(reservation_id="7K3MQ2XD9P")


class Wireless(Link):
    """A link without a broker: what is asked is kept, what is answered is laid down beforehand."""

    def __init__(self) -> None:
        super().__init__(Broker(), "central-1")
        self.up = True
        self.reply = Reply(ok=True)
        self.asked: list[tuple[str, str]] = []
        self.status: dict[str, Handler] = {}
        self.lost: list[Callable[[], None]] = []

    @property
    def connected(self) -> bool:
        return self.up

    def when_lost(self, call: Callable[[], None]) -> None:
        self.lost.append(call)

    def subscribe(self, topics: str, handler: Handler) -> None:
        self.status[topics] = handler

    async def request(self, topic: str, message: Envelope, reply_topic: str, timeout_s: float) -> Reply:
        self.asked.append((topic, reply_topic))
        return self.reply

    async def hear(self, *, online: bool, epoch: int = 1, unit: str = LOT) -> None:
        said = UnitStatus(unit=unit, online=online, epoch=epoch, boot="b", at=NOON - timedelta(hours=1))
        await self.status[f"v1/lots/{LOT}/status"](f"v1/lots/{LOT}/status", said.encode())


@pytest.fixture
def link() -> Wireless:
    return Wireless()


@pytest.fixture
def back() -> list[str]:
    return []


@pytest.fixture
def hubs(link: Wireless, watch: Watch, back: list[str]) -> LinkedHubs:
    return LinkedHubs(link, client="central-1", lots=[LOT], answer_s=3, clock=watch, back=back.append)


async def test_a_hub_is_there_from_its_status_until_its_will(
    hubs: LinkedHubs, link: Wireless, watch: Watch, back: list[str]
) -> None:
    assert (hubs.online(LOT), hubs.heard_at(LOT)) == (False, None)
    await link.hear(online=True)
    assert (hubs.online(LOT), hubs.heard_at(LOT), back) == (True, NOON, [LOT])
    watch.pass_by(timedelta(minutes=5))
    await link.hear(online=False)
    watch.pass_by(timedelta(minutes=5))
    assert (hubs.online(LOT), hubs.heard_at(LOT)) == (False, NOON + timedelta(minutes=5))


async def test_a_hub_that_left_before_central_came_was_heard_when_it_says(hubs: LinkedHubs, link: Wireless) -> None:
    await link.hear(online=False)
    assert hubs.heard_at(LOT) == NOON - timedelta(hours=1)


async def test_a_hub_that_was_succeeded_is_not_listened_to(hubs: LinkedHubs, link: Wireless) -> None:
    await link.hear(online=True, epoch=2)
    await link.hear(online=False, epoch=1)
    assert hubs.online(LOT)
    with pytest.raises(PeerError):
        await link.hear(online=False, epoch=3, unit="hillside")
    assert hubs.online(LOT)


async def test_without_the_link_no_hub_is_there(hubs: LinkedHubs, link: Wireless, watch: Watch) -> None:
    await link.hear(online=True)
    link.up = False
    for lost in link.lost:
        lost()
    watch.pass_by(timedelta(minutes=5))
    assert (hubs.online(LOT), hubs.heard_at(LOT)) == (False, NOON)
    with pytest.raises(TryLater, match="riverside") as offline:
        await hubs.ask(LOT, "release", REQUEST, Wire)
    assert offline.value.code == "hub_offline"
    assert link.asked == []


async def test_what_a_reply_means(hubs: LinkedHubs, link: Wireless) -> None:
    await link.hear(online=True)
    link.reply = Reply(ok=True, result={"revision": 3})
    assert await hubs.ask(LOT, "cancel", REQUEST, CancelAnswer) == CancelAnswer(revision=3)
    assert link.asked == [(f"v1/lots/{LOT}/requests/cancel", f"v1/lots/{LOT}/replies/central-1")]
    link.reply = Reply(ok=False, code="spot_taken", message="taken")
    with pytest.raises(Refused, match="taken") as refused:
        await hubs.ask(LOT, "hold", REQUEST, CancelAnswer)
    assert refused.value.code == "spot_taken"
    for doubt in (Reply(ok=False, code="busy", final=False), Reply(ok=True, result={"revision": "many"})):
        link.reply = doubt
        with pytest.raises(TryLater):
            await hubs.ask(LOT, "cancel", REQUEST, CancelAnswer)
