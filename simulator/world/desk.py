"""Central as drivers reach it: what its HTTP routes do, without HTTP. Each call may be cut short by central's death."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from cloud_sync.central import documents
from cloud_sync.central.accounts import Caller, Role
from cloud_sync.central.api.payments import PATIENCE_S, AnyPayment
from cloud_sync.central.booking import Wish
from cloud_sync.central.checkin import Knock
from cloud_sync.central.documents import ReservationDocument
from cloud_sync.central.ledger import MovementState
from cloud_sync.central.office import Office
from cloud_sync.link.v1.facts import Direction
from cloud_sync.link.v1.messages import AdmitAnswer
from domain.errors import Refused
from domain.money import Money
from domain.plate import Plate
from domain.spot import VehicleType
from simulator.world.process import Died, Place
from simulator.world.units import CentralUnit

T = TypeVar("T")

OPERATOR = Caller("usr_operator", Role.OPERATOR)
PATIENCE_HTTP_S = 40.0
LATENCY_S = (0.02, 0.3)


class Unreachable(Exception):
    """Nobody has answered: what was asked for may have been done or not."""


@dataclass(frozen=True, slots=True)
class Account:
    user_id: str
    vehicle_id: str


class Desk:
    """Calls into the office, as the routes make them."""

    def __init__(self, central: CentralUnit, dice: random.Random) -> None:
        self._central = central
        self._dice = dice

    async def sign_up(self, name: str, plate: Plate, vehicle: VehicleType) -> Account:
        """The account of this name, which an earlier try may have opened already."""
        email, password = f"{name}@example.com", f"{name}-secret"

        def enter(office: Office) -> Account:
            try:
                user_id = office.accounts.register(email, password, name)
            except Refused:
                user_id = office.accounts.log_in(email, password).user_id
            return Account(user_id, office.vehicles.add(user_id, plate, vehicle).vehicle_id)

        return await self._asked(lambda office: asyncio.to_thread(enter, office))

    async def book(self, wish: Wish) -> ReservationDocument:
        async def ask(office: Office) -> ReservationDocument:
            reservation_id = await office.bookings.hold(wish)
            return await asyncio.to_thread(documents.reservation, office, reservation_id)

        return await self._asked(ask)

    async def pay(self, user_id: str, reservation_id: str, method: str) -> AnyPayment:
        async def ask(office: Office) -> AnyPayment:
            payment_id = await asyncio.to_thread(office.payments.begin, user_id, reservation_id, method)
            await asyncio.wait([office.paying.start(payment_id)], timeout=PATIENCE_S)
            return (await asyncio.to_thread(documents.payment, office, payment_id))[0]

        return await self._asked(ask)

    async def payment(self, payment_id: str) -> AnyPayment:
        async def ask(office: Office) -> AnyPayment:
            return (await asyncio.to_thread(documents.payment, office, payment_id))[0]

        return await self._asked(ask)

    async def ticket(self, reservation_id: str) -> str:
        def ask(office: Office) -> str:
            documents.reservation(office, reservation_id)  # the route looks whose it is
            return documents.ticket(office, reservation_id)

        return await self._asked(lambda office: asyncio.to_thread(ask, office))

    async def cancel(self, reservation_id: str) -> ReservationDocument:
        async def ask(office: Office) -> ReservationDocument:
            await asyncio.to_thread(office.cancellations.request, reservation_id)
            await asyncio.wait([office.following_up.start(reservation_id)], timeout=PATIENCE_S)
            refusal = await asyncio.to_thread(office.cancellations.refusal, reservation_id)
            if refusal is not None:
                raise refusal
            return await asyncio.to_thread(documents.reservation, office, reservation_id)

        return await self._asked(ask)

    async def refund(self, payment_id: str, amount: Money, key: str) -> MovementState:
        """An operator pays back by hand."""

        async def ask(office: Office) -> MovementState:
            movement_id = await asyncio.to_thread(
                office.refunds.queue, payment_id, amount, "the lift was out of order", OPERATOR, key
            )
            await asyncio.wait([office.moving.start(movement_id)], timeout=PATIENCE_S)
            return await asyncio.to_thread(office.refunds.state, movement_id)

        return await self._asked(ask)

    async def check_in(self, user_id: str, gate_id: str, reservation_id: str) -> AdmitAnswer:
        return await self._knock(user_id, Knock(gate_id, Direction.ENTRY, reservation_id))

    async def check_out(self, user_id: str, gate_id: str, reservation_id: str) -> AdmitAnswer:
        return await self._knock(user_id, Knock(gate_id, Direction.EXIT, reservation_id))

    async def _knock(self, user_id: str, knock: Knock) -> AdmitAnswer:
        async def ask(office: Office) -> AdmitAnswer:
            by = Caller(user_id, Role.DRIVER)
            lot_id, request = await asyncio.to_thread(office.check_ins.request, knock, by)
            return await office.check_ins.ask(lot_id, request)

        return await self._asked(ask)

    async def _asked(self, call: Callable[[Office], Awaitable[T]]) -> T:
        await asyncio.sleep(self._dice.uniform(*LATENCY_S))
        process, office = self._central.process, self._central.office
        if process is None or office is None or not process.alive:
            raise Unreachable

        async def answer() -> T:
            try:
                return await call(office)
            finally:
                process.passes(Place.BEFORE_ANSWER)

        task: asyncio.Task[T] = process.start(answer())
        ended: list[asyncio.Future[Any]] = [task, process.died]
        await asyncio.wait(ended, timeout=PATIENCE_HTTP_S, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(self._dice.uniform(*LATENCY_S))
        if not task.done() or task.cancelled() or isinstance(task.exception(), Died):
            raise Unreachable
        return task.result()
