"""Requests to a gate, central's and the attendants': what is asked, how long, and whose answer goes back."""

import itertools
from datetime import timedelta

import pytest

from cloud_sync.link.v1.facts import Direction, Mode
from cloud_sync.link.v1.messages import AdmitRequest, ModeRequest, OpenRequest, Reply
from domain.errors import NotFound, PeerError, Refused, TryLater
from hub.gates import ANSWER_S_MAX, Gates
from tests.hub.lane import WRONG, Lane, in_mode, opened, refused
from tests.hub.riverside import GATES, NOW, PLATE, SEAL, rid
from tests.parts import ENTRY, EXIT

ADMITTED = Reply(ok=True, result={"verdict": "admit"})


@pytest.fixture
def gates(lane: Lane) -> Gates:
    numbers = itertools.count(1)
    return Gates(lane, "riverside@1", GATES, lane.presence, lambda: NOW, lambda: f"id-{next(numbers)}")


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
    [one] = lane.asked
    assert one.topic == "v1/lots/riverside/gates/entry-1/requests/admit"
    assert one.reply_topic == "v1/lots/riverside/gates/entry-1/replies/riverside@1"
    assert isinstance(one.message, AdmitRequest)
    assert (one.message.challenge, one.message.plate, one.message.request_id) == ("one", plate, "r1")
    assert one.message.car_required
    assert one.timeout_s == pytest.approx(ANSWER_S_MAX, abs=0.1)


async def test_no_longer_than_central_waits(gates: Gates, lane: Lane) -> None:
    await lane.is_on_the_link("one")
    lane.answers = [ADMITTED]
    await gates.admit(asked(within_s=0.5))
    assert lane.asked[0].timeout_s <= 0.5


async def test_a_refusal_goes_back_with_its_code(gates: Gates, lane: Lane) -> None:
    await lane.is_on_the_link("one")
    lane.answers = [refused("no_car")]
    assert await gates.admit(asked()) == refused("no_car")
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
    with pytest.raises(NotFound) as raised:
        await gates.admit(asked(gate_id))
    assert raised.value.code == "gate_unknown"
    assert not lane.asked


async def test_a_gate_that_is_not_on_the_link(gates: Gates, lane: Lane) -> None:
    await lane.is_on_the_link("one", gate_id=EXIT)
    for heard in (False, True):
        if heard:
            await lane.is_on_the_link("one", online=False)
        with pytest.raises(TryLater, match=r"the gate riverside\.entry-1 cannot be reached now") as raised:
            await gates.admit(asked())
        assert raised.value.code == "gate_offline"
    assert not lane.asked


async def test_a_gate_that_takes_no_requests_yet(gates: Gates, lane: Lane) -> None:
    """One of an earlier version says nothing that a request could repeat."""
    await lane.is_on_the_link(None)
    with pytest.raises(TryLater):
        await gates.admit(asked())


async def test_no_answer_in_time_may_have_been_carried_out_or_not(gates: Gates, lane: Lane) -> None:
    await lane.is_on_the_link("one")
    lane.answers = [TryLater("no_answer", "none came")]
    with pytest.raises(TryLater) as raised:
        await gates.admit(asked())
    assert raised.value.code == "no_answer"
    assert len(lane.asked) == 1


async def test_a_request_that_came_too_late_asks_nobody(gates: Gates, lane: Lane) -> None:
    await lane.is_on_the_link("one")
    with pytest.raises(TryLater) as raised:
        await gates.admit(asked(within_s=0))
    assert raised.value.code == "admit_late"
    assert not lane.asked


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"v": 1, "gate_id": 3}'])
async def test_what_cannot_be_understood(gates: Gates, payload: bytes) -> None:
    with pytest.raises(PeerError):
        await gates.admit(payload)


class TestAttendants:
    async def test_a_lane_is_opened_in_somebodys_name(self, gates: Gates, lane: Lane) -> None:
        await lane.is_on_the_link("one")
        lane.answers = [opened(reservation_id=rid(1), spot_id="riverside.1-001")]
        answer = await gates.open(ENTRY, "Anna", rid(1))
        assert (answer.reservation_id, answer.spot_id) == (rid(1), "riverside.1-001")
        [one] = lane.asked
        assert one.topic == "v1/lots/riverside/gates/entry-1/requests/open"
        assert one.message == OpenRequest(
            request_id="id-1", gate_id=ENTRY, by="Anna", reservation_id=rid(1), challenge="one"
        )
        assert one.timeout_s == pytest.approx(ANSWER_S_MAX, abs=0.1)

    @pytest.mark.parametrize("mode", list(Mode))
    async def test_so_is_its_mode_set(self, gates: Gates, lane: Lane, mode: Mode) -> None:
        await lane.is_on_the_link("one")
        lane.answers = [in_mode(mode)]
        assert (await gates.set_mode(ENTRY, mode, "Anna")).mode is mode
        [one] = lane.asked
        assert one.topic == "v1/lots/riverside/gates/entry-1/requests/mode"
        assert one.message == ModeRequest(request_id="id-1", gate_id=ENTRY, mode=mode, by="Anna", challenge="one")

    async def test_what_is_asked_once_more_is_the_same_request(self, gates: Gates, lane: Lane) -> None:
        """The gate knows it again, and does not do it twice; another press is another one."""
        await lane.is_on_the_link("one")
        lane.answers = [WRONG, opened()]
        await gates.open(ENTRY, "Anna")
        assert lane.challenges == ["one", "two"]
        lane.answers = [opened()]
        await gates.open(ENTRY, "Anna")
        assert [one.message.request_id for one in lane.asked] == ["id-1", "id-1", "id-2"]

    @pytest.mark.parametrize(("final", "kind"), [(True, Refused), (False, TryLater)])
    async def test_a_refusal_is_raised_with_its_code(
        self, gates: Gates, lane: Lane, kind: type[Exception], *, final: bool
    ) -> None:
        await lane.is_on_the_link("one")
        for ask in (gates.open(ENTRY, "Anna"), gates.set_mode(ENTRY, Mode.CLOSED, "Anna")):
            lane.answers = [refused("lane_busy", final=final)]
            with pytest.raises(kind, match="this is lane_busy") as raised:
                await ask
            assert isinstance(raised.value, Refused | TryLater)
            assert raised.value.code == "lane_busy"

    async def test_an_answer_that_is_none_is_the_gates_fault(self, gates: Gates, lane: Lane) -> None:
        await lane.is_on_the_link("one")
        lane.answers = [Reply(ok=True), in_mode(Mode.CLOSED)]
        for _ in range(2):
            with pytest.raises(PeerError, match="cannot read"):
                await gates.open(ENTRY, "Anna")

    async def test_where_the_gate_is_not_there_nobody_is_asked(self, gates: Gates, lane: Lane) -> None:
        with pytest.raises(TryLater) as raised:
            await gates.open(ENTRY, "Anna")
        assert raised.value.code == "gate_offline"
        with pytest.raises(NotFound):
            await gates.set_mode("hillside.entry-1", Mode.CLOSED, "Anna")
        assert not lane.asked
