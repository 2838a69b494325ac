"""Where one car stands and another is to come: the one to come is moved, before it is sent there.

What was granted never overlaps, but a car may stay longer than it has paid for. A confirmed reservation whose spot is
occupied, or out of service, `move_s` before its window starts goes to an equal or better spot, with a new ticket that
replaces the old one. Where there is none it is tried again whenever something has changed. Who is inside is not moved.

An overstay as such disturbs nobody. Attendants are told of one that is in the way of the next booking.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from cloud_sync.link.journal import Journal
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import AlarmRaised
from domain.ids import shown
from domain.now import Now, parse_instant, rfc3339
from domain.reservation import Step
from hub.book import Book, Reservation
from hub.spots import Spots
from hub.tickets import Tickets

OVERSTAY_GRACE = timedelta(minutes=2)
"""How long after its paid window a car may take to the exit before attendants hear of it."""

_DUE = "status = 'confirmed' AND start_time <= :soon AND end_time > :now"
_DUE_ON_SPOT = (  # as a list of ids, since SQLite would else read all that are due
    f"{_DUE} AND reservation_id IN ("  # noqa: S608  our own SQL
    "SELECT reservation_id FROM reservation WHERE spot_id = :spot_id AND status IN ('held', 'confirmed', 'checked_in')"
    " UNION ALL SELECT reservation_id FROM reservation WHERE status = 'confirmed' AND no_spot_told)"
)
_NOT_TO_BE_HAD = (
    "(EXISTS (SELECT 1 FROM stay WHERE stay.spot_id = reservation.spot_id AND left_at IS NULL)"
    " OR NOT (SELECT in_service FROM spot WHERE spot.spot_id = reservation.spot_id))"
)
_IN_THE_WAY = (  # CROSS JOIN has SQLite begin with the bookings that are due: they are few
    " FROM (SELECT reservation_id, spot_id FROM reservation WHERE {due}) due"
    " CROSS JOIN stay ON stay.spot_id = due.spot_id AND stay.left_at IS NULL AND NOT stay.overstay_told"
    " JOIN reservation parked ON parked.reservation_id = stay.reservation_id"
    " AND parked.reservation_id <> due.reservation_id"
)


class Moves:
    """Keeps bookings away from spots where somebody stands."""

    def __init__(self, store: Store, journal: Journal, book: Book, spots: Spots, tickets: Tickets) -> None:
        self._store = store
        self._sql = store.connection
        self._journal = journal
        self._book = book
        self._spots = spots
        self._tickets = tickets

    def check(self, now: Now) -> int:
        """Move what has to be moved by now; returns how many reservations were moved and alarms raised.

        Call it when time has come to `next_check`, and in the transaction of whatever may block a spot or free one.
        """
        return self._check(_DUE, None, now)

    def passed(self, spot_id: str | None, now: Now) -> int:
        """As `check`, after a car has come to this spot, or has left it. Only the bookings on it are looked at,
        and those for which there was none: a lot may have thousands that are due."""
        return self._check(_DUE_ON_SPOT, spot_id, now)

    def next_check(self, now: Now) -> datetime | None:
        """When the next booking comes so near that it may have to move, or a car in the way of one is an overstay.

        What ought to have moved by now, and was not tried, is due at once: a timer may ring a moment early.
        """
        move = timedelta(seconds=self._book.policy.move_s)
        times = self._times(now, now.utc + move)
        sql = "SELECT min(start_time) AS at FROM reservation WHERE status = 'confirmed' AND start_time > ?"
        coming = self._sql.execute(sql, (times["soon"],)).fetchone()["at"]
        staying = self._sql.execute(
            f"SELECT min(parked.end_time) AS at {_IN_THE_WAY.format(due=_DUE)}", times
        ).fetchone()["at"]
        missed = f"SELECT 1 FROM reservation WHERE {_DUE} AND {_NOT_TO_BE_HAD} AND NOT no_spot_told"  # noqa: S608
        checks = [] if self._sql.execute(missed, times).fetchone() is None else [now.utc]
        checks += [] if coming is None else [parse_instant(coming) - move]
        checks += [] if staying is None else [parse_instant(staying) + OVERSTAY_GRACE]
        return min(checks, default=None)

    def _times(self, now: Now, soon: datetime) -> dict[str, str]:
        return {"now": rfc3339(now.utc), "soon": rfc3339(soon)}

    def _check(self, due: str, spot_id: str | None, now: Now) -> int:
        times = self._times(now, now.utc + timedelta(seconds=self._book.policy.move_s))
        of = {**times, "spot_id": spot_id}
        with self._store.transaction():
            done = self._tell_of_overstays(due, of, now)
            for reservation in self._blocked(due, of):
                done += self._move(reservation, now)
        return done

    def _blocked(self, due: str, of: Mapping[str, str | None]) -> list[Reservation]:
        """The bookings that are to come soon, or overdue, and cannot have their spot: one or two of each at most."""
        return self._book.all_where(f"{due} AND {_NOT_TO_BE_HAD} ORDER BY start_time, reservation_id", **of)

    def _move(self, reservation: Reservation, now: Now) -> int:
        spot_id = self._spots.as_good_spot(reservation.vehicle_type, reservation.booked_kind, reservation.window)
        if spot_id is None:
            return self._tell_of_no_spot(reservation, now)
        moved = self._tickets.issued_for(reservation.on_spot(spot_id))
        self._book.change(moved, Step.MOVE, "moved", now)
        return 1

    def _tell_of_no_spot(self, reservation: Reservation, now: Now) -> int:
        told_now = self._sql.execute(
            "UPDATE reservation SET no_spot_told = 1 WHERE reservation_id = ? AND NOT no_spot_told",
            (reservation.reservation_id,),
        ).rowcount
        if told_now:
            who = f"reservation {shown(reservation.reservation_id)} from {rfc3339(reservation.window.start)}"
            detail = f"{who}: {reservation.spot_id} is not to be had, and no spot as good is free"
            self._journal.append(AlarmRaised(alarm="no-spot-to-move", detail=detail), now)
        return told_now

    def _tell_of_overstays(self, due: str, of: Mapping[str, str | None], now: Now) -> int:
        """Raise an alarm for each car that is in the way and ought to have left. Before bookings are moved away."""
        overstays = self._sql.execute(
            f"SELECT DISTINCT stay.stay_id, stay.spot_id, stay.reservation_id {_IN_THE_WAY.format(due=due)}"
            " WHERE parked.end_time <= :over ORDER BY stay.stay_id",
            {**of, "over": rfc3339(now.utc - OVERSTAY_GRACE)},
        ).fetchall()
        for row in overstays:
            self._sql.execute("UPDATE stay SET overstay_told = 1 WHERE stay_id = ?", (row["stay_id"],))
            detail = f"{row['spot_id']}: {shown(row['reservation_id'])} ought to have left, and the next booking is due"
            self._journal.append(AlarmRaised(alarm="overstay", detail=detail), now)
        return len(overstays)
