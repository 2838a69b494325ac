"""Rights that were taken back: when it is known who came in on them, and what is owed can be decided.

A reservation that is cancelled, or becomes a no-show, may have let a car in at a gate that did not know yet. The fact
of the change goes to every entry gate, and each answers it in its own log, behind all that it let in before: once all
have answered, whoever came in is known. That is told once. It is told as not complete where a gate does not answer in
time, was taken out of the lot, or has lost some of its log since the car may have come: what it let in may then never
be known, also where the withdrawal is decided long after the loss. Nor is it where
the booking's own plate was seen going out and never coming in: the car was there, and its fee is not to be charged; and
where a car came in since that nobody knew, by an attendant or an open lane: it may have been this one; where one came
in on this very booking before it was paid for; and where the booking's own plate stood in the lot in its window,
whatever it had come in on.

A manager may vouch in a silent gate's place that nobody came in there. Should the gate tell otherwise in the end, that
is taken in as ever: the stay came after the no-show, and the fee goes back.
"""

from datetime import datetime, timedelta

from cloud_sync.link.journal import Journal
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import WithdrawalNoted, WithdrawalSettled, WithdrawalVouched
from domain.errors import PeerError, Refused
from domain.fact import Fact
from domain.now import Now, rfc3339
from domain.reservation import Status
from hub.book import Book, Reservation, instant_or_none

LOG_LOST = "log-lost"
"""A gate's alarm: its disk was changed, or is an old copy."""

NO_SHOW_WAIT = timedelta(days=1)
"""How long after its window, and its decision, a no-show waits for the gates' answers. A fee is in no hurry, and a gate
that was off for a night can still say that the car did come; a refund is owed at the window's end at the latest."""

SETTLED_AT_ONCE_MAX = 500
"""Withdrawals that one transaction gives up waiting for at most; the rest follow in the next."""

_MAY_HAVE_COME = (
    "EXISTS (SELECT 1 FROM stay WHERE stay.reservation_id = r.reservation_id"
    " AND (stay.entered_at IS NULL AND stay.plate_mark = r.plate_mark OR r.status = 'no_show' AND conflict = 'no-right'"
    " AND entered_at > :may_have_come))"
    " OR r.status = 'no_show' AND EXISTS (SELECT 1 FROM stay WHERE stay.reservation_id IS NULL"
    " AND conflict = 'no-right' AND entered_at > :may_have_come)"
    " OR r.status = 'no_show' AND EXISTS (SELECT 1 FROM stay WHERE stay.plate_mark = r.plate_mark"
    " AND entered_at < r.end_time AND coalesce(left_at, r.end_time) > r.start_time)"
)
"""Whether a stay leaves it unsure that the car of the reservation `r` has not come."""


class Withdrawals:
    """Waits for the entry gates' answers; decides nothing about money."""

    def __init__(self, store: Store, journal: Journal, book: Book) -> None:
        self._store = store
        self._sql = store.connection
        self._journal = journal
        self._book = book

    def begin(self, withdrawn: Reservation, now: Now) -> None:
        """Wait for the gates' answers to what `withdrawn` has become; older answers to it no longer count."""
        settle_by = withdrawn.window.end
        if withdrawn.status is Status.NO_SHOW:
            settle_by = max(settle_by, now.utc) + NO_SHOW_WAIT
        reservation_id = withdrawn.reservation_id
        with self._store.transaction():
            self._sql.execute("DELETE FROM withdrawal_awaits WHERE reservation_id = ?", (reservation_id,))
            self._sql.execute(
                "INSERT OR REPLACE INTO withdrawal VALUES (?, ?, ?, NOT EXISTS (SELECT 1 FROM log_lost WHERE at > ?"
                " AND gate_id NOT IN (SELECT gate_id FROM gate WHERE direction = 'exit')), NULL)",
                (reservation_id, withdrawn.revision, rfc3339(settle_by), self._may_have_come_from(reservation_id)),
            )
            for row in self._sql.execute("SELECT gate_id FROM gate WHERE direction = 'entry'").fetchall():
                self._sql.execute("INSERT INTO withdrawal_awaits VALUES (?, ?)", (reservation_id, row["gate_id"]))
            self._settle_if_answered(reservation_id, now)

    def noted(self, noted: WithdrawalNoted, fact: Fact, now: Now) -> None:
        """An entry gate has answered. Raises PeerError where it knows more of the reservation than this lot does."""
        known = self._book.find(noted.reservation_id)
        if known is None or noted.revision > known.revision:
            raise PeerError("fact_contradicts", "this lot has not withdrawn that")
        with self._store.transaction():
            row = self._sql.execute(
                "DELETE FROM withdrawal_awaits WHERE gate_id = ? AND reservation_id ="
                " (SELECT reservation_id FROM withdrawal WHERE reservation_id = ? AND revision = ?) RETURNING 1",
                (fact.unit, noted.reservation_id, noted.revision),
            ).fetchone()
            if row is None:
                return  # not awaited: a hold that was given up, or settled without this gate
            self._settle_if_answered(noted.reservation_id, now)

    def vouch(self, reservation_id: str, gate_id: str, by: str, now: Now) -> None:
        """A manager, `by` name, vouches that nobody came in on a no-show by this gate: its answer is not waited for.

        Raises Refused where nothing waits for it, or no fee will be charged whatever it answers.
        """
        with self._store.transaction():
            revision = self.check_awaited(reservation_id, gate_id)
            vouched = WithdrawalVouched(reservation_id=reservation_id, revision=revision, gate_id=gate_id, by=by)
            self._journal.append(vouched, now)
            self.restore_vouched(vouched)
            self._settle_if_answered(reservation_id, now)

    def check_awaited(self, reservation_id: str, gate_id: str) -> int:
        """By which revision a no-show's fee waits for this gate. Raises Refused where none does."""
        row = self._sql.execute(
            "SELECT withdrawal.revision FROM withdrawal JOIN withdrawal_awaits USING (reservation_id)"
            " JOIN reservation USING (reservation_id)"
            " WHERE reservation_id = ? AND gate_id = ? AND status = 'no_show' AND complete",
            (reservation_id, gate_id),
        ).fetchone()
        if row is None:
            raise Refused("not_awaited", "no fee for not coming waits for this gate's answer any more")
        return int(row["revision"])

    def called_off(self, reservation_id: str) -> None:
        """That right was not to be withdrawn: nothing is waited for any more, and what was not told is not told."""
        with self._store.transaction():
            for sql in ("withdrawal_awaits WHERE", "withdrawal WHERE settled_at IS NULL AND"):
                self._sql.execute(f"DELETE FROM {sql} reservation_id = ?", (reservation_id,))  # noqa: S608  our own SQL

    def log_lost(self, gate_id: str, at: datetime) -> None:
        """A gate has lost some of its log: whom it let in before `at` may never be known.

        That counts for what waits for its answer, and for every withdrawal that begins from now on.
        """
        self._sql.execute(
            "INSERT INTO log_lost VALUES (?1, ?2) ON CONFLICT (gate_id) DO UPDATE SET at = max(at, ?2)",
            (gate_id, rfc3339(at)),
        )
        awaiting = "SELECT reservation_id FROM withdrawal_awaits WHERE gate_id = ?"
        self._sql.execute(
            f"UPDATE withdrawal SET complete = 0 WHERE reservation_id IN ({awaiting})",  # noqa: S608  our own SQL
            (gate_id,),
        )

    def restore(self, said: WithdrawalSettled, now: Now) -> bool:
        """Take over that this was settled, without telling of it; whether that is news."""
        with self._store.transaction():
            done = self._sql.execute(
                "UPDATE withdrawal SET settled_at = ?, complete = ?"
                " WHERE reservation_id = ? AND revision = ? AND settled_at IS NULL",
                (rfc3339(now.utc), said.complete, said.reservation_id, said.revision),
            )
            if done.rowcount:
                self._sql.execute("DELETE FROM withdrawal_awaits WHERE reservation_id = ?", (said.reservation_id,))
        return done.rowcount > 0

    def restore_vouched(self, said: WithdrawalVouched) -> bool:
        """Take over that a manager has vouched, without telling of it; whether that is news.

        What was settled by it is told behind it. Where that is lost, `settle_answered` settles it.
        """
        done = self._sql.execute(
            "DELETE FROM withdrawal_awaits WHERE gate_id = ? AND reservation_id ="
            " (SELECT reservation_id FROM withdrawal WHERE reservation_id = ? AND revision = ?)",
            (said.gate_id, said.reservation_id, said.revision),
        )
        return done.rowcount > 0

    def settle_answered(self, now: Now) -> None:
        """Settle what awaits nobody any more."""
        with self._store.transaction():
            answered = self._sql.execute(
                "SELECT reservation_id FROM withdrawal WHERE settled_at IS NULL AND NOT EXISTS"
                " (SELECT 1 FROM withdrawal_awaits WHERE reservation_id = withdrawal.reservation_id)"
                " ORDER BY reservation_id"
            ).fetchall()
            for row in answered:
                self._settle(row["reservation_id"], now)

    def gates_changed(self, now: Now) -> None:
        """The lot's gates are others: who is no entry gate any more is not waited for, and will never answer."""
        with self._store.transaction():
            gone = self._sql.execute(
                "DELETE FROM withdrawal_awaits WHERE gate_id NOT IN"
                " (SELECT gate_id FROM gate WHERE direction = 'entry') RETURNING reservation_id"
            ).fetchall()
            for reservation_id in sorted({row["reservation_id"] for row in gone}):
                self._incomplete(reservation_id)
                self._settle_if_answered(reservation_id, now)

    def settle_overdue(self, now: Now) -> int:
        """Settle what has waited long enough; returns how many."""
        with self._store.transaction():
            overdue = self._sql.execute(
                "SELECT reservation_id FROM withdrawal WHERE settled_at IS NULL AND settle_by <= ? LIMIT ?",
                (rfc3339(now.utc), SETTLED_AT_ONCE_MAX),
            ).fetchall()
            for row in overdue:
                self._incomplete(row["reservation_id"])
                self._settle(row["reservation_id"], now)
        return len(overdue)

    def next_settlement(self) -> datetime | None:
        """When the next withdrawal has waited long enough."""
        row = self._sql.execute("SELECT min(settle_by) AS at FROM withdrawal WHERE settled_at IS NULL").fetchone()
        return instant_or_none(row["at"])

    def _incomplete(self, reservation_id: str) -> None:
        self._sql.execute("UPDATE withdrawal SET complete = 0 WHERE reservation_id = ?", (reservation_id,))

    def _settle_if_answered(self, reservation_id: str, now: Now) -> None:
        sql = "SELECT 1 FROM withdrawal_awaits WHERE reservation_id = ?"
        if self._sql.execute(sql, (reservation_id,)).fetchone() is None:
            self._settle(reservation_id, now)

    def _settle(self, reservation_id: str, now: Now) -> None:
        self._sql.execute("DELETE FROM withdrawal_awaits WHERE reservation_id = ?", (reservation_id,))
        row = self._sql.execute(
            "UPDATE withdrawal SET settled_at = :now, complete = complete AND NOT EXISTS"  # noqa: S608  our own SQL
            f" (SELECT 1 FROM reservation r WHERE r.reservation_id = :reservation_id AND ({_MAY_HAVE_COME}))"
            " WHERE reservation_id = :reservation_id RETURNING revision, complete",
            {
                "now": rfc3339(now.utc),
                "may_have_come": self._may_have_come_from(reservation_id),
                "reservation_id": reservation_id,
            },
        ).fetchone()
        settled = WithdrawalSettled(
            reservation_id=reservation_id, revision=row["revision"], complete=bool(row["complete"])
        )
        self._journal.append(settled, now)

    def _may_have_come_from(self, reservation_id: str) -> str:
        """The instant from which on its car may have come in."""
        reservation = self._book.find(reservation_id)
        assert reservation is not None, "what is withdrawn was booked"
        return rfc3339(reservation.window.start - timedelta(seconds=self._book.policy.early_s))
