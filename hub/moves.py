"""Where one car stands and another is to come: the one to come is moved, before it is sent there.

What was granted never overlaps, but a car may stay longer than it has paid for. A confirmed reservation whose spot is
occupied, or out of service, `move_s` before its window starts goes to an equal or better spot, with a new ticket that
replaces the old one. Where there is none it is tried again whenever something has changed. Who is inside is not moved.

An overstay as such disturbs nobody. Attendants are told of one that is in the way of the next booking.
"""

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

_BLOCKED = (
    "status = 'confirmed' AND (spot_id IN (SELECT spot_id FROM stay WHERE left_at IS NULL AND spot_id IS NOT NULL)"
    " OR spot_id IN (SELECT spot_id FROM spot WHERE NOT in_service))"
)
_IN_THE_WAY = (
    " FROM stay JOIN reservation parked USING (reservation_id)"
    " JOIN reservation next ON next.spot_id = stay.spot_id AND next.reservation_id <> stay.reservation_id"
    " AND next.status IN ('held', 'confirmed') AND next.end_time > :now"
    " WHERE stay.left_at IS NULL AND NOT stay.overstay_told"
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
        soon = now.utc + timedelta(seconds=self._book.policy.move_s)
        with self._store.transaction():
            done = self._tell_of_overstays(now, soon)
            for reservation in self._blocked(now, soon):
                done += self._move(reservation, now)
        return done

    def next_check(self, now: Now) -> datetime | None:
        """When a booking of an occupied or closed spot comes so near that it has to move, or an overstay in its way.

        What ought to have moved by now is due at once, unless it was tried and there was no spot.
        """
        move = timedelta(seconds=self._book.policy.move_s)
        row = self._sql.execute(
            f"SELECT min(start_time) AS at FROM reservation WHERE {_BLOCKED} AND end_time > ?"  # noqa: S608
            " AND (start_time > ? OR NOT no_spot_told)",
            (rfc3339(now.utc), rfc3339(now.utc + move)),
        ).fetchone()
        checks = [] if row["at"] is None else [parse_instant(row["at"]) - move]
        rows = self._sql.execute(
            f"SELECT parked.end_time, min(next.start_time) AS next_start {_IN_THE_WAY} GROUP BY stay.stay_id",
            {"now": rfc3339(now.utc)},
        )
        checks += [
            max(parse_instant(row["end_time"]) + OVERSTAY_GRACE, parse_instant(row["next_start"]) - move)
            for row in rows
        ]
        return min(checks, default=None)

    def _blocked(self, now: Now, soon: datetime) -> list[Reservation]:
        """The bookings that are to come soon, or overdue, and cannot have their spot: one or two of each at most."""
        return self._book.all_where(
            f"{_BLOCKED} AND start_time <= ? AND end_time > ? ORDER BY start_time, reservation_id",
            rfc3339(soon),
            rfc3339(now.utc),
        )

    def _move(self, reservation: Reservation, now: Now) -> int:
        spot_id = self._spots.as_good_spot(reservation.vehicle_type, reservation.spot_id, reservation.window)
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

    def _tell_of_overstays(self, now: Now, soon: datetime) -> int:
        """Raise an alarm for each car that is in the way and ought to have left. Before bookings are moved away."""
        overstays = self._sql.execute(
            f"SELECT DISTINCT stay.stay_id, stay.spot_id, stay.reservation_id {_IN_THE_WAY}"
            " AND parked.end_time <= :over AND next.start_time <= :soon ORDER BY stay.stay_id",
            {"now": rfc3339(now.utc), "over": rfc3339(now.utc - OVERSTAY_GRACE), "soon": rfc3339(soon)},
        ).fetchall()
        for row in overstays:
            self._sql.execute("UPDATE stay SET overstay_told = 1 WHERE stay_id = ?", (row["stay_id"],))
            detail = f"{row['spot_id']}: {shown(row['reservation_id'])} ought to have left, and the next booking is due"
            self._journal.append(AlarmRaised(alarm="overstay", detail=detail), now)
        return len(overstays)
