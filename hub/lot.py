"""The hub's core: one lot, its book, its stays and what it tells others. Synchronous; `now` comes with every call."""

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from sqlite3 import IntegrityError

from cloud_sync.link.journal import Journal
from cloud_sync.link.store import Store
from cloud_sync.link.ticket import TicketKey
from cloud_sync.link.v1.facts import (
    AlarmRaised,
    Direction,
    GateChanged,
    GateDecided,
    GatePassed,
    LaneModeChanged,
    LaneNoted,
    PaymentChanged,
    PolicyChanged,
    SpotChanged,
    TicketKeyPublished,
    WithdrawalNoted,
    payload_of,
)
from cloud_sync.link.v1.messages import CancelRequest, ConfirmRequest, HoldRequest, ReleaseRequest, Reply
from domain.errors import PeerError, Refused
from domain.fact import Fact
from domain.now import Now, Trust
from domain.spot import SpotKind
from hub.book import Book
from hub.lists import Lists
from hub.moves import Moves
from hub.no_shows import NoShows
from hub.recovery import Recovery
from hub.reservations import Reservations
from hub.spots import Spots
from hub.stays import Stays
from hub.tables import migrations
from hub.tickets import Tickets
from hub.withdrawals import LOG_LOST, Withdrawals

log = logging.getLogger(__name__)


class Lot:
    """The authority over one lot's spots.

    Requests may be refused; facts never are. Each call is one transaction: what it changed and the facts that tell of
    it are on disk when it returns, and only then may the shell answer or send.
    """

    def __init__(
        self,
        store: Store,
        journal: Journal,
        key: TicketKey,
        ticket_id: Callable[[], str] = lambda: secrets.token_hex(4),
    ) -> None:
        migrations.apply(store.db)
        self.store = store
        self.journal = journal
        self.book = Book(store, journal)
        self.spots = Spots(store)
        self.stays = Stays(store, journal, self.book, self.spots)
        self.lists = Lists(store, journal)
        self.withdrawals = Withdrawals(store, journal, self.book)
        self.no_shows = NoShows(store, self.book, self.withdrawals)
        tickets = Tickets(journal.unit, key, ticket_id)
        self.moves = Moves(store, journal, self.book, self.spots, tickets)
        self.reservations = Reservations(
            store,
            self.book,
            self.spots,
            self.stays,
            tickets=tickets,
            moves=self.moves,
            withdrawals=self.withdrawals,
        )
        self._recovery = Recovery(
            store,
            journal,
            book=self.book,
            spots=self.spots,
            stays=self.stays,
            withdrawals=self.withdrawals,
            lists=self.lists,
            tickets=tickets,
        )
        self._key = key

    def lay_out(self, spots: Mapping[str, SpotKind], gates: Mapping[str, Direction], now: Now) -> None:
        """Take over the lot's layout from its configuration, and tell of what has changed.

        A spot that is no longer configured goes out of service, and is never forgotten: somebody may stand there, or
        have booked it, who is moved. A gate that is no longer configured is only no longer shown.
        """
        with self.store.transaction():
            known = {row["spot_id"]: row for row in self.store.connection.execute("SELECT * FROM spot")}
            changed = [
                self._lay_out_spot(spot_id, spots.get(spot_id), known.get(spot_id), now)
                for spot_id in sorted(spots.keys() | known.keys())
            ]
            lanes = {row["gate_id"]: row["direction"] for row in self.store.connection.execute("SELECT * FROM gate")}
            for gate_id in lanes.keys() - gates.keys():
                self.store.connection.execute("DELETE FROM gate WHERE gate_id = ?", (gate_id,))
            for gate_id, direction in gates.items():
                if lanes.get(gate_id) != direction.value:
                    self.store.connection.execute(
                        "INSERT OR REPLACE INTO gate VALUES (?, ?)", (gate_id, direction.value)
                    )
                    self.journal.append(GateChanged(gate_id=gate_id, direction=direction), now)
            published = self.journal.last_own(TicketKeyPublished.kind)
            if published is None or published.payload["key_id"] != self._key.key_id:
                self.journal.append(TicketKeyPublished(key_id=self._key.key_id, public_key=self._key.public_key), now)
            self.withdrawals.gates_changed(now)
            if any(changed):
                self.moves.check(now)

    def link_is(self, *, up: bool, now: Now) -> None:
        """This hub has come onto the lot's link, or is not on it any more; at its start it is not."""
        self.no_shows.link_is(up=up, now=now)

    def gate_heard(self, gate_id: str, *, online: bool, now: Now) -> None:
        """Whether a gate is on the link, as often as it is said; after a restart none is until it is heard."""
        self.no_shows.gate_heard(gate_id, online=online, now=now)

    def request(self, name: str, payload: bytes, now: Now) -> Reply:
        """Answer one of central's requests. Raises Refused or TryLater, which the link turns into such an answer."""
        match name:
            case "hold":
                return _ok(self.reservations.hold(HoldRequest.decode(payload), now).to_json())
            case "release":
                self.reservations.release(ReleaseRequest.decode(payload), now)
                return _ok({})
            case "confirm":
                return _ok(self.reservations.confirm(ConfirmRequest.decode(payload), now).to_json())
            case "cancel":
                return _ok(self.reservations.cancel(CancelRequest.decode(payload), now).to_json())
            case _:
                raise Refused("request_unknown", f"this hub knows no request {name!r}")

    def vouch(self, reservation_id: str, gate_id: str, by: str, now: Now) -> None:
        """A manager, `by` name, vouches that nobody came in on a no-show by a gate that is not on the link.

        Raises Refused where the gate is there to answer for itself, or may be, or nothing waits for it.
        """
        with self.store.transaction():
            self.check_vouch(reservation_id, gate_id, now)
            self.withdrawals.vouch(reservation_id, gate_id, by, now)

    def check_vouch(self, reservation_id: str, gate_id: str, now: Now) -> None:
        """Raises Refused where nobody may vouch for this gate, as `vouch`."""
        self.withdrawals.check_awaited(reservation_id, gate_id)
        self.no_shows.check_silent(gate_id, now)

    def end_stay(self, stay_id: str, exit_id: str | None, by: str, now: Now) -> None:
        """Somebody of the lot says that a car has left (`Stays.end`); bookings that its spot was in the way of stay."""
        with self.store.transaction():
            self.stays.end(stay_id, exit_id, by=by, now=now)
            self.moves.check(now)

    def take_back(self, facts: Sequence[Fact], now: Now, *, insert: bool) -> None:
        """Take back facts of this hub's own that it has lost (`recovery.py`). Once all are there, `woken` sees to what
        follows: before that, nobody knows who is in whose way."""
        with self.store.transaction():
            if news := self._recovery.take_back(facts, now, insert=insert):
                log.warning("lot.recovered", extra={"facts": news})

    def apply(self, fact: Fact, now: Now) -> None:
        """Take in a fact of a gate or of central; called in the transaction that moves its cursor.

        Raises PeerError for one that its unit has no business to tell (a gate sets no policy), or that contradicts what
        this lot knows.
        """
        try:
            self._apply(fact, now)
        except IntegrityError as error:
            raise PeerError("fact_contradicts", f"{fact.kind}: {error}") from error

    def alarm(self, name: str, detail: str, now: Now) -> None:
        """Tell attendants that somebody must look at something."""
        with self.store.transaction():
            self.journal.append(AlarmRaised(alarm=name, detail=detail), now)

    def _apply(self, fact: Fact, now: Now) -> None:
        of_gate = fact.unit.startswith(f"{self.journal.unit}.")
        match payload_of(fact):
            case GatePassed() as passage if of_gate:
                self.moves.passed(self.stays.passed(passage, fact, now), now)
            case WithdrawalNoted() as noted if of_gate and self._is_entry(fact.unit):
                self.withdrawals.noted(noted, fact, now)
            case PolicyChanged() as changed if not of_gate:
                self.book.set_policy(changed, now)
                self.moves.check(now)
            case PaymentChanged() as payment if not of_gate:
                self.book.set_paid(payment)
            case AlarmRaised() as alarm:
                if alarm.alarm == LOG_LOST and of_gate:
                    # By the gate's own clock it let in whom it let in; where that is nobody's, it was before now.
                    self.withdrawals.log_lost(fact.unit, now.utc if fact.trust is Trust.NONE else fact.at)
                self.journal.append(AlarmRaised(alarm=alarm.alarm, detail=f"{fact.unit}: {alarm.detail}"[:400]), now)
            case LaneNoted() | LaneModeChanged() if of_gate:  # kept with the raw facts; a gate's status says its mode
                pass
            case GateDecided() as decided if of_gate:  # kept with the raw facts; the page shows the latest from there
                if decided.ticket is not None:
                    self._recovery.by_ticket(decided.ticket, decided.plate, now)
                    self.moves.check(now)
            case other:
                raise PeerError("fact_misplaced", f"{other.kind} does not come from {fact.unit} to a hub")

    def next_wakeup_ms(self, now: Now) -> int | None:
        """The monotonic instant to call `woken` at: a hold runs out, a car has not come, a booking has to move."""
        instants = (
            self.book.next_expiry(),
            self.no_shows.next_release(),
            self.withdrawals.next_settlement(),
            self.moves.next_check(now),
        )
        coming: list[datetime] = [instant for instant in instants if instant is not None]
        if not coming:
            return None
        return now.mono_ms + max(-((now.utc - min(coming)) // timedelta(milliseconds=1)), 0)  # rounded up

    def woken(self, now: Now) -> bool:
        """Do what time has brought; whether there was anything."""
        with self.store.transaction():
            done = self.reservations.expire(now) + self.no_shows.release(now) + self.withdrawals.settle_overdue(now)
            done += self.moves.check(now)
        return done > 0

    def _is_entry(self, gate_id: str) -> bool:
        sql = "SELECT 1 FROM gate WHERE gate_id = ? AND direction = 'entry'"
        return self.store.connection.execute(sql, (gate_id,)).fetchone() is not None

    def _lay_out_spot(self, spot_id: str, kind: SpotKind | None, known: Mapping[str, object] | None, now: Now) -> bool:
        """Whether anything about this spot has changed."""
        in_service = kind is not None
        kind = kind or (SpotKind(known["kind"]) if known else SpotKind.STANDARD)
        if known and known["kind"] == kind.value and bool(known["in_service"]) == in_service:
            return False
        self.store.connection.execute(
            "INSERT INTO spot VALUES (?, ?, ?) ON CONFLICT (spot_id) DO UPDATE SET"
            " kind = excluded.kind, in_service = excluded.in_service",
            (spot_id, kind.value, int(in_service)),
        )
        self.journal.append(SpotChanged(spot_id=spot_id, spot_kind=kind, in_service=in_service), now)
        return True


def _ok(result: dict[str, object]) -> Reply:
    return Reply(ok=True, result=result)
