"""The booking office: every part of central that works without a network, wired together."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from secrets import randbits

from argon2 import PasswordHasher
from sqlalchemy import and_, or_
from sqlmodel import col, select

from cloud_sync.central import lease
from cloud_sync.central.accounts import PASSWORD_LENGTH_MIN, Accounts, Tokens
from cloud_sync.central.bank import Bank
from cloud_sync.central.booking import Bookings, State
from cloud_sync.central.books import Books
from cloud_sync.central.cancellation import Cancellations
from cloud_sync.central.catching_up import CatchingUp
from cloud_sync.central.checkin import CheckIns
from cloud_sync.central.copies import LotCopies
from cloud_sync.central.database import Database
from cloud_sync.central.followup import FollowUp
from cloud_sync.central.hubs import Hubs
from cloud_sync.central.idempotency import forget_unanswered
from cloud_sync.central.journal import Journal
from cloud_sync.central.movement import Movements
from cloud_sync.central.payment import Payments
from cloud_sync.central.rebooking import Rebookings
from cloud_sync.central.refund import Refunds
from cloud_sync.central.settings import CentralSettings, LotSettings
from cloud_sync.central.settlement import Settlement
from cloud_sync.central.tables import Booking, CursorRow, Movement, Payment
from cloud_sync.central.tickets import Tickets
from cloud_sync.central.vehicles import Vehicles
from cloud_sync.central.worker import Worker
from cloud_sync.link.clock import Clock
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.seal import Seal
from cloud_sync.link.v1.facts import PolicyChanged
from domain import ids
from domain.errors import OperatorError
from domain.policy import Policy

BANK_CALLS_MAX = 8
"""Calls to the payment provider at once; more wait their turn."""

_WAIT_FOR_HUB = [state.value for state in (State.RELEASING, State.CANCELLING, State.HELD)]
"""States in which a booking that is due waits for its lot's hub; HELD for a new ticket."""

_WITH_SPOT = [state.value for state in (State.ASKED, State.RELEASING, State.CANCELLING, State.HELD)]
"""States in which the lot may keep a spot for a booking."""


class Office:
    """What the HTTP routes and the link's shells call."""

    def __init__(
        self,
        settings: CentralSettings,
        *,
        database: Database,
        hubs: Hubs,
        bank: Bank,
        clock: Clock,
        boot: str,
        changed: Callable[[str], None],
        receivers: Mapping[str, Receiver],
        hasher: PasswordHasher | None = None,
    ) -> None:
        """`changed` is told of a lot for whose hub there may be new facts. `receivers` of those of the hubs, by lot,
        apply them by `copies`: they are added once there is an office, before it opens."""
        self.clock = clock
        self.database = database
        self.hubs = hubs
        self.lots: dict[str, LotSettings] = {lot.lot_id: lot for lot in settings.lots}
        self.journals = {lot_id: Journal(database, f"central:{lot_id}", boot) for lot_id in self.lots}
        self.secret = settings.auth.token_secret.read()
        self.tokens = Tokens(self.secret, settings.auth.token_life_s)
        self.accounts = Accounts(database, clock, hasher)
        seals = {lot.lot_id: lot.plate_key.parse(Seal.from_hex) for lot in settings.lots}
        self.vehicles = Vehicles(database, settings.seal.plate_key.parse(Seal.from_hex), seals, clock)
        tariffs = {lot.lot_id: lot.tariff for lot in settings.lots}
        policies = {lot.lot_id: lot.policy for lot in settings.lots}
        self.settlement = Settlement(policies, tariffs)
        self._operators = settings.operators
        self._answer_s = settings.hub.answer_s
        self._threads = ThreadPoolExecutor(BANK_CALLS_MAX, "bank")
        self._changed = changed
        self._open_till(bank, policies)
        self.catching_up = CatchingUp(self.books, hubs, receivers, clock)
        self.bookings = Bookings(
            database,
            hubs=hubs,
            vehicles=self.vehicles,
            tariffs=tariffs,
            policies=policies,
            answer_s=self._answer_s,
            clock=clock,
            new_id=lambda: ids.reservation_id(randbits(ids.ID_BITS)),
            lost=self._lost,
            catching_up=self.catching_up,
        )
        self.cancellations = Cancellations(
            database,
            hubs=hubs,
            settlement=self.settlement,
            clock=clock,
            refund_queued=self._refund_queued,
        )
        self.check_ins = CheckIns(
            database, hubs=hubs, vehicles=self.vehicles, lots=self.lots, answer_s=self._answer_s, clock=clock
        )
        self._hire(bank)

    def _open_till(self, bank: Bank, policies: Mapping[str, Policy]) -> None:
        """Who takes money and gives it back."""
        self.books = Books(
            self.database,
            bank=bank,
            settlement=self.settlement,
            policies=policies,
            journals=self.journals,
            clock=self.clock,
            changed=self._changed,
            threads=self._threads,
        )
        self.payments = Payments(
            self.database,
            hubs=self.hubs,
            bank=bank,
            settlement=self.settlement,
            journals=self.journals,
            clock=self.clock,
            changed=self._paid,
            threads=self._threads,
            may_move=self.books.must_be_compared,
        )
        self.refunds = Refunds(self.database, self.clock, self.books.must_be_compared)

    def _hire(self, bank: Bank) -> None:
        """Who goes on with what was begun, until it is finished."""
        database, hubs, clock = self.database, self.hubs, self.clock
        rebookings = Rebookings(
            database,
            hubs=hubs,
            vehicles=self.vehicles,
            settlement=self.settlement,
            answer_s=self._answer_s,
            clock=clock,
            refund_queued=self._refund_queued,
        )
        follow_up = FollowUp(
            database,
            bookings=self.bookings,
            cancellations=self.cancellations,
            renewals=Tickets(database, hubs, rebookings, clock),
            settlement=self.settlement,
            clock=clock,
            refund_queued=self._refund_queued,
        )
        movements = Movements(
            database,
            bank=bank,
            settlement=self.settlement,
            journals=self.journals,
            clock=clock,
            changed=self._changed,
            threads=self._threads,
            may_move=self.books.must_be_compared,
        )
        self.following_up = Worker(database, Booking, follow_up.work, clock)
        self.paying = Worker(database, Payment, self.payments.work, clock)
        self.moving = Worker(database, Movement, movements.work, clock)

    @property
    def workers(self) -> tuple[Worker, ...]:
        """What must be run for as long as the office is open."""
        return self.following_up, self.paying, self.moving

    def open(self) -> None:
        """Tell the hubs what their lots promise and charge, if that has changed; appoint the operators; take over what
        was left undone.

        Raises OperatorError where an operator's password cannot be read, or is too short, and where a lot is missing
        for which something is still to be done.
        """
        now = self.clock()
        self._no_lot_is_missing(now.utc)
        for operator in self._operators:
            self.accounts.appoint(operator.email, operator.password.parse(_password), operator.name)
        with self.database.transaction() as session:
            for lot in self.lots.values():
                promised = PolicyChanged(policy=lot.policy, tariff=lot.tariff)
                known = self.journals[lot.lot_id].latest(PolicyChanged.kind)
                if known is None or known.payload != promised.to_json():
                    self.journals[lot.lot_id].append(promised, now)
            if self.database.only_process:
                for table in (Booking, Payment, Movement):
                    lease.take_over(session, table, now.utc)
                forget_unanswered(session)

    def _no_lot_is_missing(self, now: datetime) -> None:
        """Bookings and money of a lot without its policy, hub and log would wait for ever."""
        queued = select(Payment.lot_id).join(Movement, col(Movement.payment_id) == Payment.payment_id)
        outstanding = (
            select(Booking.lot_id).where(
                or_(
                    col(Booking.due_at).is_not(None),
                    and_(col(Booking.state).in_(_WITH_SPOT), col(Booking.end_time) > now),
                )
            ),
            select(Payment.lot_id).where(col(Payment.due_at).is_not(None)),
            queued.where(col(Movement.due_at).is_not(None)),
        )
        with self.database.reading() as session:
            waiting = {lot_id for found in outstanding for lot_id in session.exec(found.distinct())}
        if missing := sorted(waiting - self.lots.keys()):
            raise OperatorError(
                "lot_missing",
                f"bookings or payments of {', '.join(missing)} are not finished; put the lot back into the"
                " configuration, and take it out once its last window has ended and its money has been moved",
            )

    def copies(self, lot_id: str) -> LotCopies:
        """What applies the facts of a lot's hub."""
        return LotCopies(self.database, lot_id, self.settlement.settle, lambda: self.clock().utc)

    def hub_back(self, lot_id: str) -> None:
        """A lot's hub can be asked again: what waited for its answer is tried at once."""
        now = self.clock().utc
        with self.database.transaction() as session:
            lease.wake(session, Payment, now, col(Payment.lot_id) == lot_id)
            lease.wake(session, Booking, now, col(Booking.lot_id) == lot_id, col(Booking.state).in_(_WAIT_FOR_HUB))
        self.following_up.wake()
        self.paying.wake()

    def as_of(self, lot_id: str) -> datetime | None:
        """How old central's copy of the lot is: until when its hub was heard, or its last fact."""
        heard_at = self.hubs.heard_at(lot_id)
        with self.database.reading() as session:
            cursor = session.get(CursorRow, lot_id)
        told_at = None if cursor is None else cursor.fact_at
        return max((instant for instant in (heard_at, told_at) if instant is not None), default=None)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.database.close()

    def _lost(self) -> None:
        self.following_up.wake()

    def _refund_queued(self) -> None:
        self.moving.wake()

    def _paid(self, lot_id: str) -> None:
        self._changed(lot_id)
        self.moving.wake()  # what was captured just now may be owed back already
        self.following_up.wake()  # a wish to cancel may have waited for the payment's end


def _password(text: str) -> str:
    if len(text) < PASSWORD_LENGTH_MIN:
        raise OperatorError("password_short", f"an operator's password has {PASSWORD_LENGTH_MIN} characters at least")
    return text
