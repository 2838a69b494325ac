"""Central's requests on their way to a gate: what is asked, how long, and whose answer goes back."""

from datetime import timedelta

import pytest

from cloud_sync.link import topics
from cloud_sync.link.v1.facts import Direction
from cloud_sync.link.v1.messages import AdmitRequest, Reply, UnitStatus
from cloud_sync.link.v1.wire import Envelope
from domain.errors import GatehouseError, NotFound, PeerError, TryLater
from hub.gates import ADMIT_S_MAX, Gates
from hub.presence import Presence
from tests.hub.riverside import GATES, NOW, PLATE, SEAL, rid
from tests.parts import ENTRY, EXIT

ADMITTED = Reply(ok=True, result={"verdict": "admit"})
WRONG = Reply(ok=False, code="challenge_wrong", message="another one by now", final=False)


class Lane:
    """A gate and the link to it: answers as it is told, and keeps what it was asked."""

    def __init__(self, presence: Presence) -> None:
        self.presence = presence
        self.asked: list[tuple[str, AdmitRequest, str, float]] = []
        self.answers: list[Reply | GatehouseError] = []

    async def is_on_the_link(self, challenge: str | None, *, online: bool = True, gate_id: str = ENTRY) -> None:
        status = UnitStatus(unit=gate_id, online=online, epoch=1, boot="b", at=NOW.utc, challenge=challenge)
        await self.presence.heard(topics.gate_status(gate_id), status.encode())

    async def request(self, topic: str, message: Envelope, reply_topic: str, timeout_s: float) -> Reply:
        assert isinstance(message, AdmitRequest)
        self.asked.append((topic, message, reply_topic, timeout_s))
        answer = self.answers.pop(0)
        if isinstance(answer, GatehouseError):
            raise answer
        if answer is WRONG and len(self.answers) == 1:
            await self.is_on_the_link("two")
        return answer

    @property
    def challenges(self) -> list[str | None]:
        return [message.challenge for _, message, _, _ in self.asked]


@pytest.fixture
def lane() -> Lane:
    return Lane(Presence(lambda: NOW))


@pytest.fixture
def gates(lane: Lane) -> Gates:
    return Gates(lane, "riverside@1", GATES, lane.presence, lambda: NOW)


def asked(gate_id: str = ENTRY, within_s: float = 10, **what: object) -> bytes:
    request = AdmitRequest(
        request_id="r1",
        gate_id=gate_id,
        direction=Direction.ENTRY,
        reservation_id=rid(1),
        car_required=True,
        answer_by=NOW.utc + timedelta(seconds=within_s),
    )
    return request.model_copy(update=what).encode()


async def test_the_gate_is_asked_with_its_challenge_and_its_answer_goes_back(gates: Gates, lane: Lane) -> None:
    await lane.is_on_the_link("one")
    lane.answers = [ADMITTED]
    plate = SEAL.seal(PLATE)
    assert await gates.admit(asked(reservation_id=None, plate=plate)) == ADMITTED
    [(topic, message, reply_topic, timeout_s)] = lane.asked
    assert topic == "v1/lots/riverside/gates/entry-1/requests/admit"
    assert reply_topic == "v1/lots/riverside/gates/entry-1/replies/riverside@1"
    assert (message.challenge, message.plate, message.request_id) == ("one", plate, "r1")
    assert message.car_required
    assert timeout_s == pytest.approx(ADMIT_S_MAX, abs=0.1)


async def test_no_longer_than_central_waits(gates: Gates, lane: Lane) -> None:
    await lane.is_on_the_link("one")
    lane.answers = [ADMITTED]
    await gates.admit(asked(within_s=0.5))
    assert lane.asked[0][3] <= 0.5


async def test_a_refusal_goes_back_with_its_code(gates: Gates, lane: Lane) -> None:
    await lane.is_on_the_link("one")
    refusal = Reply(ok=False, code="no_car", message="nobody stands there")
    lane.answers = [refusal]
    assert await gates.admit(asked()) == refusal
    assert len(lane.asked) == 1


async def test_where_another_was_quicker_it_asks_once_more(gates: Gates, lane: Lane) -> None:
    await lane.is_on_the_link("one")
    lane.answers = [WRONG, ADMITTED]
    assert await gates.admit(asked()) == ADMITTED
    assert lane.challenges == ["one", "two"]


async def test_and_not_a_third_time(gates: Gates, lane: Lane) -> None:
    await lane.is_on_the_link("one")
    last = WRONG.model_copy(update={"message": "and another"})
    lane.answers = [WRONG, last]
    assert await gates.admit(asked()) == last
    assert len(lane.asked) == 2


async def test_where_no_newer_challenge_comes_the_refusal_goes_back(gates: Gates, lane: Lane) -> None:
    await lane.is_on_the_link("one")
    lane.answers = [WRONG]
    assert await gates.admit(asked(within_s=0.02)) == WRONG
    assert lane.challenges == ["one"]


@pytest.mark.parametrize("gate_id", ["riverside.entry-9", "hillside.entry-1", "", "riverside.+", "riverside.entry-1/x"])
async def test_a_gate_that_is_not_this_lots(gates: Gates, lane: Lane, gate_id: str) -> None:
    with pytest.raises(NotFound) as refused:
        await gates.admit(asked(gate_id))
    assert refused.value.code == "gate_unknown"
    assert not lane.asked


async def test_a_gate_that_is_not_on_the_link(gates: Gates, lane: Lane) -> None:
    await lane.is_on_the_link("one", gate_id=EXIT)
    for heard in (False, True):
        if heard:
            await lane.is_on_the_link("one", online=False)
        with pytest.raises(TryLater, match=r"the gate riverside\.entry-1 cannot be reached now") as refused:
            await gates.admit(asked())
        assert refused.value.code == "gate_offline"
    assert not lane.asked


async def test_a_gate_that_takes_no_requests_yet(gates: Gates, lane: Lane) -> None:
    """One of an earlier version says nothing that a request could repeat."""
    await lane.is_on_the_link(None)
    with pytest.raises(TryLater):
        await gates.admit(asked())


async def test_no_answer_in_time_may_have_been_carried_out_or_not(gates: Gates, lane: Lane) -> None:
    await lane.is_on_the_link("one")
    lane.answers = [TryLater("no_answer", "none came")]
    with pytest.raises(TryLater) as refused:
        await gates.admit(asked())
    assert refused.value.code == "no_answer"
    assert len(lane.asked) == 1


async def test_a_request_that_came_too_late_asks_nobody(gates: Gates, lane: Lane) -> None:
    await lane.is_on_the_link("one")
    with pytest.raises(TryLater) as refused:
        await gates.admit(asked(within_s=0))
    assert refused.value.code == "admit_late"
    assert not lane.asked


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"v": 1, "gate_id": 3}'])
async def test_what_cannot_be_understood(gates: Gates, payload: bytes) -> None:
    with pytest.raises(PeerError):
        await gates.admit(payload)
