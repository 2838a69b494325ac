"""One driver of the street soak: books, comes, stays and goes."""

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from simulator.demo.street import UNREADABLE
from simulator.demo.timeline import StepFailed
from simulator.soak.street.at_lane import AtLane, Scene
from simulator.soak.street.booking import Account, Booking
from simulator.soak.street.credentials import Credentials, Shows, say_id
from simulator.soak.street.lane import LOOK_S, StreetLane
from simulator.soak.street.plan import GRACE_S, OVERSTAYS_S, SHORT_WINDOW_S, Manner, Trip
from simulator.soak.street.trouble import now_ms
from simulator.street.plates import NumberPlate, draw_plate
from simulator.world.seen import At

SAYS_GOODBYE = 0.2
"""Of the drivers type their id at the exit."""
WINDOW = timedelta(hours=2)
STARTS_IN_S = (-5.0, 15.0)
"""A window, from the arrival."""
BACKS_OUT_S = (2.5, 6.0)
COMES_AGAIN_S = (5.0, 15.0)

_SHOWS: Mapping[Manner, tuple[Shows, ...]] = {
    Manner.BY_CODE: (Shows.CODE,),
    Manner.BY_ID: (Shows.ID,),
    Manner.BY_PHONE: (Shows.PHONE,),
}


class Visitor:
    """One trip."""

    def __init__(self, scene: Scene, trip: Trip, rng: random.Random) -> None:
        self.name = f"{trip.lot_id}-{trip.number}"
        self.doing = "at home"
        self._scene = scene
        self._trip = trip
        self._rng = rng
        self._number = draw_plate(rng)
        self._tail = draw_plate(rng)
        self._account = Account(scene.http, self._number)
        self._booking: Booking | None = None
        scene.tally.plates += [self._number.plate, self._tail.plate]

    async def visit(self) -> None:
        """The whole trip; what must not be of it is found."""
        scene, trip, manner = self._scene, self._trip, self._trip.manner
        if manner is not Manner.STRANGER and not await self._book():
            return
        if manner is Manner.STAYS_AWAY:
            scene.tally.counts["stayed away"] += 1
            return
        self.doing = "on the way"
        await asyncio.sleep(trip.at_s - scene.clock_s())
        entry = scene.lane(trip.lot_id, "entry")
        is_in = False
        if manner is Manner.RETURNS:
            is_in = await self._come(entry, backs_out=True)
            if not is_in:
                await asyncio.sleep(self._rng.uniform(*COMES_AGAIN_S))
        if is_in or await self._come(entry, backs_out=False):
            await self._stay()
            self.doing = "leaving"
            await self._go(self.name, self._number)
        self.doing = "home"

    async def _book(self) -> bool:
        trip, manner, tally = self._trip, self._trip.manner, self._scene.tally
        self.doing = "booking"
        try:
            await self._account.sign_up()
            in_s = trip.at_s - self._scene.clock_s() + self._rng.uniform(*STARTS_IN_S)
            start = datetime.now(UTC) + timedelta(seconds=2 if manner in (Manner.LATE, Manner.STAYS_AWAY) else in_s)
            lasts = timedelta(seconds=SHORT_WINDOW_S) if manner is Manner.OVERSTAYS else WINDOW
            self._booking = await self._account.book(trip.lot_id, start, lasts, self._rng)
        except StepFailed as failed:
            tally.found("books", f"{self.name} could not book: {failed}")
            return False
        tally.counts["paid"] += 1
        return True

    async def _come(self, lane: StreetLane, *, backs_out: bool) -> bool:
        """Turn into the entry; whether the car is in the lot now."""
        scene, manner, booking = self._scene, self._trip.manner, self._booking
        shows = _SHOWS.get(manner, ())
        car, shots = await scene.street.render(lane.gate, self._number, UNREADABLE if shows else None, manner.value)
        tail = f"{car}-tail" if manner is Manner.TAILGATED else None
        self.doing = "queueing at the entry"
        async with lane.place():
            self.doing = "at the entry"
            passed = await lane.turn_in(car, [shot.jpeg for shot in shots], tail)
            since_ms = now_ms()
            here = AtLane(scene, lane, car, self.name, self._number.plate, passed, since_ms)
            credentials = Credentials(lane, scene.http, self._account, booking, shots[-1])
            showing = asyncio.create_task(credentials.present(shows, asked=lambda: here.asked))
            try:
                backs_out_ms = since_ms + round(1000 * self._rng.uniform(*BACKS_OUT_S)) if backs_out else None
                is_in = await here.comes_in(None if booking is None else _right_until_ms(booking), backs_out_ms)
            finally:
                showing.cancel()
                await asyncio.gather(showing, return_exceptions=True)
            scene.tally.counts[f"{manner.value}: {'in' if is_in else 'not in'}"] += 1
            if is_in and tail is not None:
                await self._tail_comes(lane, tail, passed + 1)
        return is_in

    async def _tail_comes(self, lane: StreetLane, tail: str, passed: int) -> None:
        """The car behind is through, too, a moment later; its driver leaves when they like."""
        scene = self._scene
        while True:
            state = await lane.look()
            if state is not None and state.car != tail:
                break
            await asyncio.sleep(LOOK_S)
        if state.passages <= passed:
            return  # nobody was there: the gate was killed as its lane was told of it
        name = f"{self.name}-tail"
        scene.tally.counts["tailgated"] += 1
        scene.tally.car(now_ms(), lane.gate.gate_id, name, self._tail.plate, At.THROUGH)
        scene.on_the_road(self._tail_goes(name))

    async def _tail_goes(self, name: str) -> None:
        await asyncio.sleep(self._trip.stays_s)
        await self._go(name, self._tail)

    async def _stay(self) -> None:
        self.doing = "inside"
        stays_s = self._trip.stays_s
        if self._trip.manner is Manner.OVERSTAYS and self._booking is not None:
            left_s = (self._booking.end - datetime.now(UTC)).total_seconds()
            stays_s = max(left_s, 0) + self._rng.uniform(*OVERSTAYS_S)
        await asyncio.sleep(stays_s)

    async def _go(self, driver: str, number: NumberPlate) -> None:
        """Leave by the exit."""
        scene, lane = self._scene, self._scene.lane(self._trip.lot_id, "exit")
        car, shots = await scene.street.render(lane.gate, number)
        while True:
            async with lane.place():
                passed = await lane.turn_in(car, [shot.jpeg for shot in shots])
                here = AtLane(scene, lane, car, driver, number.plate, passed, now_ms())
                leaving = asyncio.create_task(here.goes_out())
                if self._booking is not None and driver == self.name and self._rng.random() < SAYS_GOODBYE:
                    await asyncio.sleep(3)
                    await say_id(scene.http, lane, self._booking.reservation_id)
                if await leaving:
                    return


def _right_until_ms(booking: Booking) -> int:
    """Until when it must let its car in, whatever else is: the grace after its start, or after it was paid for."""
    until = min(max(booking.start, booking.paid) + timedelta(seconds=GRACE_S), booking.end)
    return now_ms() + round((until - datetime.now(UTC)).total_seconds() * 1000)
