"""What central's copy says of a lot's spots: free in a window, and as they are now.

The copy sells nothing. Whether a spot is to be had is for the lot's hub to say when it is asked for a hold.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import and_, func, or_
from sqlmodel import Session, col, select

from cloud_sync.central.tables import ReservationCopy, SpotCopy, StayCopy
from domain.reservation import HOLDS_SPOT, Status
from domain.spot import FITS, SpotKind, VehicleType
from domain.window import Window

SPOTS_MAX = 1_000
"""Spots in one answer at most."""


class SpotState(Enum):
    AVAILABLE = "available"
    RESERVED = "reserved"  # somebody's window covers this moment, or it is out of service
    OCCUPIED = "occupied"  # a car is known to stand there


@dataclass(frozen=True, slots=True)
class Counts:
    """A lot's spots in service by their state now."""

    spots: int
    available: int
    reserved: int
    occupied: int


def available(session: Session, lot_id: str, vehicle: VehicleType, window: Window, now: datetime) -> list[SpotCopy]:
    """The spots in service that fit, that nobody holds in the window, the tightest fit first.

    For a window that has begun, also that nobody is known to stand on.
    """
    wanted: list[Any] = [
        SpotCopy.lot_id == lot_id,
        col(SpotCopy.in_service),
        col(SpotCopy.kind).in_([kind.value for kind in FITS[vehicle]]),
        col(SpotCopy.spot_id).not_in(_held(window.start, window.end, now)),
    ]
    if window.start <= now:
        wanted.append(col(SpotCopy.spot_id).not_in(_occupied()))
    found = session.exec(select(SpotCopy).where(*wanted).order_by(SpotCopy.spot_id)).all()
    return sorted(found, key=lambda spot: FITS[vehicle].index(SpotKind(spot.kind)))[:SPOTS_MAX]


def state_of(session: Session, spot_id: str, now: datetime) -> SpotState:
    """How a spot is now."""
    this = SpotCopy.spot_id == spot_id
    if session.exec(select(SpotCopy).where(this, col(SpotCopy.spot_id).in_(_occupied()))).first() is not None:
        return SpotState.OCCUPIED
    kept = or_(col(SpotCopy.spot_id).in_(_held(now, now, now)), ~col(SpotCopy.in_service))
    if session.exec(select(SpotCopy).where(this, kept)).first() is not None:
        return SpotState.RESERVED
    return SpotState.AVAILABLE


def counts(session: Session, lot_id: str, now: datetime) -> Counts:
    """How a lot's spots in service are now."""
    in_service = SpotCopy.lot_id == lot_id, col(SpotCopy.in_service)
    is_occupied = col(SpotCopy.spot_id).in_(_occupied())

    def number(*where: Any) -> int:
        return session.exec(select(func.count()).select_from(SpotCopy).where(*in_service, *where)).one()

    spots = number()
    occupied = number(is_occupied)
    reserved = number(~is_occupied, col(SpotCopy.spot_id).in_(_held(now, now, now)))
    return Counts(spots, spots - occupied - reserved, reserved, occupied)


def _held(start: datetime, end: datetime, now: datetime) -> Any:
    """Ids of the spots that somebody has a right to between `start` and `end`; the same twice: at that moment."""
    begins = ReservationCopy.start_time <= start if start == end else ReservationCopy.start_time < end
    lapsed = and_(col(ReservationCopy.status) == Status.HELD.value, col(ReservationCopy.hold_expires_at) <= now)
    return select(ReservationCopy.spot_id).where(
        col(ReservationCopy.status).in_([status.value for status in HOLDS_SPOT]),
        begins,
        ReservationCopy.end_time > start,
        or_(~lapsed, col(ReservationCopy.hold_expires_at).is_(None)),
    )


def _occupied() -> Any:
    """Ids of the spots that a car is known to stand on."""
    return select(StayCopy.spot_id).where(
        col(StayCopy.left_at).is_(None), col(StayCopy.entered_at).is_not(None), col(StayCopy.spot_id).is_not(None)
    )
