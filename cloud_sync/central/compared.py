"""What central's copies of a lot amount to, to be compared with its hub's log (`cloud_sync/link/digest.py`)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, or_, select

from cloud_sync.central.database import Database
from cloud_sync.central.tables import GateCopy, ReservationCopy, SpotCopy, StayCopy, TicketKeyCopy
from cloud_sync.link.digest import Row
from cloud_sync.link.v1.facts import GateChanged, ReservationChanged, SpotChanged, StayChanged, TicketKeyPublished
from domain.now import rfc3339
from domain.reservation import Status

Range = Callable[[Any], ColumnElement[bool]]
"""Whether a column of subjects is in the page asked for."""


class ComparedCopies:
    """One lot's copies as a `Copy`. Changes nothing."""

    def __init__(self, database: Database, lot_id: str) -> None:
        self._database = database
        self._lot_id = lot_id

    def rows(self, kind: str, first: str, until: str, since: datetime) -> Iterable[Row] | None:
        """As `Copy.rows`."""
        find = _FIND.get(kind)
        if find is None:
            return None
        with self._database.reading() as session:

            def in_page(column: Any) -> ColumnElement[bool]:
                ordered = self._database.by_code_points(col(column))
                return (ordered >= first) & (ordered < until)

            return list(find(session, self._lot_id, in_page, since))


def _reservations(session: Session, lot_id: str, in_page: Range, since: datetime) -> Iterator[Row]:
    # Not who booked it, and for how much: a hub that has it from its ticket does not know that.
    not_over = or_(
        col(ReservationCopy.status) == Status.CHECKED_IN.value,
        col(ReservationCopy.end_time) > since,
    )
    found = select(ReservationCopy).where(
        ReservationCopy.lot_id == lot_id,
        ReservationCopy.revision > 0,  # the log has told of it
        in_page(ReservationCopy.reservation_id),
        not_over,
    )
    for copy in session.exec(found):
        yield (
            copy.reservation_id,
            {
                "revision": copy.revision,
                "status": copy.status,
                "spot_id": copy.spot_id,
                "start_time": rfc3339(copy.start_time),
                "end_time": rfc3339(copy.end_time),
                "hold_expires_at": copy.hold_expires_at and rfc3339(copy.hold_expires_at),
                "cause": copy.cause,
            },
        )


def _stays(session: Session, lot_id: str, in_page: Range, _since: datetime) -> Iterator[Row]:
    found = select(StayCopy).where(
        StayCopy.lot_id == lot_id, col(StayCopy.left_at).is_(None), in_page(StayCopy.stay_id)
    )
    for copy in session.exec(found):
        yield (
            copy.stay_id,
            {
                "reservation_id": copy.reservation_id,
                "spot_id": copy.spot_id,
                "entered_at": copy.entered_at and rfc3339(copy.entered_at),
                "conflict": copy.conflict,
            },
        )


def _spots(session: Session, lot_id: str, in_page: Range, _since: datetime) -> Iterator[Row]:
    for copy in session.exec(select(SpotCopy).where(SpotCopy.lot_id == lot_id, in_page(SpotCopy.spot_id))):
        yield copy.spot_id, {"spot_kind": copy.kind, "in_service": copy.in_service}


def _gates(session: Session, lot_id: str, in_page: Range, _since: datetime) -> Iterator[Row]:
    for copy in session.exec(select(GateCopy).where(GateCopy.lot_id == lot_id, in_page(GateCopy.gate_id))):
        yield copy.gate_id, {"direction": copy.direction}


def _keys(session: Session, lot_id: str, in_page: Range, _since: datetime) -> Iterator[Row]:
    for copy in session.exec(
        select(TicketKeyCopy).where(TicketKeyCopy.lot_id == lot_id, in_page(TicketKeyCopy.key_id))
    ):
        yield copy.key_id, {"public_key": copy.public_key}


_FIND: Mapping[str, Callable[[Session, str, Range, datetime], Iterator[Row]]] = {
    ReservationChanged.kind: _reservations,
    StayChanged.kind: _stays,
    SpotChanged.kind: _spots,
    GateChanged.kind: _gates,
    TicketKeyPublished.kind: _keys,
}
