"""What the hub asks of a lane: decided once, in time, for this lane, and never twice."""

import itertools
import json
from datetime import timedelta

import pytest

from cloud_sync.link import topics
from cloud_sync.link.v1.facts import Direction, GateDecided, LaneModeChanged, Mode
from cloud_sync.link.v1.messages import AdmitAnswer, AdmitRequest, ModeAnswer, ModeRequest, OpenRequest
from domain.admission import Evidence, Reason, Verdict
from domain.errors import GatehouseError, PeerError, Refused, TryLater
from domain.fact import Fact
from domain.now import Now, Trust
from domain.reservation import Status
from gate_firmware.challenge import LIFE_MS, Challenge
from gate_firmware.events import Command, ModeSet, RaiseArm, Said
from gate_firmware.requests import ANSWERS_MAX, Requests
from tests.gate_firmware.gate import KEY_KNOWN, PLATE, SEAL, SPOT, Gate, rid, right, stay, ticket
from tests.parts import ENTRY

TOPIC = topics.gate_requests(ENTRY, "admit")


class Desk:
    """A gate that is asked from afar."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.commands: list[Command] = []
        numbers = itertools.count(1)
        self.challenge = Challenge(lambda: f"c{next(numbers)}", gate.now)
        self.requests = Requests(gate.unit, gate.direction, self.challenge, self._ask, lambda: gate.now)
        self._asked = itertools.count(1)

    async def _ask(self, said: Said) -> Fact:
        self.commands += self.gate.happens(said)
        kind = LaneModeChanged.kind if isinstance(said, ModeSet) else GateDecided.kind
        stored = self.gate.journal.last_own(kind)
        assert stored is not None
        return stored

    def request(self, **said: object) -> AdmitRequest:
        """A request for reservation 1 that is right in every way, but for what is said."""
        fields: dict[str, object] = {
            "request_id": f"r{next(self._asked)}",
            "gate_id": self.gate.unit,
            "direction": self.gate.direction,
            "reservation_id": rid(1),
            "car_required": True,
            "answer_by": self.gate.now.utc + timedelta(seconds=3),
            "challenge": self.challenge.current,
        }
        return AdmitRequest.model_validate(fields | said)

    async def asked(self, request: AdmitRequest) -> AdmitAnswer:
        reply = await self.requests.serve(TOPIC, request.encode())
        assert (reply.ok, reply.final) == (True, True)
        assert reply.result is not None
        return AdmitAnswer.model_validate(reply.result)

    async def code_refused(self, request: AdmitRequest, kind: type[GatehouseError] = Refused) -> str:
        before, commands = self.gate.stored(), list(self.commands)
        with pytest.raises(kind) as refused:
            await self.requests.serve(TOPIC, request.encode())
        assert self.gate.stored() == before
        assert self.commands == commands
        return refused.value.code


@pytest.fixture
def desk(entry: Gate) -> Desk:
    return Desk(entry)


@pytest.mark.parametrize(
    ("said", "evidence"),
    [
        ({"reservation_id": rid(1)}, Evidence.ID),
        ({"reservation_id": None, "plate": SEAL.seal(PLATE)}, Evidence.PLATE),
        ({"reservation_id": None, "ticket": ticket()}, Evidence.TICKET),
    ],
)
async def test_a_car_is_let_in_by_what_it_is_named_with(
    desk: Desk, said: dict[str, object], evidence: Evidence
) -> None:
    desk.gate.hub_says(KEY_KNOWN, right())
    desk.gate.car_comes()
    desk.gate.now = desk.gate.now.later(400)
    answer = await desk.asked(desk.request(**said))
    assert (answer.verdict, answer.reason, answer.reservation_id) == (Verdict.ADMIT, Reason.BOOKED, rid(1))
    assert (answer.spot_id, answer.took_ms, answer.at) == (SPOT, 400, desk.gate.now.utc)
    assert RaiseArm() in desk.commands
    assert desk.gate.decisions[0].evidence is evidence
    assert "box" not in json.dumps(answer.to_json())


async def test_a_refusal_is_an_answer(desk: Desk) -> None:
    desk.gate.hub_says(right(status=Status.CANCELLED))
    desk.gate.car_comes()
    answer = await desk.asked(desk.request())
    assert (answer.verdict, answer.reason, answer.spot_id) == (Verdict.REFUSE, Reason.CANCELLED, None)


async def test_an_exit_is_told_whose_stay_ends(exit_: Gate) -> None:
    exit_.hub_says(right(), stay())
    exit_.car_comes()
    desk = Desk(exit_)
    answer = await desk.asked(desk.request())
    assert (answer.verdict, answer.reason) == (Verdict.RELEASE, Reason.STAY_CLOSED)


async def test_without_a_car_only_where_none_is_required(desk: Desk) -> None:
    desk.gate.hub_says(right())
    assert await desk.code_refused(desk.request()) == "no_car"
    assert (await desk.asked(desk.request(car_required=False))).verdict is Verdict.ADMIT
    assert RaiseArm() in desk.commands


@pytest.mark.parametrize(
    ("said", "kind", "code"),
    [
        ({"direction": Direction.EXIT}, Refused, "wrong_direction"),
        ({"gate_id": "riverside.entry-2"}, Refused, "wrong_gate"),
        ({"reservation_id": None}, Refused, "input_invalid"),
        ({"ticket": "A" * 200}, Refused, "input_invalid"),
        ({"challenge": None}, TryLater, "challenge_wrong"),
        ({"challenge": "c0"}, TryLater, "challenge_wrong"),
    ],
)
async def test_what_is_wrong_with_it(
    desk: Desk, said: dict[str, object], kind: type[GatehouseError], code: str
) -> None:
    desk.gate.hub_says(right())
    desk.gate.car_comes()
    assert await desk.code_refused(desk.request(**said), kind) == code


@pytest.mark.parametrize("hours", [-3, 3])
async def test_how_old_it_is_does_not_depend_on_the_time_of_day_at_the_gate(desk: Desk, hours: int) -> None:
    """A gate whose clock nobody trusts is as wrong as you like, and a time server may set it at any time."""
    desk.gate.hub_says(right(start=-5, end=5))
    desk.gate.car_comes()
    in_time = desk.request()
    now = desk.gate.now.later(LIFE_MS - 1)
    desk.gate.now = Now(now.mono_ms, now.utc + timedelta(hours=hours), Trust.NONE)
    assert (await desk.asked(in_time)).verdict is Verdict.ADMIT
    held_back = desk.request()
    desk.gate.now = Now(desk.gate.now.mono_ms + LIFE_MS, now.utc, Trust.NONE)
    assert await desk.code_refused(held_back, TryLater) == "challenge_wrong"


async def test_each_challenge_is_taken_once(desk: Desk) -> None:
    desk.gate.car_comes()
    first = desk.request()
    await desk.asked(first)
    again = desk.request(challenge=first.challenge)
    assert again.request_id != first.request_id
    assert await desk.code_refused(again, TryLater) == "challenge_wrong"
    await desk.asked(desk.request())


async def test_one_whose_answer_was_lost_gets_it_again_and_moves_nothing_twice(desk: Desk) -> None:
    desk.gate.hub_says(right())
    desk.gate.car_comes()
    request = desk.request()
    answer = await desk.asked(request)
    desk.gate.through()
    desk.commands.clear()
    desk.gate.now = desk.gate.now.later(60_000)
    assert await desk.asked(request) == answer
    assert desk.commands == []
    assert len(desk.gate.decisions) == 1


async def test_only_so_many_answers_are_kept(desk: Desk) -> None:
    desk.gate.car_comes()
    for _ in range(ANSWERS_MAX + 5):
        await desk.asked(desk.request())
    assert len(desk.requests._answers) == ANSWERS_MAX


async def test_no_other_request_is_known(desk: Desk) -> None:
    with pytest.raises(Refused) as refused:
        await desk.requests.serve(topics.gate_requests(ENTRY, "close"), desk.request().encode())
    assert refused.value.code == "request_unknown"
    with pytest.raises(PeerError):
        await desk.requests.serve(TOPIC, b"{}")


class TestAttendants:
    """Who opens the lane or sets its mode from the lot's page."""

    def opening(self, desk: Desk, **said: object) -> tuple[str, OpenRequest]:
        fields = {"request_id": "o1", "gate_id": ENTRY, "by": "Anna", "challenge": desk.challenge.current}
        return topics.gate_requests(ENTRY, "open"), OpenRequest.model_validate(fields | said)

    def setting(self, desk: Desk, **said: object) -> tuple[str, ModeRequest]:
        fields = {"request_id": "m1", "gate_id": ENTRY, "mode": "closed", "by": "Anna"}
        return topics.gate_requests(ENTRY, "mode"), ModeRequest.model_validate(
            fields | {"challenge": desk.challenge.current} | said
        )

    async def test_an_attendant_opens_on_a_gate_whose_clock_is_wrong(self, desk: Desk) -> None:
        desk.gate.car_comes()
        topic, request = self.opening(desk)
        now = desk.gate.now
        desk.gate.now = Now(now.mono_ms + LIFE_MS - 1, now.utc - timedelta(days=4_000), Trust.NONE)
        reply = await desk.requests.serve(topic, request.encode())
        assert AdmitAnswer.model_validate(reply.result).reason is Reason.ATTENDANT
        assert RaiseArm() in desk.commands
        assert desk.gate.decisions[-1].by == "Anna"

    async def test_an_old_open_command_never_does(self, desk: Desk) -> None:
        desk.gate.car_comes()
        topic, request = self.opening(desk)
        desk.gate.now = desk.gate.now.later(LIFE_MS)
        with pytest.raises(TryLater, match="challenge"):
            await desk.requests.serve(topic, request.encode())
        assert (desk.commands, desk.gate.stored()) == ([], [])

    async def test_nor_one_that_somebody_has_recorded(self, desk: Desk) -> None:
        desk.gate.car_comes()
        topic, request = self.opening(desk)
        await desk.requests.serve(topic, request.encode())
        desk.gate.through()
        desk.commands.clear()
        await desk.requests.serve(topic, request.encode())  # its own answer again, and nothing moves
        with pytest.raises(TryLater, match="challenge"):
            await desk.requests.serve(topic, request.model_copy(update={"request_id": "o2"}).encode())
        assert desk.commands == []

    async def test_an_attendant_closes_the_lane(self, desk: Desk) -> None:
        topic, request = self.setting(desk)
        reply = await desk.requests.serve(topic, request.encode())
        assert ModeAnswer.model_validate(reply.result) == ModeAnswer(mode=Mode.CLOSED, at=desk.gate.now.utc)
        assert desk.gate.lane.mode is Mode.CLOSED

    async def test_a_mode_for_another_lane_is_refused(self, desk: Desk) -> None:
        topic, request = self.setting(desk, gate_id="riverside.entry-2")
        with pytest.raises(Refused, match="this is"):
            await desk.requests.serve(topic, request.encode())
        assert desk.gate.lane.mode is Mode.AUTOMATIC
