"""Stands in for the street side: the hub of one lot, as central sees it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cloud_sync.central.hubs import Answer, hub_offline
from cloud_sync.link.v1.facts import (
    Direction,
    GateChanged,
    Payload,
    ReservationChanged,
    SpotChanged,
    StayChanged,
    WithdrawalSettled,
)
from cloud_sync.link.v1.messages import (
    AdmitAnswer,
    AdmitRequest,
    CancelRequest,
    ConfirmRequest,
    HoldRequest,
    ReleaseRequest,
)
from cloud_sync.link.v1.wire import Envelope
from domain.admission import Reason, Verdict
from domain.errors import Refused, TryLater
from domain.fact import GENESIS, Fact, FactRef, link
from domain.now import Now, Trust
from domain.reservation import Status
from domain.spot import SpotKind
from domain.stay import Conflict
from tests.parts import NOON

LOT, SPOT, COMPACT_SPOT = "riverside", "riverside.1-001", "riverside.1-002"
GATE, EXIT_GATE = "riverside.entry-1", "riverside.exit-1"
START, END = NOON + timedelta(hours=2), NOON + timedelta(hours=4)
"""A window that costs 8.00 EUR by the tariff of `site.CONFIG`: eight quarters of an hour."""

HOLD = timedelta(minutes=10)


ADMITTED = AdmitAnswer(
    verdict=Verdict.ADMIT, reason=Reason.BOOKED, reservation_id=None, spot_id=None, at=NOON, took_ms=12
)


class Watch:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = Now(0, NOON)

    def __call__(self) -> Now:
        return self.now

    def pass_by(self, time: timedelta) -> None:
        self.now = self.now.later(int(time / timedelta(milliseconds=1)))


class StreetSide:
    """Stands in for the hub of `riverside`: grants what is free, and tells of it by facts.

    `away`: it cannot be reached. `deaf`: requests are lost. `mute`: it does what it is asked, and the answer is lost.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self.away = self.deaf = self.mute = False
        self.asked: list[tuple[str, Envelope]] = []
        self.facts: list[Fact] = []
        self.holds: dict[str, HoldRequest] = {}
        self.status: dict[str, Status] = {}
        self.answer: AdmitAnswer | Refused | TryLater = ADMITTED
        self._revision: dict[str, int] = {}
        for spot_id, kind in ((SPOT, SpotKind.STANDARD), (COMPACT_SPOT, SpotKind.COMPACT)):
            self.tell(SpotChanged(spot_id=spot_id, spot_kind=kind, in_service=True))
        self.tell(GateChanged(gate_id=GATE, direction=Direction.ENTRY))
        self.tell(GateChanged(gate_id=EXIT_GATE, direction=Direction.EXIT))

    def online(self, lot_id: str) -> bool:
        return lot_id == LOT and not self.away

    def heard_at(self, lot_id: str) -> datetime | None:
        return self._watch().utc if self.online(lot_id) else None

    async def ask(self, lot_id: str, name: str, message: Envelope, answer: type[Answer]) -> Answer:
        self.asked.append((name, message))
        if self.away:
            raise hub_offline(lot_id)
        if self.deaf:
            raise TryLater("no_answer", "it never arrived")
        result = self._carry_out(message)
        if self.mute:
            raise TryLater("no_answer", "the answer was lost")
        return answer.model_validate(result)

    def requests(self, name: str) -> list[Envelope]:
        return [message for asked, message in self.asked if asked == name]

    def tell(self, payload: Payload) -> Fact:
        """Append a fact to the lot's log."""
        seq = len(self.facts) + 1
        fact = Fact(
            LOT, 1, seq, payload.kind, self._watch().utc, "boot", self._watch().mono_ms, Trust.NTP,
            payload.to_json(), "",
        )  # fmt: skip
        before = self.facts[-1].chain if self.facts else GENESIS
        self.facts.append(replace(fact, chain=link(before, fact)))
        return self.facts[-1]

    def step(self, reservation_id: str, status: Status, cause: str, cancel_requested_at: datetime | None = None) -> int:
        """Change a reservation and tell of it; its revision."""
        hold = self.holds[reservation_id]
        self.status[reservation_id] = status
        self._revision[reservation_id] = self._revision.get(reservation_id, 0) + 1
        self.tell(
            ReservationChanged(
                reservation_id=reservation_id,
                revision=self._revision[reservation_id],
                status=status,
                spot_id=hold.spot_id,
                user_id=hold.user_id,
                vehicle_id=hold.vehicle_id,
                vehicle_type=hold.vehicle_type,
                plate=hold.plate,
                start_time=hold.start_time,
                end_time=hold.end_time,
                price=hold.price,
                hold_expires_at=self._watch().utc + HOLD if status is Status.HELD else None,
                cause=cause,
                cancel_requested_at=cancel_requested_at,
            )
        )
        return self._revision[reservation_id]

    def stay(
        self,
        reservation_id: str,
        left_at: datetime | None,
        entered_at: datetime | None = START,
        conflict: Conflict | None = None,
    ) -> None:
        """Tell of the stay of a reservation's car."""
        hold = self.holds[reservation_id]
        self.tell(
            StayChanged(
                stay_id=f"stay-{reservation_id}-{conflict}",
                reservation_id=reservation_id,
                spot_id=hold.spot_id,
                entered_at=entered_at,
                left_at=left_at,
                conflict=conflict,
                origin=FactRef(GATE, 1, 1),
            )
        )

    def withdrawn(self, reservation_id: str, *, complete: bool = True) -> None:
        """Tell that it is known who came in on what was cancelled or became a no-show."""
        revision = self._revision[reservation_id]
        self.tell(WithdrawalSettled(reservation_id=reservation_id, revision=revision, complete=complete))

    def move(self, reservation_id: str, spot_id: str) -> None:
        """Give a booking another spot."""
        self.holds[reservation_id] = self.holds[reservation_id].model_copy(update={"spot_id": spot_id})
        self.step(reservation_id, Status.CONFIRMED, "moved")

    def forget(self, reservation_id: str) -> None:
        """Its disk is set back to before this reservation, which was its last."""
        for known in (self.holds, self.status, self._revision):
            known.pop(reservation_id)
        self.facts = [fact for fact in self.facts if fact.payload.get("reservation_id") != reservation_id]

    def _carry_out(self, message: Envelope) -> dict[str, Any]:
        match message:
            case HoldRequest():
                return self._hold(message)
            case ReleaseRequest():
                if self.status.get(message.reservation_id) is Status.HELD:
                    self.step(message.reservation_id, Status.CANCELLED, "released")
                return {}
            case ConfirmRequest():
                if message.reservation_id not in self.status:
                    raise Refused("reservation_unknown", "this lot has no such reservation")
                if self.status[message.reservation_id] is Status.EXPIRED:
                    raise Refused("reservation_expired", "too late")
                if self.status[message.reservation_id] is Status.HELD:
                    self.step(message.reservation_id, Status.CONFIRMED, "paid")
                spot_id = self.holds[message.reservation_id].spot_id
                return {
                    "ticket": f"TICKET {message.reservation_id} {spot_id}",
                    "revision": self._revision[message.reservation_id],
                }
            case AdmitRequest():
                if not isinstance(self.answer, AdmitAnswer):
                    raise self.answer
                return self.answer.to_json()
            case CancelRequest():
                status = self.status[message.reservation_id]
                if status is Status.CANCELLED:
                    return {"revision": self._revision[message.reservation_id]}
                if status not in (Status.HELD, Status.CONFIRMED):
                    raise Refused(f"reservation_{status.value}", "it has ended otherwise")
                revision = self.step(message.reservation_id, Status.CANCELLED, message.cause, message.requested_at)
                return {"revision": revision}
        raise AssertionError(message)

    def _hold(self, request: HoldRequest) -> dict[str, Any]:
        if request.end_time <= self._watch().utc:
            raise Refused("window_past", "the window has ended already")
        granted = (Status.HELD, Status.CONFIRMED, Status.CHECKED_IN)
        for other, hold in self.holds.items():
            if (
                hold.spot_id == request.spot_id
                and self.status[other] in granted
                and hold.start_time < request.end_time
                and request.start_time < hold.end_time
            ):
                raise Refused("spot_taken", "this spot is taken in that window")
        self.holds[request.reservation_id] = request
        self.step(request.reservation_id, Status.HELD, "held")
        return {"hold_expires_at": self._watch().utc + HOLD}
