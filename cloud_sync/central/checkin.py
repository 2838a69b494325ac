"""Opening a gate from afar: central finds out whose wish it is, the lot's gate decides.

What was sent is resolved here: a driver may name their own reservations, vehicles and tickets only. Their plate stands
for their reservation there, since anybody may register any plate; an operator's goes on sealed with the lot's key.
Whether the arm moves is for the gate alone to say, as if the driver had stood before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import and_, case, or_
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from cloud_sync.central.accounts import Caller, Role
from cloud_sync.central.database import Database
from cloud_sync.central.hubs import Hubs
from cloud_sync.central.settings import LotSettings
from cloud_sync.central.tables import GateCopy, ReservationCopy, StayCopy, TicketKeyCopy
from cloud_sync.central.vehicles import Vehicles
from cloud_sync.link import ticket as tickets
from cloud_sync.link.clock import Clock
from cloud_sync.link.v1.facts import Direction
from cloud_sync.link.v1.messages import AdmitAnswer, AdmitRequest
from cloud_sync.link.v1.wire import utc
from domain.errors import NotFound, TryLater
from domain.ids import is_unit_id
from domain.plate import Plate, SealedPlate
from domain.reservation import Status

_CUT_OFF = ("hub_offline", "gate_offline", "no_answer")


@dataclass(frozen=True, slots=True)
class Knock:
    """What somebody sent to a gate: exactly one of a reservation, a plate, a ticket's text."""

    gate_id: str
    direction: Direction
    reservation_id: str | None = None
    plate: Plate | None = None
    ticket: str | None = None


class CheckIns:
    """Asks gates, through their lots' hubs."""

    def __init__(
        self,
        database: Database,
        *,
        hubs: Hubs,
        vehicles: Vehicles,
        lots: Mapping[str, LotSettings],
        answer_s: float,
        clock: Clock,
    ) -> None:
        self._database = database
        self._hubs = hubs
        self._vehicles = vehicles
        self._lots = lots
        self._answer = timedelta(seconds=answer_s)
        self._clock = clock

    def request(self, knock: Knock, by: Caller) -> tuple[str, AdmitRequest]:
        """The lot, and what to ask its hub. Raises NotFound for what is not there, or not the caller's; BadInput for a
        ticket that the lot has not signed."""
        lot_id = knock.gate_id.partition(".")[0]
        with self._database.reading() as session:
            if not is_unit_id(knock.gate_id) or lot_id not in self._lots or not session.get(GateCopy, knock.gate_id):
                raise NotFound("gate_unknown", "there is no such gate")
            if by.role is not Role.OPERATOR:
                knock = self._theirs(session, lot_id, knock, by)
        return lot_id, AdmitRequest(
            request_id=uuid4().hex,
            gate_id=knock.gate_id,
            direction=knock.direction,
            reservation_id=knock.reservation_id,
            plate=self._sealed(lot_id, knock.plate),
            ticket=knock.ticket,
            car_required=by.role is not Role.OPERATOR,
            answer_by=utc(self._clock().utc + self._answer),
        )

    async def ask(self, lot_id: str, request: AdmitRequest) -> AdmitAnswer:
        """What the gate decided. Raises Refused with its code where it did not take the request, TryLater where hub or
        gate cannot be reached: then the arm may have moved, or may not. So is what the gate cannot do at this moment,
        with its own code."""
        try:
            return await self._hubs.ask(lot_id, "admit", request, AdmitAnswer)
        except TryLater as error:
            if error.code not in _CUT_OFF:
                raise
            raise TryLater(
                error.code,
                f"the lot {lot_id} cannot be reached now, or its gate did not answer; the gate itself works on:"
                " show the ticket there, or try again later",
                error.retry_after_s,
            ) from error

    def may_see(self, answer: AdmitAnswer, by: Caller) -> bool:
        """Whether whose reservation it was may be told to the caller."""
        if answer.reservation_id is None:
            return True
        with self._database.reading() as session:
            known = session.get(ReservationCopy, answer.reservation_id)
            return by.role is Role.OPERATOR or (known is not None and by.may_act_for(known.user_id))

    def _theirs(self, session: Session, lot_id: str, knock: Knock, by: Caller) -> Knock:
        """What a driver sent, if it is theirs. Raises NotFound."""
        if knock.plate is not None:
            booked = self._booked(session, lot_id, knock.plate, knock.direction, by)
            return Knock(knock.gate_id, knock.direction, booked)
        reservation_id = knock.reservation_id
        if knock.ticket is not None:
            keys = session.exec(select(TicketKeyCopy).where(TicketKeyCopy.lot_id == lot_id))
            signed = tickets.verify(knock.ticket, {key.key_id: key.public_key for key in keys})
            reservation_id = signed.reservation_id
        if reservation_id is not None:
            known = session.get(ReservationCopy, reservation_id)
            if known is None or not by.may_act_for(known.user_id):
                raise NotFound("reservation_unknown", "there is no such reservation")
        return knock

    def _booked(self, session: Session, lot_id: str, plate: Plate, direction: Direction, by: Caller) -> str:
        """The driver's own reservation at a lot that their vehicle with this plate comes in on, or leaves on."""
        vehicle = self._vehicles.named(session, by.user_id, plate)
        theirs = select(ReservationCopy.reservation_id).where(
            ReservationCopy.lot_id == lot_id,
            ReservationCopy.user_id == by.user_id,
            ReservationCopy.vehicle_id == vehicle.vehicle_id,
        )
        if direction is Direction.EXIT:
            to_use = _to_leave(theirs)
        else:
            early = timedelta(seconds=self._lots[lot_id].policy.early_s)
            to_use = _to_enter(theirs, self._clock().utc, early)
        reservation_id = session.exec(to_use.limit(1)).first()
        if reservation_id is None:
            raise NotFound("reservation_unknown", "this vehicle has no reservation there")
        return reservation_id

    def _sealed(self, lot_id: str, plate: Plate | None) -> SealedPlate | None:
        return None if plate is None else self._vehicles.sealed_for(lot_id, plate)


def _to_leave(theirs: SelectOfScalar[str]) -> SelectOfScalar[str]:
    """Of a vehicle's reservations those on which it is inside, whatever became of the right; the one that it came in on
    last comes first, since an earlier exit may have been missed."""
    stays = theirs.join(StayCopy, col(StayCopy.reservation_id) == ReservationCopy.reservation_id)
    return stays.where(col(StayCopy.left_at).is_(None)).order_by(col(StayCopy.entered_at).desc())


def _to_enter(theirs: SelectOfScalar[str], now: datetime, early: timedelta) -> SelectOfScalar[str]:
    """Of a vehicle's reservations those that may be meant by coming to the gate, the likeliest first.

    A booking that may enter now comes before one that was missed, which lets in too, but late; then one that may enter
    later, then one whose car is inside. A missed one that a car has come in on after all, and left, is over.
    """
    status = col(ReservationCopy.status)
    stays = select(StayCopy.stay_id).where(StayCopy.reservation_id == ReservationCopy.reservation_id)
    inside = or_(status == Status.CHECKED_IN.value, stays.where(col(StayCopy.left_at).is_(None)).exists())
    booked, missed = status == Status.CONFIRMED.value, and_(status == Status.NO_SHOW.value, ~stays.exists())
    may_enter_now = col(ReservationCopy.start_time) <= now + early
    rank = case((inside, 3), (missed, 1), (may_enter_now, 0), else_=2)
    not_over = or_(inside, and_(or_(booked, missed), col(ReservationCopy.end_time) > now))
    return theirs.where(not_over).order_by(rank, col(ReservationCopy.start_time))
