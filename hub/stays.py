"""What happened in the lot: the gates' facts become stays, whatever the rights say.

Facts of two gates may come in any order. An exit that comes before its entry is an exit-without-entry until the entry
comes, and then becomes the stay that it was. A conflict raises its alarm when it arises, and not again at the exit.

A car is where its driver was sent: to the spot that the gate named, while nobody is known to have it, else to its own.
Where somebody stands there, it is another that is as good. No stay begins on a spot that is known to be occupied.
"""

import json
import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta

from cloud_sync.link.journal import Journal
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import AlarmRaised, Direction, GatePassed, ReservationChanged, StayChanged, StayEnded
from domain.admission import Evidence
from domain.errors import NotFound, Refused
from domain.fact import Fact, FactRef
from domain.ids import shown
from domain.now import Now, rfc3339
from domain.reservation import Status, Step
from domain.stay import LATE, OUTCOMES, Conflict, SpotOutcome, Stay, entry_conflict
from domain.window import LONGEST, Window
from hub.book import Book, Reservation, instant_or_none
from hub.spots import Spots

UNSEEN_FOR = timedelta(minutes=15)
"""How long before a gate wrote it down a car may have passed unseen: it goes on with no older passage."""


class Stays:
    """The lot's record of cars that came and went."""

    def __init__(self, store: Store, journal: Journal, book: Book, spots: Spots) -> None:
        self._store = store
        self._sql = store.connection
        self._journal = journal
        self._book = book
        self._spots = spots

    def passed(self, passage: GatePassed, fact: Fact, now: Now) -> str | None:
        """Record that a car has crossed a lane; where it stands now, or stood. Never refuses: it has happened."""
        entry = passage.direction is Direction.ENTRY
        if self._was_followed(fact.ref):
            return None
        with self._store.transaction():
            before = self._exit_without_entry(passage, fact) if entry else self._open_stay(passage, fact)
            stay = self._entered(passage, fact, before, now) if entry else self._left(passage, fact, before, now)
            mark = None if passage.plate is None else passage.plate.mark
            self._save(stay, mark, now)
            self._tell(stay, fact.ref, now, mark)
            if stay.conflict is not None and (before is None or before.conflict is not stay.conflict):
                self._conflict_arose(stay, stay.conflict, fact.unit, now)
            if entry and stay.conflict is None and stay.spot_id is None and stay.reservation_id is not None:
                self._no_spot(stay, fact.unit, now)
        return stay.spot_id

    def entered_at(self, reservation_id: str) -> datetime | None:
        """When its car came in on this reservation, be it late; None where no gate has told of it."""
        stays = self._on_the_right_of(reservation_id)
        return stays[0].entered_at if stays else None

    def were_after_cancel(self, reservation_id: str, now: Now) -> None:
        """The reservation turns out to have been cancelled before its car came in. Follows the fact that says so."""
        with self._store.transaction():
            for stay in self._on_the_right_of(reservation_id):
                cancelled = self._journal.last_own(ReservationChanged.kind)
                assert cancelled is not None, "the cancellation is told before what follows from it"
                after = replace(stay, conflict=Conflict.AFTER_CANCEL)
                self._save(after, None, now)
                self._tell(after, cancelled.ref, now)
                self._conflict_arose(after, Conflict.AFTER_CANCEL, self._journal.unit, now)

    def had_come_before_paid(self, reservation_id: str, now: Now) -> None:
        """The reservation is confirmed, and its car may have come in while it was still held: by an attendant, or where
        the lane was held open. It came on this reservation then, as if the payment had been a moment quicker.

        Follows the fact of the confirmation.
        """
        row = self._sql.execute(
            "SELECT * FROM stay WHERE reservation_id = ? AND entered_at IS NOT NULL AND conflict = ?"
            " ORDER BY left_at IS NOT NULL, entered_at LIMIT 1",
            (reservation_id, Conflict.NO_RIGHT.value),
        ).fetchone()
        reservation = self._book.find(reservation_id)
        if row is None or reservation is None:
            return
        with self._store.transaction():
            paid = self._journal.last_own(ReservationChanged.kind)
            assert paid is not None, "the confirmation is told before what follows from it"
            stay = _stay(row)
            spot_id = self._spot_sent_to(None, reservation)
            steps = (Step.CHECK_IN,) if stay.left_at is None else (Step.CHECK_IN, Step.COMPLETE)
            self._step(reservation.on_spot(spot_id or reservation.spot_id), now, *steps)
            stay = replace(stay, conflict=None, spot_id=spot_id)
            self._change(stay, paid.ref, now)
            if spot_id is None and stay.left_at is None:
                self._no_spot(stay, self._journal.unit, now)

    def end(self, stay_id: str, exit_id: str | None, *, by: str, now: Now) -> None:
        """Somebody of the lot, `by` name, says that a car has left: at `exit_id`, the stay that tells of an exit at
        which nobody knew whose car it was, or unseen.

        Who left unseen left by now at the latest, and by the end of what was paid for: nobody pays for the lot's not
        knowing. Raises NotFound for a stay that there is not, Refused for one that is over (`stay_over`), and for an
        exit that is some car's already (`exit_known`) or came before it (`exit_too_early`).
        """
        with self._store.transaction():
            stay, left = self._found(stay_id), None if exit_id is None else self._found(exit_id)
            if stay.left_at is not None or stay.entered_at is None:
                raise Refused("stay_over", "this car has left already")
            if left is not None and not _may_be(left, stay):
                raise Refused("exit_known", "it is known which car left there")
            if left is not None and left.left_at is not None and left.left_at < stay.entered_at:
                raise Refused("exit_too_early", "this car came in after that one had left")
            origin = self._journal.append(StayEnded(stay_id=stay_id, exit_id=exit_id, by=by), now).ref
            if left is not None:
                self._change(replace(left, conflict=None), origin, now)
            reservation = self._book.find(stay.reservation_id)
            if reservation is not None and reservation.status is Status.CHECKED_IN and stay.conflict is None:
                self._step(reservation, now, Step.COMPLETE)
            paid_until = now.utc if reservation is None else max(reservation.window.end, stay.entered_at)
            left_at = min(now.utc, paid_until) if left is None else left.left_at
            self._change(replace(stay, left_at=left_at), origin, now)

    def restore(self, said: StayChanged, now: Now) -> bool:
        """Take a stay over as it was told before, without telling of it; whether that is news.

        The gate's fact that it followed from may come again: it is not followed a second time.
        """
        with self._store.transaction():
            origin = said.origin
            self._sql.execute(
                "INSERT OR IGNORE INTO followed VALUES (?, ?, ?)", (origin.unit, origin.epoch, origin.seq)
            )
            row = self._sql.execute("SELECT * FROM stay WHERE stay_id = ?", (said.stay_id,)).fetchone()
            known = None if row is None else _stay(row)
            stay = Stay(
                stay_id=said.stay_id,
                reservation_id=said.reservation_id if self._book.find(said.reservation_id) else None,
                spot_id=said.spot_id if said.spot_id is not None and self._spots.exists(said.spot_id) else None,
                entered_at=said.entered_at,
                left_at=said.left_at,
                conflict=said.conflict,
                evidence=said.evidence,
                ticket_id=said.ticket_id,
            )
            if known == stay or (known is not None and known.left_at is not None and stay.left_at is None):
                return False
            self._save(stay, said.plate_mark, now)
        return True

    def _found(self, stay_id: str) -> Stay:
        row = self._sql.execute("SELECT * FROM stay WHERE stay_id = ?", (stay_id,)).fetchone()
        if row is None:
            raise NotFound("stay_unknown", "there is no such stay in this lot")
        return _stay(row)

    def _change(self, stay: Stay, origin: FactRef, now: Now) -> None:
        self._save(stay, None, now)
        self._tell(stay, origin, now)

    def _was_followed(self, ref: FactRef) -> bool:
        sql = "SELECT 1 FROM followed WHERE unit = ? AND epoch = ? AND seq = ?"
        return self._sql.execute(sql, (ref.unit, ref.epoch, ref.seq)).fetchone() is not None

    def inside(self) -> list[sqlite3.Row]:
        """The open stays, with what is known of their reservations, longest first."""
        return self._sql.execute(
            "SELECT stay.*, reservation.end_time, reservation.driver_name, reservation.plate_box,"
            " reservation.plate_mark AS booked_mark FROM stay LEFT JOIN reservation USING (reservation_id)"
            " WHERE left_at IS NULL ORDER BY entered_at"
        ).fetchall()

    def _entered(self, passage: GatePassed, fact: Fact, earlier_exit: Stay | None, now: Now) -> Stay:
        reservation = self._book.find(passage.reservation_id)
        inside = earlier_exit is None and self._is_inside(passage.reservation_id)
        conflict = entry_conflict(None if reservation is None else reservation.status, inside=inside)
        if reservation is None and passage.staff:
            conflict = None
        spot_id, left_at = None, earlier_exit.left_at if earlier_exit else None
        if reservation is not None and conflict is not None:
            spot_id = self._spot_of_conflict(passage, reservation, OUTCOMES[conflict].spot, now)
        elif reservation is not None:
            spot_id = reservation.spot_id if earlier_exit else self._spot_sent_to(passage.spot_id, reservation)
            steps = (Step.CHECK_IN, Step.COMPLETE) if earlier_exit else (Step.CHECK_IN,)
            self._step(reservation.on_spot(spot_id or reservation.spot_id), now, *steps)
        return Stay(
            stay_id=earlier_exit.stay_id if earlier_exit else fact.ref.stay_id,
            reservation_id=None if reservation is None else reservation.reservation_id,
            spot_id=spot_id,
            entered_at=fact.at if left_at is None else min(fact.at, left_at),
            left_at=left_at,
            conflict=conflict,
            evidence=passage.evidence,
            ticket_id=passage.ticket_id,
        )

    def _left(self, passage: GatePassed, fact: Fact, stay: Stay | None, now: Now) -> Stay:
        if stay is None:
            known = self._book.find(passage.reservation_id)
            return Stay(
                stay_id=fact.ref.stay_id,
                reservation_id=None if known is None else known.reservation_id,
                spot_id=None,
                entered_at=None,
                left_at=fact.at,
                conflict=Conflict.AFTER_NO_SHOW if _came_after_all(passage, known) else Conflict.EXIT_WITHOUT_ENTRY,
            )
        reservation = self._book.find(stay.reservation_id)
        if reservation is not None and reservation.status is Status.CHECKED_IN and stay.conflict is None:
            self._step(reservation, now, Step.COMPLETE)
        return replace(stay, left_at=fact.at)

    def _open_stay(self, passage: GatePassed, fact: Fact) -> Stay | None:
        """The stay that this exit closes: by the reservation, else by the plate. Of several on one reservation the one
        with this plate comes first, then one without a conflict.

        One that began later comes last: its gate's clock may be ahead, but it may as well be the car's next stay.
        """
        return self._matching(
            passage, "left_at IS NULL", "entered_at > :at, conflict IS NOT NULL, entered_at", rfc3339(fact.at)
        )

    def _exit_without_entry(self, passage: GatePassed, fact: Fact) -> Stay | None:
        """An exit of this car that came in before its entry."""
        since = fact.at - UNSEEN_FOR if passage.unseen else fact.at
        return self._matching(passage, "entered_at IS NULL AND left_at >= :at", "left_at", rfc3339(since))

    def _matching(self, passage: GatePassed, where: str, order: str, at: str) -> Stay | None:
        row = self._sql.execute(
            f"SELECT * FROM stay WHERE {where} AND (reservation_id = :reservation OR plate_mark = :mark)"  # noqa: S608
            f" ORDER BY coalesce(reservation_id = :reservation, 0) DESC, coalesce(plate_mark = :mark, 0) DESC, {order}"
            " LIMIT 1",
            {"reservation": passage.reservation_id, "mark": passage.plate and passage.plate.mark, "at": at},
        ).fetchone()
        return None if row is None else _stay(row)

    def _on_the_right_of(self, reservation_id: str) -> list[Stay]:
        """The stays that began on this reservation while it was promised, or after it was missed; the first one first.

        Not those that it had no right to already when they began: they keep their own conflicts.
        """
        rows = self._sql.execute(
            "SELECT * FROM stay WHERE reservation_id = ? AND entered_at IS NOT NULL"
            " AND (conflict IS NULL OR conflict = ?) ORDER BY entered_at",
            (reservation_id, Conflict.AFTER_NO_SHOW.value),
        )
        return [_stay(row) for row in rows.fetchall()]

    def _is_inside(self, reservation_id: str | None) -> bool:
        """Whether a car is inside that is the reservation's own as far as is known, be it late."""
        late = [conflict.value for conflict in LATE]
        row = self._sql.execute(
            "SELECT 1 FROM stay WHERE reservation_id = ? AND left_at IS NULL"
            " AND (conflict IS NULL OR conflict IN (SELECT value FROM json_each(?)))",
            (reservation_id, json.dumps(late)),
        ).fetchone()
        return row is not None

    def _spot_sent_to(self, sent_to: str | None, reservation: Reservation) -> str | None:
        """Where a car that has the right to come in stands; None where no spot is to be had."""
        own, window = reservation.spot_id, reservation.window
        if sent_to not in (None, own) and self._spots.is_free(sent_to, window):
            return sent_to
        if not self._spots.is_occupied(own):
            return own
        return self._spots.as_good_spot(reservation.vehicle_type, reservation.booked_kind, window)

    def _spot_of_conflict(
        self, passage: GatePassed, reservation: Reservation, outcome: SpotOutcome, now: Now
    ) -> str | None:
        if outcome is SpotOutcome.NONE or reservation.window.end <= now.utc:
            return None
        rest = Window(max(now.utc, reservation.window.end - LONGEST), reservation.window.end)
        sent_to = passage.spot_id
        if sent_to is not None and self._spots.kind_in_service(sent_to) and not self._spots.is_occupied(sent_to):
            return sent_to  # also where it is granted to somebody: who is to come is moved, not who stands there
        own = reservation.spot_id
        if outcome is SpotOutcome.OWN and self._spots.is_free(own, rest):
            return own
        return self._spots.free_spot(reservation.vehicle_type, rest)

    def _step(self, reservation: Reservation, now: Now, *steps: Step) -> None:
        for by in steps:
            reservation = self._book.change(reservation, by, "passage", now)

    def _save(self, stay: Stay, plate_mark: str | None, now: Now) -> None:
        self._sql.execute(
            "INSERT INTO stay (stay_id, reservation_id, spot_id, plate_mark, entered_at, left_at, conflict, evidence,"
            " ticket_id, told_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (stay_id) DO UPDATE SET"
            " reservation_id = excluded.reservation_id, spot_id = excluded.spot_id, entered_at = excluded.entered_at,"
            " left_at = excluded.left_at, conflict = excluded.conflict, evidence = excluded.evidence,"
            " ticket_id = excluded.ticket_id, told_at = excluded.told_at,"
            " plate_mark = coalesce(stay.plate_mark, excluded.plate_mark)",
            (
                stay.stay_id,
                stay.reservation_id,
                stay.spot_id,
                plate_mark,
                stay.entered_at and rfc3339(stay.entered_at),
                stay.left_at and rfc3339(stay.left_at),
                stay.conflict and stay.conflict.value,
                stay.evidence.value,
                stay.ticket_id,
                rfc3339(now.utc),
            ),
        )

    def _tell(self, stay: Stay, origin: FactRef, now: Now, plate_mark: str | None = None) -> None:
        self._journal.append(
            StayChanged(
                stay_id=stay.stay_id,
                reservation_id=stay.reservation_id,
                spot_id=stay.spot_id,
                entered_at=stay.entered_at,
                left_at=stay.left_at,
                conflict=stay.conflict,
                origin=origin,
                evidence=stay.evidence,
                ticket_id=stay.ticket_id,
                plate_mark=plate_mark,
            ),
            now,
        )

    def _conflict_arose(self, stay: Stay, conflict: Conflict, unit: str, now: Now) -> None:
        if OUTCOMES[conflict].alarm:
            booking = shown(stay.reservation_id) if stay.reservation_id else "none"
            detail = f"{unit}: stay {stay.stay_id}, reservation {booking}"
            self._journal.append(AlarmRaised(alarm=conflict.value, detail=detail), now)

    def _no_spot(self, stay: Stay, unit: str, now: Now) -> None:
        assert stay.reservation_id is not None, "who has no reservation has no right"
        detail = (
            f"{unit}: the car of {shown(stay.reservation_id)} is in, its spot is occupied, and none as good is free"
        )
        self._journal.append(AlarmRaised(alarm="no-spot", detail=detail), now)


def _came_after_all(passage: GatePassed, known: Reservation | None) -> bool:
    """Whether this exit proves that a no-show's own car was in the lot: an attendant let it in, or nobody saw it."""
    if known is None or known.status is not Status.NO_SHOW or passage.plate is None:
        return False
    return passage.plate.mark == known.plate.mark


def _may_be(left: Stay, stay: Stay) -> bool:
    """Whether a car that was only seen leaving may be the one of this stay."""
    if left.conflict is not Conflict.EXIT_WITHOUT_ENTRY or left.left_at is None:
        return False
    return left.reservation_id in (None, stay.reservation_id)


def _stay(row: sqlite3.Row) -> Stay:
    return Stay(
        stay_id=row["stay_id"],
        reservation_id=row["reservation_id"],
        spot_id=row["spot_id"],
        entered_at=instant_or_none(row["entered_at"]),
        left_at=instant_or_none(row["left_at"]),
        conflict=None if row["conflict"] is None else Conflict(row["conflict"]),
        evidence=Evidence(row["evidence"]),
        ticket_id=row["ticket_id"],
    )
