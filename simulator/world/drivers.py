"""Drivers: each lives through the trip that was drawn for them, with central, the lanes and their own bank."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from cloud_sync.central.booking import Wish
from cloud_sync.central.documents import ActionDocument, ReservationStatus
from cloud_sync.central.ledger import MovementState
from cloud_sync.central.payment import PaymentStatus
from domain.errors import GatehouseError, Refused, TryLater
from domain.money import Money
from domain.window import Window
from simulator.world.desk import Account, Unreachable
from simulator.world.plan import MINUTE_MS, Trip, spots_for
from simulator.world.provider import Card
from simulator.world.seen import DriverTold, Told
from simulator.world.street import Car
from simulator.world.town import Town
from simulator.world.visit import Papers, Visit

T = TypeVar("T")

TRIES_MAX = 8
SPOTS_MAX = 4
POLLS_MAX = 60
ABANDONS = 0.03
"""Of those who hold a spot do not pay."""
PAYS_ANEW = 0.6
"""Of those whose card was declined try another."""
COMPLAINS = 0.08
"""Of those who paid complain once they are out: something is paid back by hand, to some of them in two parts."""
PARTS = (1, 1, 2)
GOODWILL_MINOR = (50, 100, 1_000)
CURRENCY = "EUR"


class HomeTime(Exception):
    """The drivers' plans are over: what comes later does not happen."""


class Driver:
    """One driver and their trip."""

    def __init__(self, town: Town, trip: Trip, dice: random.Random) -> None:
        self._town = town
        self._trip = trip
        self._dice = dice
        self._account: Account | None = None
        self._papers = Papers()

    async def live(self) -> None:
        """From their phone to the street and home again."""
        trip = self._trip
        async with asyncio.TaskGroup() as tasks:
            if trip.books_ms is not None:
                tasks.create_task(self._until_home(self._booking(trip.books_ms, tasks)))
            if trip.comes_ms is not None:
                tasks.create_task(self._until_home(self._visit(Car(trip.driver, trip.plate), trip.comes_ms)))
            if trip.second_car is not None and trip.comes_ms is not None:
                second = Car(f"{trip.driver}-2", trip.second_car)
                later_ms = trip.comes_ms + int(self._dice.uniform(1, 20) * MINUTE_MS)
                tasks.create_task(self._until_home(self._visit(second, later_ms)))

    async def _until_home(self, doing: Awaitable[None]) -> None:
        with contextlib.suppress(HomeTime):
            await doing

    async def _until(self, at_ms: int) -> None:
        if at_ms >= self._town.ends_ms:
            raise HomeTime
        await asyncio.sleep(max(at_ms - self._town.loop.now_ms, 0) / 1000)

    async def _pause(self, least_s: float, most_s: float) -> None:
        await self._until(self._town.loop.now_ms + int(self._dice.uniform(least_s, most_s) * 1000))

    def _told(self, told: Told, code: str | None = None) -> None:
        reservation_id = self._papers.reservation_id
        self._town.seen.drivers.append(
            DriverTold(self._town.loop.now_ms, self._trip.driver, told, reservation_id, code)
        )
        self._town.seen.counts[f"driver {told.value}"] += 1

    async def _persist(self, call: Callable[[], Awaitable[T]], tries: int = TRIES_MAX) -> T | None:
        """The answer of the first try that has one; Refused is an answer too, and raised."""
        for _ in range(tries):
            try:
                return await call()
            except (TryLater, Unreachable) as error:
                self._told(Told.TRY_LATER, error.code if isinstance(error, TryLater) else "unreachable")
            await self._pause(2, 40)
        return None

    async def _booking(self, at_ms: int, tasks: asyncio.TaskGroup) -> None:
        trip, desk = self._trip, self._town.desk
        await self._until(at_ms)
        account = await self._persist(lambda: desk.sign_up(trip.driver, trip.plate, trip.vehicle), 3 * TRIES_MAX)
        if account is None:
            return
        self._account = account
        if not await self._hold(account):
            return
        if trip.cancels_ms is not None:
            tasks.create_task(self._until_home(self._cancel(trip.cancels_ms)))
        if self._dice.random() < ABANDONS:
            return
        await self._pause(3, 200)
        if not await self._pay(account, trip.card.value) and self._dice.random() < PAYS_ANEW:
            await self._pause(5, 60)
            await self._pay(account, Card.GOOD.value)

    async def _hold(self, account: Account) -> bool:
        trip, town = self._trip, self._town
        window = Window(town.seen.instant(trip.start_ms), town.seen.instant(trip.end_ms))
        fitting = spots_for(trip.vehicle, town.lots[trip.lot_id].spots)
        for spot_id in self._dice.sample(fitting, min(SPOTS_MAX, len(fitting))):
            wish = Wish(account.user_id, account.vehicle_id, spot_id, window)
            try:
                held = await self._persist(lambda wish=wish: town.desk.book(wish))  # type: ignore[misc]
            except Refused as refused:
                self._told(Told.HOLD_REFUSED, refused.code)
                continue
            if held is None:
                return False
            self._papers.reservation_id = held.reservation_id
            self._told(Told.HELD)
            return True
        return False

    async def _pay(self, account: Account, method: str) -> bool:
        desk, reservation_id = self._town.desk, self._papers.reservation_id
        assert reservation_id is not None, "who pays holds something"
        try:
            payment = await self._persist(lambda: desk.pay(account.user_id, reservation_id, method), 3 * TRIES_MAX)
            for _ in range(POLLS_MAX):
                if payment is None:
                    return False
                self._papers.payment_id = payment_id = payment.payment_id
                if isinstance(payment, ActionDocument) and payment.client_secret is not None:
                    await self._pause(3, 60)
                    self._town.bank.authenticate(payment.client_secret, agrees=self._trip.agrees)
                    payment = await self._persist(lambda: desk.pay(account.user_id, reservation_id, method))
                elif payment.status is PaymentStatus.PROCESSING:
                    await self._pause(5, 60)
                    payment = await self._persist(
                        lambda payment_id=payment_id: desk.payment(payment_id)  # type: ignore[misc]
                    )
                else:
                    break
        except Refused as refused:
            self._told(Told.PAYMENT_FAILED, refused.code)
            return True  # another card changes nothing about it
        if payment is None or payment.status is PaymentStatus.FAILED:
            self._told(Told.PAYMENT_FAILED)
            return False
        if payment.status not in (PaymentStatus.PROCESSING, PaymentStatus.REQUIRES_ACTION):
            self._told(Told.PAID)
            self._papers.is_paid = True
            await self._fetch_ticket()
        return True

    async def _fetch_ticket(self) -> None:
        reservation_id = self._papers.reservation_id
        if not self._trip.has_phone or reservation_id is None:
            return
        try:
            ticket = await self._persist(lambda: self._town.desk.ticket(reservation_id))
        except GatehouseError:
            return
        if ticket is not None:
            self._papers.ticket = ticket
            self._told(Told.TICKET)

    async def _cancel(self, at_ms: int) -> None:
        reservation_id = self._papers.reservation_id
        assert reservation_id is not None, "who cancels has booked"
        await self._until(at_ms)
        try:
            left = await self._persist(lambda: self._town.desk.cancel(reservation_id))
        except Refused as refused:
            self._told(Told.CANCEL_REFUSED, refused.code)
            return
        if left is not None and left.status in (ReservationStatus.CANCELLED, ReservationStatus.CANCELLING):
            self._told(Told.CANCELLED, left.status.value)

    async def _visit(self, car: Car, at_ms: int) -> None:
        trip, town = self._trip, self._town
        await self._until(at_ms)
        if self._papers.is_paid and self._dice.random() < 0.5:
            await self._fetch_ticket()  # the lot may have moved the booking
        visit = Visit(town, car, self._papers, trip, self._account, self._dice)
        for number in range(COMES_MAX):
            if await visit.come_in(self._dice.choice(town.entries[trip.lot_id])):
                break
            if number + 1 == COMES_MAX or not self._papers.reservation_id:
                return
            if town.loop.now_ms < trip.start_ms:
                await self._until(trip.start_ms)
            await self._pause(60, 600)
        await self._until(max(trip.leaves_ms, town.loop.now_ms + MINUTE_MS))
        while not await visit.go_out(self._dice.choice(town.exits[trip.lot_id])):
            await self._pause(10, 60)
        if self._papers.is_paid and car.plate == trip.plate and self._dice.random() < COMPLAINS:
            await self._complain()

    async def _complain(self) -> None:
        payment_id = self._papers.payment_id
        assert payment_id is not None, "who has paid has a payment"
        for part in range(self._dice.choice(PARTS)):
            amount = Money(self._dice.choice(GOODWILL_MINOR), CURRENCY)
            key = f"{self._trip.driver}-{part}"
            self._told(Told.COMPLAINS, key)
            try:
                state = await self._persist(
                    lambda amount=amount, key=key: self._town.desk.refund(payment_id, amount, key)  # type: ignore[misc]
                )
            except Refused as refused:
                self._told(Told.NOT_MADE_GOOD, refused.code)
                return
            if state is MovementState.DONE:
                self._told(Told.MADE_GOOD, key)


COMES_MAX = 3
"""Times that a driver who is not let in tries again."""
