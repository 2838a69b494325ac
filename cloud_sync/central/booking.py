"""Booking: asking a lot's hub for a hold, and giving up holds whose answer was lost.

Only the hub can grant a hold. A row is written before it is asked; when no answer comes, the hub may have granted it,
so that the row stays due until the hub has answered its release. A driver who asks again meanwhile does not meet the
ghost of their own lost hold: it is released first, and the spot asked for anew.

The lot's fact says as well as the answer that the hold was granted (`recovery.told`). Of a row that was asked for
before this database was set back, the answer may have come, and its driver been told: it is not given up before the
lot's facts have been heard, unless the hold must have run out by then.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol
from uuid import uuid4

from sqlmodel import Session, col, select

from cloud_sync.central import answers, lease
from cloud_sync.central.database import Database
from cloud_sync.central.hubs import Hubs, hub_offline
from cloud_sync.central.tables import Booking, ReservationCopy, SpotCopy, User, Vehicle
from cloud_sync.central.vehicles import Vehicles
from cloud_sync.link.clock import Clock
from cloud_sync.link.v1.messages import HoldAnswer, HoldRequest, ReleaseRequest
from cloud_sync.link.v1.wire import Wire, utc
from domain.errors import BadInput, NotFound, Refused, TryLater
from domain.policy import Policy, Tariff
from domain.reservation import Status
from domain.spot import SpotKind, VehicleType, fits
from domain.window import Window

log = logging.getLogger(__name__)

PAST_TOLERANCE = timedelta(seconds=60)
"""How far back a window may begin: clocks differ, and typing takes time."""

AT_ONCE_MAX = 16
"""Holds asked of one lot at once. A rush waits its turn here, and not at the hub, where `answer_by` would run out."""

WAITING_MAX = 1_000
"""Drivers who are booking at once; more are told to try later."""

LATE = timedelta(seconds=2)
"""After the answer's time is up, how much longer until the hold counts as lost."""


class State(Enum):
    """How far central is with a hold."""

    ASKED = "asked"  # no answer yet, or none that came in time
    HELD = "held"
    REFUSED = "refused"
    RELEASING = "releasing"  # given up; the hub has not answered that yet
    RELEASED = "released"
    CANCELLING = "cancelling"  # its driver wants it cancelled; the hub has not answered that yet
    CANCELLED = "cancelled"


UNANSWERED = (State.ASKED.value, State.RELEASING.value)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a driver asks for."""

    user_id: str
    vehicle_id: str
    spot_id: str
    window: Window


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to ask the hub: first to release `ghosts`, then for `hold`. Or `existing`, which is held already."""

    lot_id: str
    ghosts: tuple[str, ...] = ()
    hold: HoldRequest | None = None
    existing: str | None = None


class CatchingUp(Protocol):
    """Knows how far central is with what the lots' hubs have told."""

    def is_behind(self, lot_id: str) -> bool:
        """Whether a lot's hub has told more than is known here, or may have."""
        ...


class Bookings:
    """Holds and what becomes of them until they are paid for."""

    def __init__(
        self,
        database: Database,
        *,
        hubs: Hubs,
        vehicles: Vehicles,
        tariffs: Mapping[str, Tariff],
        policies: Mapping[str, Policy],
        answer_s: float,
        clock: Clock,
        new_id: Callable[[], str],
        lost: Callable[[], None],
        catching_up: CatchingUp,
    ) -> None:
        """`new_id` makes reservation ids; `lost` is called when a hold's answer did not come: its row is due."""
        self._database = database
        self._hubs = hubs
        self._vehicles = vehicles
        self._tariffs = tariffs
        self._policies = policies
        self._answer = timedelta(seconds=answer_s)
        self._clock = clock
        self._new_id = new_id
        self._lost = lost
        self._catching_up = catching_up
        self._asking: dict[Wish, asyncio.Task[str]] = {}
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE_MAX))

    async def hold(self, wish: Wish) -> str:
        """The id of the reservation that now holds the spot for this driver.

        The same wish again gets the same reservation while that is held or confirmed. Raises BadInput or NotFound for
        what cannot be asked for, Refused where the spot is not to be had, TryLater where the hub cannot be reached.
        """
        task = self._asking.get(wish)
        if task is None and len(self._asking) >= WAITING_MAX:
            raise TryLater("lot_busy", "too many want to book at once; try again in a moment")
        if task is None:  # a driver who presses the button twice asks once
            task = asyncio.ensure_future(self._hold(wish))
            self._asking[wish] = task
            task.add_done_callback(lambda _: self._asking.pop(wish))
        return await asyncio.shield(task)  # a driver who hangs up does not stop it halfway

    async def _hold(self, wish: Wish) -> str:
        plan = await asyncio.to_thread(self._plan, wish)
        if plan.existing is not None:
            return plan.existing
        if not self._hubs.online(plan.lot_id):
            raise hub_offline(plan.lot_id)
        async with self._turns[plan.lot_id]:
            return await self._take_turn(wish, plan)

    async def _take_turn(self, wish: Wish, plan: _Plan) -> str:
        for ghost in plan.ghosts:
            if await asyncio.to_thread(self._give_up, ghost):
                await self._hubs.ask(plan.lot_id, "release", ReleaseRequest(reservation_id=ghost), Wire)
                await asyncio.to_thread(self._released, ghost)
            elif (existing := await asyncio.to_thread(self._existing, wish)) is not None:
                return existing  # the ghost's fact has come
        assert plan.hold is not None, "a plan without an existing reservation asks for one"
        answer_by = utc(self._clock().utc + self._answer)
        return await self._ask(plan.lot_id, plan.hold.model_copy(update={"answer_by": answer_by}))

    def _plan(self, wish: Wish) -> _Plan:
        now = self._clock().utc
        if wish.window.start < now - PAST_TOLERANCE:
            raise BadInput("window_past", "start_time is in the past")
        with self._database.reading() as session:
            spot = session.get(SpotCopy, wish.spot_id)
            if spot is None or spot.lot_id not in self._tariffs:
                raise NotFound("spot_unknown", "there is no such spot")
            vehicle = self._vehicles.owned(session, wish.user_id, wish.vehicle_id)
            if not fits(VehicleType(vehicle.vehicle_type), SpotKind(spot.kind)):
                raise BadInput("spot_unfit", f"a {vehicle.vehicle_type} vehicle does not fit a {spot.kind} spot")
            if not spot.in_service:
                raise Refused("spot_out_of_service", "this spot is out of service")
            if (existing := _existing(session, wish, now)) is not None:
                return _Plan(spot.lot_id, existing=existing)
            ghosts = _ghosts(session, wish)
            if self._catching_up.is_behind(spot.lot_id) and any(self._may_be_held(ghost, now) for ghost in ghosts):
                raise TryLater("catching_up", "bookings are still being put together; try again in a moment")
            user = session.get_one(User, wish.user_id)
            return _Plan(
                spot.lot_id,
                tuple(ghost.reservation_id for ghost in ghosts),
                self._request(spot.lot_id, user, vehicle, wish, now),
            )

    def _existing(self, wish: Wish) -> str | None:
        with self._database.reading() as session:
            return _existing(session, wish, self._clock().utc)

    def _request(self, lot_id: str, user: User, vehicle: Vehicle, wish: Wish, now: datetime) -> HoldRequest:
        return HoldRequest(
            reservation_id=self._new_id(),
            spot_id=wish.spot_id,
            user_id=wish.user_id,
            vehicle_id=wish.vehicle_id,
            driver_name=user.name,
            vehicle_type=VehicleType(vehicle.vehicle_type),
            plate=self._vehicles.plate_for(lot_id, vehicle),
            start_time=wish.window.start,
            end_time=wish.window.end,
            price=self._tariffs[lot_id].price(wish.window),
            answer_by=utc(now + self._answer),
        )

    async def _ask(self, lot_id: str, request: HoldRequest) -> str:
        reservation_id = request.reservation_id
        await asyncio.to_thread(self._write_down, lot_id, request)
        try:
            answer = await self._hubs.ask(lot_id, "hold", request, HoldAnswer)
        except Refused:
            await asyncio.to_thread(self._end, reservation_id, State.REFUSED)
            raise
        except TryLater:
            if await asyncio.to_thread(self._end, reservation_id, State.RELEASING) is State.HELD:
                return reservation_id  # its fact has come
            self._lost()
            raise
        if not await asyncio.to_thread(self._held, request, answer):
            raise TryLater("no_answer", "the lot answered too late; ask again")
        return reservation_id

    def _write_down(self, lot_id: str, request: HoldRequest) -> None:
        with self._database.transaction() as session:
            session.add(
                Booking(
                    reservation_id=request.reservation_id,
                    lot_id=lot_id,
                    user_id=request.user_id,
                    vehicle_id=request.vehicle_id,
                    spot_id=request.spot_id,
                    start_time=request.start_time,
                    end_time=request.end_time,
                    state=State.ASKED.value,
                    asked_at=self._clock().utc,
                    due_at=request.answer_by + LATE,
                )
            )

    def _held(self, request: HoldRequest, answer: HoldAnswer) -> bool:
        now = self._clock().utc
        with self._database.transaction() as session:
            answers.keep(session, answer.fact)
            booking = session.get_one(Booking, request.reservation_id, with_for_update=True)
            if booking.state == State.ASKED.value:
                booking.state = State.HELD.value
                lease.finish(booking)
                answers.held(session, booking, request.price, answer.hold_expires_at, now)
            return booking.state == State.HELD.value  # by its fact, where that was quicker

    def _give_up(self, ghost: str) -> bool:
        """Have neither answer nor fact of a hold count any more; not where one has come meanwhile."""
        with self._database.transaction() as session:
            booking = session.get_one(Booking, ghost, with_for_update=True)
            if booking.state == State.ASKED.value:
                booking.state = State.RELEASING.value
            return booking.state == State.RELEASING.value

    def _end(self, reservation_id: str, state: State) -> State:
        """Nobody waits for the hold any more, unless something has become of it; what that is, or `state`."""
        with self._database.transaction() as session:
            booking = session.get_one(Booking, reservation_id, with_for_update=True)
            if booking.state == State.ASKED.value:
                booking.state = state.value
                booking.due_at = self._clock().utc if state is State.RELEASING else None
            return State(booking.state)

    async def work(self, reservation_id: str, lot_id: str) -> None:
        """Release a hold whose answer was lost; without an answer to that it is tried again later."""
        owner = uuid4().hex
        if not await asyncio.to_thread(self._take, reservation_id, lot_id, owner):
            return
        request = ReleaseRequest(reservation_id=reservation_id)
        try:
            await self._hubs.ask(lot_id, "release", request, Wire)
        except (TryLater, Refused) as error:
            log.info("hold.release_in_doubt", extra={"reservation": reservation_id, "why": error.code})
            await asyncio.to_thread(self._rest, reservation_id, owner)
            return
        await asyncio.to_thread(self._released, reservation_id)

    def _take(self, reservation_id: str, lot_id: str, owner: str) -> bool:
        is_behind = self._catching_up.is_behind(lot_id)  # before the row: who applies facts locks the cursor first
        with self._database.transaction() as session:
            now = self._clock().utc
            booking = lease.take(session, Booking, reservation_id, owner, now)
            if booking is None:
                return False
            if booking.state not in UNANSWERED:
                lease.go_on(booking, now)  # it is due for something else by now
                return False
            if is_behind and self._may_be_held(booking, now):
                lease.rest(booking, now)
                return False
            booking.state = State.RELEASING.value  # from here on a late answer no longer counts
            return True

    def _may_be_held(self, booking: Booking, now: datetime) -> bool:
        """Whether its driver may have been told that they have it, where not all is known: until it has run out."""
        runs_out = self._answer + LATE + timedelta(seconds=self._policies[booking.lot_id].hold_s)
        return booking.state == State.ASKED.value and now < booking.asked_at + runs_out

    def _rest(self, reservation_id: str, owner: str) -> None:
        now = self._clock().utc
        with self._database.transaction() as session:
            booking = lease.keep(session, Booking, reservation_id, owner)
            if booking is not None:
                lease.rest(booking, now)
                if now >= booking.end_time:  # nothing is left that could be given up
                    booking.state = State.RELEASED.value
                    lease.finish(booking)

    def _released(self, reservation_id: str) -> None:
        with self._database.transaction() as session:
            booking = session.get_one(Booking, reservation_id, with_for_update=True)
            if booking.state in UNANSWERED:
                booking.state = State.RELEASED.value
                lease.finish(booking)


def _existing(session: Session, wish: Wish, now: datetime) -> str | None:
    """The reservation that this driver has already for this very wish."""
    found = session.exec(
        select(ReservationCopy)
        .join(Booking, col(Booking.reservation_id) == ReservationCopy.reservation_id)
        .where(
            Booking.state == State.HELD.value,
            Booking.user_id == wish.user_id,
            Booking.vehicle_id == wish.vehicle_id,
            Booking.spot_id == wish.spot_id,
            Booking.start_time == wish.window.start,
            Booking.end_time == wish.window.end,
        )
    )
    for reservation in found:
        expires_at = reservation.hold_expires_at
        if Status(reservation.status) is Status.CONFIRMED:
            return reservation.reservation_id
        if Status(reservation.status) is Status.HELD and expires_at is not None and expires_at > now:
            return reservation.reservation_id
    return None


def _ghosts(session: Session, wish: Wish) -> Sequence[Booking]:
    """This driver's holds in the way of this wish whose answer was lost."""
    found = session.exec(
        select(Booking).where(
            Booking.user_id == wish.user_id,
            Booking.spot_id == wish.spot_id,
            col(Booking.state).in_(UNANSWERED),
            Booking.start_time < wish.window.end,
            Booking.end_time > wish.window.start,
        )
    )
    return found.all()
