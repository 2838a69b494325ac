"""What the HTTP API shows: the documents, and how they are put together from the rows."""

from enum import Enum
from typing import Any

from pydantic import BaseModel
from sqlmodel import Session, col, select

from cloud_sync.central import search, tickets
from cloud_sync.central.booking import State
from cloud_sync.central.office import Office
from cloud_sync.central.payment import PaymentStatus, status_of
from cloud_sync.central.search import SpotState
from cloud_sync.central.settings import LotSettings
from cloud_sync.central.settlement import is_cancelled
from cloud_sync.central.tables import Booking, Payment, ReservationCopy, SpotCopy, StayCopy
from cloud_sync.link.v1.wire import Instant
from domain.admission import Reason, Verdict
from domain.errors import NotFound, Refused, TryLater
from domain.money import Money
from domain.policy import Tariff
from domain.reservation import Status
from domain.spot import SpotKind, VehicleType
from domain.window import Window

HISTORY_MAX = 200


class LotDocument(BaseModel):
    """`bookable`: the lot's hub is there to grant a hold. `as_of`: how old the counts may be; null for never heard."""

    lot_id: str
    name: str
    timezone: str
    tariff: Tariff
    bookable: bool
    as_of: Instant | None
    spots: int
    available: int
    reserved: int
    occupied: int


class Lots(BaseModel):
    lots: list[LotDocument]


class OfferDocument(BaseModel):
    """A spot that is free in the window that was asked for, and what that costs."""

    spot_id: str
    lot_id: str
    kind: SpotKind
    price: Money


class Offers(BaseModel):
    lot_id: str
    vehicle_type: VehicleType
    start_time: Instant
    end_time: Instant
    bookable: bool
    as_of: Instant | None
    spots: list[OfferDocument]


class SpotDocument(BaseModel):
    spot_id: str
    lot_id: str
    kind: SpotKind
    in_service: bool
    status: SpotState
    bookable: bool
    as_of: Instant | None


class ReservationStatus(Enum):
    """`domain.reservation.Status`, and what only central knows."""

    HELD = "held"
    CONFIRMED = "confirmed"
    CHECKED_IN = "checked_in"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"  # its driver cancelled it; the lot has not answered yet
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"


_CANCELLABLE = (Status.HELD, Status.CONFIRMED)
_WITH_TICKET = (ReservationStatus.CONFIRMED, ReservationStatus.CHECKED_IN)


class ReservationDocument(BaseModel):
    reservation_id: str
    lot_id: str
    spot_id: str
    user_id: str
    vehicle_id: str
    start_time: Instant
    end_time: Instant
    status: ReservationStatus
    hold_expires_at: Instant | None
    price: Money
    payment_id: str | None
    entered_at: Instant | None
    left_at: Instant | None
    created_at: Instant


class Reservations(BaseModel):
    reservations: list[ReservationDocument]


class PaymentDocument(BaseModel):
    payment_id: str
    reservation_id: str
    status: PaymentStatus
    amount: Money
    refunded: Money
    created_at: Instant


class GateAnswer(BaseModel):
    """What the gate decided. `took_ms`: from the request's arrival there to the decision."""

    decision: Verdict
    reason: Reason
    gate_id: str
    reservation_id: str | None
    spot_id: str | None
    at: Instant
    took_ms: int


class ActionDocument(PaymentDocument):
    """A payment that the driver's bank wants confirmed; Stripe's client library takes the secret."""

    client_secret: str


def lots(office: Office) -> Lots:
    return Lots(lots=[_lot(office, settings) for settings in office.lots.values()])


def lot(office: Office, lot_id: str) -> LotDocument:
    """Raises NotFound."""
    return _lot(office, _known_lot(office, lot_id))


def offers(office: Office, lot_id: str, vehicle_type: VehicleType, window: Window) -> Offers:
    """What central's copy has free. Raises NotFound for an unknown lot."""
    tariff = _known_lot(office, lot_id).tariff
    price = tariff.price(window)
    with office.database.reading() as session:
        free = search.available(session, lot_id, vehicle_type, window, office.clock().utc)
    return Offers(
        lot_id=lot_id,
        vehicle_type=vehicle_type,
        start_time=window.start,
        end_time=window.end,
        bookable=office.hubs.online(lot_id),
        as_of=office.as_of(lot_id),
        spots=[
            OfferDocument(spot_id=spot.spot_id, lot_id=lot_id, kind=SpotKind(spot.kind), price=price) for spot in free
        ],
    )


def spot(office: Office, spot_id: str) -> SpotDocument:
    """Raises NotFound."""
    with office.database.reading() as session:
        known = session.get(SpotCopy, spot_id)
        if known is None or known.lot_id not in office.lots:
            raise NotFound("spot_unknown", "there is no such spot")
        return SpotDocument(
            spot_id=spot_id,
            lot_id=known.lot_id,
            kind=SpotKind(known.kind),
            in_service=known.in_service,
            status=search.state_of(session, spot_id, office.clock().utc),
            bookable=office.hubs.online(known.lot_id),
            as_of=office.as_of(known.lot_id),
        )


def reservation(office: Office, reservation_id: str) -> ReservationDocument:
    """Raises NotFound."""
    with office.database.reading() as session:
        known = session.get(ReservationCopy, reservation_id)
        if known is None:
            raise NotFound("reservation_unknown", "there is no such reservation")
        return _reservation(session, known)


def history(office: Office, user_id: str, limit: int) -> Reservations:
    """A user's reservations, the newest first."""
    found = (
        select(ReservationCopy)
        .where(ReservationCopy.user_id == user_id)
        .order_by(col(ReservationCopy.created_at).desc(), col(ReservationCopy.reservation_id))
        .limit(min(limit, HISTORY_MAX))
    )
    with office.database.reading() as session:
        return Reservations(reservations=[_reservation(session, known) for known in session.exec(found).all()])


def ticket(office: Office, reservation_id: str) -> str:
    """The text that the hub signed for the spot that the booking has now.

    Raises Refused where there is none that opens a gate, TryLater where it is on its way: the lot has moved the booking
    a moment ago, or central has lost the ticket.
    """
    with office.database.reading() as session:
        known = session.get_one(ReservationCopy, reservation_id)
        booking = session.get(Booking, reservation_id)
        status = _status(booking, known)
        # The gate lets in who comes late, as long as the window lasts.
        late = status is ReservationStatus.NO_SHOW and office.clock().utc < known.end_time
        opens = late or status in _WITH_TICKET
        if booking is not None and opens and tickets.is_stale(booking):
            raise TryLater("ticket_renewing", "the ticket of this booking is being renewed; try again in a moment", 2)
        if booking is None or booking.ticket is None or not opens:
            raise Refused("ticket_not_valid", f"a reservation that is {status.value} has no ticket that opens a gate")
        return booking.ticket


def payment(office: Office, payment_id: str) -> tuple[PaymentDocument, Payment]:
    """A payment and its row. Raises NotFound."""
    with office.database.reading() as session:
        known = session.get(Payment, payment_id)
    if known is None:
        raise NotFound("payment_unknown", "there is no such payment")
    fields: dict[str, Any] = {
        "payment_id": known.payment_id,
        "reservation_id": known.reservation_id,
        "status": status_of(known),
        "amount": Money(known.amount_minor, known.currency),
        "refunded": Money(known.refunded_minor, known.currency),
        "created_at": known.created_at,
    }
    if fields["status"] is PaymentStatus.REQUIRES_ACTION and known.client_secret:
        return ActionDocument(**fields, client_secret=known.client_secret), known
    return PaymentDocument(**fields), known


def _lot(office: Office, settings: LotSettings) -> LotDocument:
    lot_id = settings.lot_id
    with office.database.reading() as session:
        counts = search.counts(session, lot_id, office.clock().utc)
    return LotDocument(
        lot_id=lot_id,
        name=settings.name,
        timezone=settings.timezone,
        tariff=settings.tariff,
        bookable=office.hubs.online(lot_id),
        as_of=office.as_of(lot_id),
        spots=counts.spots,
        available=counts.available,
        reserved=counts.reserved,
        occupied=counts.occupied,
    )


def _known_lot(office: Office, lot_id: str) -> LotSettings:
    settings = office.lots.get(lot_id)
    if settings is None:
        raise NotFound("lot_unknown", "there is no such lot")
    return settings


def _reservation(session: Session, known: ReservationCopy) -> ReservationDocument:
    paid_by = (
        select(Payment.payment_id)
        .where(Payment.reservation_id == known.reservation_id)
        .order_by(col(Payment.attempt).desc())
        .limit(1)
    )
    stayed = (
        select(StayCopy)
        .where(StayCopy.reservation_id == known.reservation_id)
        .order_by(col(StayCopy.conflict).is_not(None), col(StayCopy.entered_at))
        .limit(1)
    )
    stay = session.exec(stayed).first()
    return ReservationDocument(
        reservation_id=known.reservation_id,
        lot_id=known.lot_id,
        spot_id=known.spot_id,
        user_id=known.user_id,
        vehicle_id=known.vehicle_id,
        start_time=known.start_time,
        end_time=known.end_time,
        status=_status(session.get(Booking, known.reservation_id), known),
        hold_expires_at=known.hold_expires_at,
        price=Money(known.price_minor, known.currency),
        payment_id=session.exec(paid_by).first(),
        entered_at=None if stay is None else stay.entered_at,
        left_at=None if stay is None else stay.left_at,
        created_at=known.created_at,
    )


def _status(booking: Booking | None, known: ReservationCopy) -> ReservationStatus:
    """What the hub says, unless the driver's wish to cancel says more."""
    status = Status(known.status)
    if is_cancelled(booking, status):
        return ReservationStatus.CANCELLED
    pending = booking is not None and booking.state == State.CANCELLING.value
    return ReservationStatus.CANCELLING if pending and status in _CANCELLABLE else ReservationStatus(status.value)
