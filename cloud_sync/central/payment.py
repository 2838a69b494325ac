"""Payments: their rows, and the shell that performs what the saga (`saga.py`) decides.

Each step is stored before it is performed and its outcome after it, so that a crash between any two lines leaves a row
from which another process goes on. Performed twice, a step is harmless: the provider knows its idempotency key, and
the hub answers the same confirm alike.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from enum import Enum
from uuid import uuid4

from sqlmodel import Session, col, select

from cloud_sync.central import answers, lease, ledger, tickets
from cloud_sync.central.bank import Bank, Booked, Intent, IntentState, Order
from cloud_sync.central.booking import State
from cloud_sync.central.database import Database
from cloud_sync.central.dues import Kind
from cloud_sync.central.hubs import Hubs
from cloud_sync.central.journal import Journal
from cloud_sync.central.saga import ENDED, Outcome, Progress, Step, after, next_step
from cloud_sync.central.settlement import UNPAID, Settlement
from cloud_sync.central.tables import Booking, Payment, ReservationCopy, User
from cloud_sync.link.clock import Clock
from cloud_sync.link.v1.facts import PaymentChanged
from cloud_sync.link.v1.messages import CancelAnswer, CancelRequest, ConfirmAnswer, ConfirmRequest
from domain.errors import NotFound, Refused, TryLater
from domain.money import Money
from domain.now import Now
from domain.reservation import Status

log = logging.getLogger(__name__)


class PaymentStatus(Enum):
    """What a driver is told."""

    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


def status_of(payment: Payment) -> PaymentStatus:
    """What the row amounts to."""
    match Step(payment.step):
        case Step.FAILED:
            return PaymentStatus.FAILED
        case Step.AUTHENTICATE:
            return PaymentStatus.REQUIRES_ACTION
        case Step.PAID if payment.refunded_minor == 0:
            return PaymentStatus.SUCCEEDED
        case Step.PAID if payment.refunded_minor == payment.captured_minor:
            return PaymentStatus.REFUNDED
        case Step.PAID:
            return PaymentStatus.PARTIALLY_REFUNDED
        case _:
            return PaymentStatus.PROCESSING


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a step."""

    outcome: Outcome
    intent: Intent | None = None
    confirmed: ConfirmAnswer | None = None
    failure: str | None = None
    debt: bool = False  # the money cannot be had, and the car is inside or was


_CAME_IN = tuple(f"reservation_{status.value}" for status in (Status.CHECKED_IN, Status.COMPLETED))
"""The hub's refusals to cancel for want of money: the lot is owed it."""


class Payments:
    """Takes payments for reservations."""

    def __init__(
        self,
        database: Database,
        *,
        hubs: Hubs,
        bank: Bank,
        settlement: Settlement,
        journals: Mapping[str, Journal],
        clock: Clock,
        changed: Callable[[str], None],
        threads: Executor,
        may_move: Callable[[], None],
    ) -> None:
        """`journals` are central's logs by lot; `changed` is told of a lot whose log may have grown or money moved.

        `threads` runs the calls to the bank, which block longer than those to the database. `may_move` raises TryLater
        while no money is to be moved.
        """
        self._database = database
        self._hubs = hubs
        self._bank = bank
        self._settlement = settlement
        self._journals = journals
        self._clock = clock
        self._changed = changed
        self._threads = threads
        self._may_move = may_move

    def begin(self, user_id: str, reservation_id: str, method_token: str) -> str:
        """Write a payment for a held reservation down and return its id: work on it next.

        Where one is under way or done, its id is returned: nobody pays twice. Raises NotFound for a reservation that
        is not this user's, Refused where it is not to be paid for, TryLater while it may have been paid for already.
        """
        now = self._clock()
        with self._database.transaction() as session:
            booking = session.get(Booking, reservation_id, with_for_update=True)
            reservation = session.get(ReservationCopy, reservation_id)
            if booking is None or reservation is None or reservation.user_id != user_id:
                raise NotFound("reservation_unknown", "there is no such reservation")
            tried = session.exec(
                select(Payment).where(Payment.reservation_id == reservation_id).order_by(col(Payment.attempt).desc())
            ).all()
            if tried and Step(tried[0].step) is not Step.FAILED:
                lease.hurry(tried[0], now.utc)
                return tried[0].payment_id
            self._may_move()
            return self._open(session, reservation, method_token, len(tried) + 1, now).payment_id

    def _open(
        self, session: Session, reservation: ReservationCopy, method_token: str, attempt: int, now: Now
    ) -> Payment:
        expires_at = reservation.hold_expires_at
        booking = session.get_one(Booking, reservation.reservation_id)
        if booking.state == State.CANCELLING.value:
            raise Refused("reservation_cancelling", "this reservation is being cancelled; book again")
        if Status(reservation.status) is not Status.HELD or expires_at is None:
            raise Refused(
                f"reservation_{reservation.status}", f"a reservation that is {reservation.status} is not paid"
            )
        if booking.state != State.HELD.value:  # its release may reach the hub after the confirm
            raise Refused("hold_given_up", "the lot's answer came too late, and this hold was given up; book again")
        if now.utc >= expires_at:
            raise Refused("hold_expired", "the hold has run out; book again")
        payment = Payment(
            payment_id=f"pay_{uuid4().hex}",
            reservation_id=reservation.reservation_id,
            attempt=attempt,
            user_id=reservation.user_id,
            lot_id=reservation.lot_id,
            amount_minor=reservation.price_minor,
            currency=reservation.currency,
            step=Step.AUTHORISE.value,
            method_token=method_token,
            hold_expires_at=expires_at,
            window_end=reservation.end_time,
            created_at=now.utc,
        )
        lease.go_on(payment, now.utc)
        session.add(payment)
        session.flush()
        ledger.open_charge(session, payment, now.utc)
        return payment

    async def work(self, payment_id: str) -> None:
        """Take the payment on, step by step, until it ends, rests, or somebody else is at it."""
        owner = uuid4().hex
        while (taken := await asyncio.to_thread(self._take, payment_id, owner)) is not None:
            payment, booking = taken
            result = await self._perform(payment, booking)
            await asyncio.to_thread(self._store, payment_id, payment.reservation_id, owner, result)
            self._changed(payment.lot_id)

    def _take(self, payment_id: str, owner: str) -> tuple[Payment, Booking] | None:
        now = self._clock().utc
        with self._database.transaction() as session:
            payment = lease.take(session, Payment, payment_id, owner, now)
            if payment is None:
                return None
            payment.step = next_step(_progress(payment), now).value
            return payment, session.get_one(Booking, payment.reservation_id)

    async def _perform(self, payment: Payment, booking: Booking) -> Result:
        step, cause = Step(payment.step), str(ledger.Cause(payment.reservation_id, Kind.CHARGE, payment.attempt))
        try:
            match step:
                case Step.CONFIRM:
                    request = ConfirmRequest(reservation_id=payment.reservation_id)
                    confirmed = await self._hubs.ask(payment.lot_id, "confirm", request, ConfirmAnswer)
                    return Result(Outcome.YES, confirmed=confirmed)
                case Step.UNPAID:
                    return await self._tell_unpaid(payment)
                case _ if payment.amount_minor == 0:
                    return Result(Outcome.YES)  # a tariff may ask for nothing; no bank takes that
                case _:
                    loop = asyncio.get_running_loop()
                    return await loop.run_in_executor(self._threads, self._bank_step, step, payment, booking, cause)
        except TryLater as error:
            log.info("payment.in_doubt", extra={"payment": payment.payment_id, "step": step.value, "why": error.code})
            return Result(Outcome.DOUBT)
        except Refused as error:
            log.info("payment.refused", extra={"payment": payment.payment_id, "step": step.value, "why": error.code})
            return Result(Outcome.NO, failure=error.code)

    def _bank_step(self, step: Step, payment: Payment, booking: Booking, cause: str) -> Result:
        self._may_move()
        if step is Step.AUTHORISE:
            customer_id = self._customer(payment.user_id)
            return _as_intent(self._bank.authorise(_order(payment, booking, customer_id, cause)))
        assert payment.intent_id is not None, "only an authorisation comes before there is an intent"
        if step is Step.AUTHENTICATE:
            return _as_intent(self._bank.look(payment.intent_id))
        if step is Step.CAPTURE:
            self._bank.capture(payment.intent_id, cause)
        else:
            self._bank.void(payment.intent_id, cause)
        return Result(Outcome.YES)

    def _customer(self, user_id: str) -> str:
        """The provider's name for the driver: one for all their payments, since a card stays with one for ever."""
        with self._database.reading() as session:
            user = session.get(User, user_id)
        if user is not None and user.customer_id is not None:
            return user.customer_id
        opened = self._bank.open_customer(user_id)
        with self._database.transaction() as session:
            user = session.get(User, user_id, with_for_update=True)
            if user is None:  # the account was lost with a disk; the payment keeps the customer
                return opened
            user.customer_id = user.customer_id or opened
            return user.customer_id

    async def _tell_unpaid(self, payment: Payment) -> Result:
        self._may_move()  # until then it may have been paid for all the same
        request = CancelRequest(reservation_id=payment.reservation_id, cause=UNPAID, requested_at=self._clock().utc)
        try:
            await self._hubs.ask(payment.lot_id, "cancel", request, CancelAnswer)
        except Refused as error:
            if error.code in _CAME_IN:
                log.error("payment.debt", extra={"payment": payment.payment_id, "why": error.code})
                return Result(Outcome.NO, failure=error.code, debt=True)
            raise
        return Result(Outcome.YES)

    def _store(self, payment_id: str, reservation_id: str, owner: str, result: Result) -> None:
        now = self._clock()
        with self._database.transaction() as session:
            booking = session.get_one(Booking, reservation_id, with_for_update=True)  # as `settle`: first the booking
            payment = lease.keep(session, Payment, payment_id, owner)
            if payment is None:
                return  # whoever has the lease now finds the same out
            step = Step(payment.step)
            following = after(step, result.outcome)
            payment.step, payment.failure = following.value, payment.failure or result.failure
            self._take_effect(session, payment, step, result, now)
            if following in ENDED:
                lease.finish(payment)
                lease.hurry(booking, now.utc)  # a wish to cancel waits for this
            elif following is step:
                lease.rest(payment, now.utc)
            else:
                lease.go_on(payment, now.utc)
        if following is not step:
            log.info("payment.step", extra={"payment": payment_id, "step": following.value, "why": result.failure})

    def _take_effect(self, session: Session, payment: Payment, step: Step, result: Result, now: Now) -> None:
        if step in (Step.AUTHORISE, Step.AUTHENTICATE):
            _remember_intent(payment, result, now)
        if result.confirmed is not None:
            answers.keep(session, result.confirmed.fact)
            tickets.take_in(session.get_one(Booking, payment.reservation_id), result.confirmed, now.utc)
            revision = result.confirmed.revision
            answers.changed(session, payment.reservation_id, Status.CONFIRMED, revision, now.utc)
        if result.debt:
            ledger.left_unpaid(session, payment, now.utc)
        if Step(payment.step) is Step.PAID:
            ledger.captured(session, payment, now.utc)
            self._settlement.settle(session, payment.reservation_id, now.utc)
            tell_of(session, self._journals[payment.lot_id], payment, now)
        if Step(payment.step) is Step.FAILED:
            payment.method_token = None
            ledger.not_charged(session, payment)
            session.flush()
            self._settlement.settle(session, payment.reservation_id, now.utc)  # its car may have come all the same


def tell_of(session: Session, journal: Journal, payment: Payment, now: Now) -> None:
    """Append the fact of what has been paid for a reservation, and what of it paid back."""
    session.flush()
    driver = session.get(User, payment.user_id)
    journal.append(
        PaymentChanged(
            reservation_id=payment.reservation_id,
            paid=Money(payment.captured_minor, payment.currency),
            refunded=Money(payment.refunded_minor, payment.currency),
            end_time=payment.window_end,
            driver_name=None if driver is None else driver.name,
        ),
        now,
    )


def _remember_intent(payment: Payment, result: Result, now: Now) -> None:
    if result.intent is not None:
        payment.intent_id = result.intent.intent_id
        payment.customer_id, payment.card_id = result.intent.customer_id, result.intent.card_id
    waits = result.outcome is Outcome.WAIT and result.intent is not None
    payment.client_secret = result.intent.client_secret if waits and result.intent else None
    if result.outcome is Outcome.YES:
        payment.authorised_at = now.utc if payment.intent_id else None
        payment.method_token = None


def _as_intent(intent: Intent) -> Result:
    match intent.state:
        case IntentState.AUTHORISED | IntentState.CAPTURED:
            return Result(Outcome.YES, intent)
        case IntentState.NEEDS_DRIVER:
            return Result(Outcome.WAIT, intent)
        case IntentState.GONE:
            return Result(Outcome.NO, intent, failure="authentication_failed")


def _order(payment: Payment, booking: Booking, customer_id: str, cause: str) -> Order:
    assert payment.method_token is not None, "it is kept until the card is authorised"
    return Order(
        cause=cause,
        amount=Money(payment.amount_minor, payment.currency),
        customer_id=customer_id,
        method_token=payment.method_token,
        booked=Booked(
            payment_id=payment.payment_id,
            lot_id=booking.lot_id,
            reservation_id=booking.reservation_id,
            user_id=booking.user_id,
            vehicle_id=booking.vehicle_id,
            spot_id=booking.spot_id,
            start_time=booking.start_time,
            end_time=booking.end_time,
        ),
    )


def _progress(payment: Payment) -> Progress:
    return Progress(Step(payment.step), payment.authorised_at, payment.hold_expires_at, payment.window_end)
