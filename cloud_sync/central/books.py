"""Central's books, compared with the payment provider's record when central starts.

Central's database may have been restored from a backup, or be new: then the provider knows of payments and refunds that
the books do not show. Each says there what it was for (`bank.Booked`, and its cause), so that the books are put
together again: what was taken and paid back is posted, and whatever was under way goes on from where the provider
stands. Until that is done no money is moved, since what is not known of would be moved twice.

What the books know already does nothing. Where both disagree and neither can be followed it is logged
(`books.differ`), for the operator to look at.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import Session, select

from cloud_sync.central import lease, ledger, recovery
from cloud_sync.central.bank import Bank, Booked, IntentState, PaidBack, Taken
from cloud_sync.central.database import Database
from cloud_sync.central.dues import Kind
from cloud_sync.central.journal import Journal
from cloud_sync.central.payment import tell_of
from cloud_sync.central.saga import ENDED, Step
from cloud_sync.central.settlement import Settlement
from cloud_sync.central.tables import Booking, Payment, User, WholeUntil
from cloud_sync.link.clock import Clock
from domain.errors import Refused, TryLater
from domain.policy import Policy

T = TypeVar("T", Taken, PaidBack)

log = logging.getLogger(__name__)

OVERLAP = timedelta(hours=1)
"""How far before the instant until which the books are whole the provider's record is read: its clock is another one,
and what was under way at that instant ends after it."""

WHOLE_EVERY_S = 600.0
"""How often that instant is moved on while a process is at work that has compared them."""

LOOKED_BACK = timedelta(days=400)
"""How far back it is read where there are no books at all."""

RETRY_S_MIN, RETRY_S_MAX = 1.0, 60.0
"""How long to wait until a silent provider is asked again; doubled each time."""


class Books:
    """Compares the books, and says whether that was done."""

    def __init__(
        self,
        database: Database,
        *,
        bank: Bank,
        settlement: Settlement,
        policies: Mapping[str, Policy],
        journals: Mapping[str, Journal],
        clock: Clock,
        changed: Callable[[str], None],
        threads: Executor,
    ) -> None:
        """`policies` by lot; the rest as for `payment.Payments`."""
        self._database = database
        self._bank = bank
        self._settlement = settlement
        self._policies = policies
        self._journals = journals
        self._clock = clock
        self._changed = changed
        self._threads = threads
        self._compared = False

    @property
    def are_compared(self) -> bool:
        return self._compared

    def must_be_compared(self) -> None:
        """Raises TryLater until they are: call it before money is moved."""
        if not self._compared:
            raise TryLater("books_open", "payments are still being compared with the payment provider; try again later")

    async def run(self) -> None:
        """Compare them once, as soon as the provider answers; from then on they are whole, until cancelled."""
        await self._compare_once()
        while True:
            await asyncio.sleep(WHOLE_EVERY_S)
            try:
                await asyncio.to_thread(self._are_whole, self._clock().utc)
            except OperationalError:
                log.warning("books.not_marked")

    async def _compare_once(self) -> None:
        pause_s, was_told = RETRY_S_MIN, False
        loop = asyncio.get_running_loop()
        while not self._compared:
            try:
                await loop.run_in_executor(self._threads, self.compare)
            except (TryLater, OperationalError) as error:
                if not was_told:
                    why = error.code if isinstance(error, TryLater) else type(error).__name__
                    log.warning("books.not_compared", extra={"why": why})
                was_told = True
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, RETRY_S_MAX)
        if was_told:
            log.info("books.compared")

    def compare(self) -> None:
        """Take over what the provider knows and the books do not. Blocks. Raises TryLater."""
        now = self._clock().utc
        since = self._whole_until(now) - OVERLAP
        taken, paid_back = self._bank.taken_since(since), self._bank.paid_back_since(since)
        missing = sum([_unless_another_did(self._take_over, one) for one in taken])
        missing += sum([_unless_another_did(self._take_back, one) for one in paid_back])
        self._are_whole(now)
        self._compared = True
        if missing:
            log.warning("books.completed", extra={"missing": missing})
            for lot_id in self._journals:
                self._changed(lot_id)

    def _whole_until(self, now: datetime) -> datetime:
        with self._database.reading() as session:
            row = session.get(WholeUntil, 1)
            return now - LOOKED_BACK if row is None else row.at

    def _are_whole(self, until: datetime) -> None:
        with self._database.transaction() as session:
            session.merge(WholeUntil(only_one=1, at=until))

    def _take_over(self, one: Taken) -> bool:
        """Whether the books did not have it."""
        cause = ledger.Cause.parse(one.cause)
        with self._database.reading() as session:
            if cause is None or _is_entered(session, one, cause):
                return False
        with self._database.transaction() as session:
            if cause.kind is Kind.CHARGE:
                return self._payment(session, one, cause)
            return self._charge(session, one, cause)

    def _payment(self, session: Session, one: Taken, cause: ledger.Cause) -> bool:
        now = self._clock()
        payment = _attempt(session, cause)
        if payment is None:
            if one.booked is None or one.booked.lot_id not in self._journals:
                return self._differs(one.cause, "its lot is not known")
            if session.get(Payment, one.booked.payment_id) is not None:
                return self._differs(one.cause, "its id is another payment's")
            payment = self._begun(session, one, one.booked, cause.revision)
        elif Step(payment.step) in ENDED:
            return self._differs(one.cause, f"{payment.step} here, {one.intent.state.value} there")
        _go_on_from(payment, one, now.utc)
        if payment.step == Step.PAID.value:
            ledger.captured(session, payment, now.utc)
            recovery.paid(session.get_one(Booking, payment.reservation_id, with_for_update=True), now.utc)
            self._settle(session, payment)
        elif payment.step == Step.FAILED.value:
            ledger.not_charged(session, payment)
        return True

    def _begun(self, session: Session, one: Taken, booked: Booked, attempt: int) -> Payment:
        """A payment that these books had never heard of; whatever was tried before it has failed."""
        if session.get(Booking, booked.reservation_id, with_for_update=True) is None:
            recovery.booked(session, booked, one.at)
        live = select(Payment).where(Payment.reservation_id == booked.reservation_id, Payment.step != Step.FAILED.value)
        for earlier in session.exec(live):
            earlier.step = Step.FAILED.value
            lease.finish(earlier)
            ledger.not_charged(session, earlier)
        session.flush()
        payment = Payment(
            payment_id=booked.payment_id,
            reservation_id=booked.reservation_id,
            attempt=attempt,
            user_id=booked.user_id,
            lot_id=booked.lot_id,
            amount_minor=one.amount.amount_minor,
            currency=one.amount.currency,
            step=Step.AUTHORISE.value,
            method_token=None,
            hold_expires_at=one.at + timedelta(seconds=self._policies[booked.lot_id].hold_s),
            window_end=booked.end_time,
            created_at=one.at,
        )
        session.add(payment)
        session.flush()
        ledger.open_charge(session, payment, one.at)
        user = session.get(User, booked.user_id)
        if user is not None and user.customer_id is None:
            user.customer_id = one.intent.customer_id
        return payment

    def _charge(self, session: Session, one: Taken, cause: ledger.Cause) -> bool:
        now = self._clock().utc
        payment = _paid(session, cause.reservation_id)
        if payment is None:
            return self._differs(one.cause, "what was paid before it is not known")
        charge = ledger.find(session, cause) or ledger.queue_charge(
            session, payment, one.amount, now, kind=cause.kind, revision=cause.revision
        )
        ledger.correct(session, payment, charge, one.amount, now)
        ledger.charge_paid(session, charge, one.intent.intent_id, now)
        lease.finish(charge)
        return True

    def _take_back(self, one: PaidBack) -> bool:
        """Whether the books did not have this refund."""
        cause = ledger.Cause.parse(one.cause)
        with self._database.reading() as session:
            if cause is None or ledger.is_done(session, cause):
                return False
        try:
            with self._database.transaction() as session:
                return self._refund(session, one, cause)
        except Refused as refused:
            return self._differs(one.cause, refused.code)

    def _refund(self, session: Session, one: PaidBack, cause: ledger.Cause) -> bool:
        now = self._clock().utc
        payment = _paid(session, cause.reservation_id)
        if payment is None or payment.intent_id != one.intent_id:
            return self._differs(one.cause, "what was paid before it is not known")
        refund = ledger.find(session, cause) or ledger.queue_refund(
            session, payment, one.amount, now, kind=cause.kind, revision=cause.revision
        )
        assert refund is not None, "it was not there, and pays something back"
        if refund.state == ledger.MovementState.VOID.value:
            return self._differs(one.cause, "refused here, paid back there")
        refund.request_key = refund.request_key or one.request_key
        ledger.correct(session, payment, refund, one.amount, now)
        ledger.refund_paid(session, payment, refund, one.refund_id, now)
        lease.finish(refund)
        self._settle(session, payment)
        return True

    def _settle(self, session: Session, payment: Payment) -> None:
        now = self._clock()
        session.flush()
        self._settlement.settle(session, payment.reservation_id, now.utc)
        tell_of(session, self._journals[payment.lot_id], payment, now)

    def _differs(self, cause: str, why: str) -> bool:
        log.error("books.differ", extra={"cause": cause, "why": why})
        return False


def _unless_another_did(enter: Callable[[T], bool], one: T) -> bool:
    """What it returns; another process of central may be at the same, and be quicker."""
    try:
        return enter(one)
    except IntegrityError:
        pass  # it is there by now; or what the provider has contradicts itself
    try:
        return enter(one)
    except IntegrityError:
        log.error("books.differ", extra={"cause": one.cause, "why": "it contradicts what is there"})
        return False


def _go_on_from(payment: Payment, one: Taken, now: datetime) -> None:
    """Take the payment on to where the provider is with it."""
    intent = one.intent
    payment.intent_id, payment.customer_id, payment.card_id = intent.intent_id, intent.customer_id, intent.card_id
    payment.method_token = payment.client_secret = None
    match intent.state:
        case IntentState.CAPTURED:
            payment.step = Step.PAID.value
            lease.finish(payment)
        case IntentState.AUTHORISED:
            payment.step, payment.authorised_at = Step.CONFIRM.value, one.at
            lease.go_on(payment, now)
        case IntentState.NEEDS_DRIVER:
            payment.step, payment.client_secret = Step.AUTHENTICATE.value, intent.client_secret
            lease.go_on(payment, now)
        case IntentState.GONE:
            payment.step = Step.FAILED.value
            lease.finish(payment)


def _is_entered(session: Session, one: Taken, cause: ledger.Cause) -> bool:
    """Whether the books have it as the provider has, or will have once what is under way has gone on."""
    if cause.kind is not Kind.CHARGE:
        return one.intent.state is not IntentState.CAPTURED or ledger.is_done(session, cause)
    payment = _attempt(session, cause)
    if payment is None:
        return False
    if one.intent.state is IntentState.GONE:
        return payment.step != Step.PAID.value
    if one.intent.state is IntentState.CAPTURED:
        return payment.step == Step.PAID.value
    return payment.intent_id == one.intent.intent_id


def _attempt(session: Session, cause: ledger.Cause) -> Payment | None:
    found = select(Payment).where(Payment.reservation_id == cause.reservation_id, Payment.attempt == cause.revision)
    return session.exec(found.with_for_update()).first()


def _paid(session: Session, reservation_id: str) -> Payment | None:
    """The payment that was captured for a reservation, locked; as everywhere, first the booking."""
    session.get(Booking, reservation_id, with_for_update=True)
    return ledger.paid_for(session, reservation_id)
