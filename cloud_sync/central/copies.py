"""Central's copies of what a lot's hub owns. They enforce nothing and can be fetched again from the facts."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from cloud_sync.central import recovery, tickets
from cloud_sync.central.database import Database
from cloud_sync.central.tables import (
    Booking,
    GateCopy,
    ReservationCopy,
    SpotCopy,
    StayCopy,
    TicketKeyCopy,
    WithdrawalCopy,
)
from cloud_sync.link.v1.facts import (
    AlarmRaised,
    GateChanged,
    Payload,
    ReservationChanged,
    SpotChanged,
    StayChanged,
    TicketKeyPublished,
    WithdrawalSettled,
    payload_of,
)
from domain.errors import PeerError
from domain.fact import Fact
from domain.reservation import Status

log = logging.getLogger(__name__)

Ended = Callable[[Session, str, datetime], None]

MOVED = "moved"
"""The cause by which a hub tells that it has given a booking another spot."""

_Copy = ReservationCopy | StayCopy | SpotCopy | GateCopy | TicketKeyCopy
_TABLES: Mapping[str, type[Any]] = {
    ReservationChanged.kind: ReservationCopy,
    StayChanged.kind: StayCopy,
    SpotChanged.kind: SpotCopy,
    GateChanged.kind: GateCopy,
    TicketKeyPublished.kind: TicketKeyCopy,
}
"""Of what there are copies that a snapshot makes anew, by the kind of fact that tells of it."""

_SETTLED_BY = (Status.CANCELLED, Status.COMPLETED, Status.NO_SHOW)


class LotCopies:
    """Applies the facts of one lot's hub."""

    def __init__(self, database: Database, lot_id: str, ended: Ended, now: Callable[[], datetime]) -> None:
        """`ended` is called, in the transaction, with a reservation whose money this fact may decide on: it was
        cancelled or nobody came, that is known for sure, or its car has left."""
        self._database = database
        self._lot_id = lot_id
        self._ended = ended
        self._now = now

    def apply(self, fact: Fact) -> None:
        """Take over what `fact` says. Raises PeerError for what is malformed, unknown or of another lot."""
        payload = payload_of(fact)
        with self._database.transaction() as session:
            ended = self._take_over(session, payload, fact)
            session.flush()
            if ended is not None:
                self._ended(session, ended, self._now())

    def forget(self, kind: str, subject: str) -> None:
        """Have what a snapshot tells of this taken over, whatever is known.

        Reservations stay, as bookings and money hang on them; one that the snapshot does not name is as if only an
        answer had told of it. So do stays that have ended.
        """
        with self._database.transaction() as session:
            if kind == ReservationChanged.kind:
                session.get(Booking, subject, with_for_update=True)  # first the booking, as everywhere
            known: _Copy | None = session.get(_TABLES[kind], subject) if kind in _TABLES else None
            if known is None or known.lot_id != self._lot_id:
                return
            if isinstance(known, ReservationCopy):
                known.revision = 0
            elif not isinstance(known, StayCopy) or known.left_at is None:
                session.delete(known)

    def _take_over(self, session: Session, payload: Payload, fact: Fact) -> str | None:
        """The reservation that has ended by this, if any."""
        match payload:
            case ReservationChanged():
                return self._reservation(session, payload, fact)
            case StayChanged():
                return self._stay(session, payload)
            case WithdrawalSettled():
                return self._withdrawal(session, payload)
            case SpotChanged():
                spot_id = self._own(payload.spot_id)
                kind = payload.spot_kind.value
                session.merge(SpotCopy(spot_id=spot_id, lot_id=self._lot_id, kind=kind, in_service=payload.in_service))
            case GateChanged():
                gate_id = self._own(payload.gate_id)
                session.merge(GateCopy(gate_id=gate_id, lot_id=self._lot_id, direction=payload.direction.value))
            case TicketKeyPublished():
                session.merge(TicketKeyCopy(key_id=payload.key_id, lot_id=self._lot_id, public_key=payload.public_key))
            case AlarmRaised():
                log.warning("lot.alarm", extra={"lot": self._lot_id, "alarm": payload.alarm})
            case _:
                pass  # kept in the log of facts; there is no copy of it
        return None

    def _reservation(self, session: Session, said: ReservationChanged, fact: Fact) -> str | None:
        recovery.told(session, said, self._lot_id, fact.at, self._now())  # first the booking, as everywhere
        known = session.get(ReservationCopy, said.reservation_id, with_for_update=True)
        if known is not None and said.revision < known.revision:
            return None
        if not said.user_id:
            said = recovery.completed(session, said)
        session.merge(
            ReservationCopy(
                reservation_id=said.reservation_id,
                revision=said.revision,
                lot_id=self._lot_id,
                status=said.status.value,
                spot_id=self._own(said.spot_id),
                user_id=said.user_id,
                vehicle_id=said.vehicle_id,
                start_time=said.start_time,
                end_time=said.end_time,
                price_minor=said.price.amount_minor,
                currency=said.price.currency,
                hold_expires_at=said.hold_expires_at,
                cause=said.cause,
                changed_at=fact.at,
                created_at=fact.at if known is None else known.created_at,
            )
        )
        if said.cause == MOVED:
            tickets.moved(session, said.reservation_id, said.spot_id, said.revision, self._now())
        return said.reservation_id if said.status in _SETTLED_BY else None

    def _withdrawal(self, session: Session, said: WithdrawalSettled) -> str:
        known = session.get(WithdrawalCopy, said.reservation_id)
        complete = said.complete
        if known is not None and known.revision >= said.revision:
            if known.revision > said.revision:
                return said.reservation_id
            complete = complete and known.complete  # once in doubt, the driver's benefit
        session.merge(
            WithdrawalCopy(
                reservation_id=said.reservation_id, lot_id=self._lot_id, revision=said.revision, complete=complete
            )
        )
        return said.reservation_id

    def _stay(self, session: Session, said: StayChanged) -> str | None:
        session.merge(
            StayCopy(
                stay_id=said.stay_id,
                lot_id=self._lot_id,
                reservation_id=said.reservation_id,
                spot_id=None if said.spot_id is None else self._own(said.spot_id),
                entered_at=said.entered_at,
                left_at=said.left_at,
                conflict=None if said.conflict is None else said.conflict.value,
            )
        )
        return None if said.left_at is None else said.reservation_id

    def _own(self, name: str) -> str:
        if not name.startswith(f"{self._lot_id}."):
            raise PeerError("fact_foreign", f"{name} is not in the lot {self._lot_id}")
        return name
