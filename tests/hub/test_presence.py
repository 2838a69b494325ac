"""Which gates are on the link, and what a request to one must repeat."""

import asyncio

import pytest

from cloud_sync.link import topics
from cloud_sync.link.v1.messages import UnitStatus
from domain.errors import PeerError
from hub.presence import Presence
from tests.hub.riverside import NOW
from tests.parts import ENTRY, EXIT, soon


@pytest.fixture
def presence() -> Presence:
    return Presence(lambda: NOW)


async def say(
    presence: Presence, *, online: bool = True, challenge: str | None = None, epoch: int = 1, topic: str = ENTRY
) -> None:
    status = UnitStatus(unit=ENTRY, online=online, epoch=epoch, boot="b1", at=NOW.utc, challenge=challenge)
    await presence.heard(topics.gate_status(topic), status.encode())


async def test_only_who_says_so_is_online(presence: Presence) -> None:
    assert not presence.is_online(ENTRY)
    await say(presence)
    assert presence.is_online(ENTRY)
    assert not presence.is_online(EXIT)
    await say(presence, online=False)
    assert not presence.is_online(ENTRY)
    await say(presence)
    presence.lost()
    assert not presence.is_online(ENTRY)


async def test_a_ghost_or_another_unit_changes_nothing(presence: Presence) -> None:
    await say(presence, epoch=2)
    await say(presence, online=False, epoch=1)
    with pytest.raises(PeerError):
        await say(presence, online=False, epoch=3, topic=EXIT)
    assert presence.is_online(ENTRY)


async def test_the_challenge_is_the_last_that_was_heard(presence: Presence) -> None:
    assert presence.challenge_of(ENTRY) is None
    await say(presence, challenge="one")
    await say(presence, challenge="two")
    assert presence.challenge_of(ENTRY) == "two"
    await say(presence, challenge="two", online=False)
    assert presence.challenge_of(ENTRY) is None


async def test_another_challenge_may_be_there_already_or_come(presence: Presence) -> None:
    await say(presence, challenge="two")
    assert await presence.another_challenge(ENTRY, "one") == "two"
    waiting = asyncio.create_task(presence.another_challenge(ENTRY, "two"))
    await say(presence, challenge="two")
    await asyncio.sleep(0)
    assert not waiting.done()
    await say(presence, challenge="three")
    assert await soon(waiting) == "three"


async def test_who_waits_for_another_learns_that_the_gate_is_gone(presence: Presence) -> None:
    await say(presence, challenge="one")
    waiting = asyncio.create_task(presence.another_challenge(ENTRY, "one"))
    await asyncio.sleep(0)
    presence.lost()
    assert await soon(waiting) is None
