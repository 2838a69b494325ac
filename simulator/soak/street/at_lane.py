"""One car in one lane, from the line to the far side or back out, and what must not be of that."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from domain.plate import Plate
from hardware.control_protocol import LaneState
from simulator.demo.street import Street
from simulator.soak.street.lane import LOOK_S, StreetLane
from simulator.soak.street.tally import Tally
from simulator.soak.street.trouble import CAMERA, DOWN, LANE, Trouble, clear_ms, now_ms
from simulator.soak.street.waits import raised_ms
from simulator.world.seen import At

IN_WITHIN_MS = 60_000
"""From the line to the far side, for who has paid: a plate that is not read, a code that is not, and an id that is."""
OUT_WITHIN_MS = 5_000
"""From the line at an exit to the arm up."""
STRANGER_WAITS_MS = 15_000
GIVES_UP_MS = 300_000
WAITING = ("", "WELCOME", "ONE MOMENT", "PLEASE DRIVE ON", "BARRIER FAULT")
"""What a lane shows first that has not yet answered a car."""
TROUBLE_MS = 60_000
"""For so long after a fault a lane may let in who has no booking: what came of it may not be cleared away yet."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where all cars are."""

    http: httpx.AsyncClient
    street: Street
    lanes: Mapping[str, StreetLane]
    trouble: Trouble
    tally: Tally
    on_the_road: Callable[[Coroutine[Any, Any, None]], object]
    """Sends a car on its way: the run does not end before it is home."""
    clock_s: Callable[[], float]
    """Since the run began."""

    def lane(self, lot_id: str, direction: str) -> StreetLane:
        return next(
            lane
            for gate_id, lane in self.lanes.items()
            if gate_id.startswith(f"{lot_id}.") and lane.gate.direction == direction
        )


@dataclass(slots=True)
class AtLane:
    """`car` is the name in the street's record, `driver` the one that a booking is known by; `passed` is how many cars
    had passed the lane when this one turned in."""

    scene: Scene
    lane: StreetLane
    car: str
    driver: str
    plate: Plate
    passed: int
    since_ms: int
    asked: bool = False
    """The lane has told the driver something."""
    on_loop: bool = False

    @property
    def _gate_id(self) -> str:
        return self.lane.gate.gate_id

    async def comes_in(self, right_until_ms: int | None, backs_out_ms: int | None) -> bool:
        """Wait to be let in; whether it was. `right_until_ms` is until when it must be, None for a stranger.

        Backs out at `backs_out_ms`, once nothing is to be hoped for, or after a finding.
        """
        while True:
            state, at_ms = await self.lane.look(), now_ms()
            gone = self._gone(state, at_ms)
            if gone is not None:
                if gone is At.THROUGH and right_until_ms is None:
                    self._uninvited(at_ms)
                return gone is At.THROUGH
            if right_until_ms is None:
                leaves = self.asked or at_ms - self.since_ms > STRANGER_WAITS_MS
            else:
                leaves = self._waits_too_long(right_until_ms, at_ms)
            if leaves or (backs_out_ms is not None and at_ms >= backs_out_ms):
                await self.lane.back_out()
            await asyncio.sleep(LOOK_S)

    async def goes_out(self) -> bool:
        """Wait at an exit; whether it was let out."""
        while True:
            state, at_ms = await self.lane.look(), now_ms()
            gone = self._gone(state, at_ms)
            if gone is not None:
                self._judge_exit(at_ms)
                return gone is At.THROUGH
            if at_ms - self.since_ms > GIVES_UP_MS:
                self.scene.tally.found("inside-gets-out", f"{self.driver} did not get out of {self._gate_id}")
                await self.lane.back_out()
            await asyncio.sleep(LOOK_S)

    def _gone(self, state: LaneState | None, at_ms: int) -> At | None:
        """Where the car has gone; None while it is in the lane, or nobody can see."""
        if state is None:
            return None
        self.asked = self.asked or (state.car == self.car and state.display[0] not in WAITING)
        if state.car == self.car:
            if state.arrival_loop and not self.on_loop:
                self.on_loop = True
                self._moves(at_ms, At.LOOP)
            return None
        gone = At.THROUGH if state.passages > self.passed else At.GONE
        if not self.on_loop:
            self._moves(self.since_ms, At.LOOP)
        self._moves(at_ms, gone)
        return gone

    def _moves(self, at_ms: int, to: At) -> None:
        self.scene.tally.car(at_ms, self._gate_id, self.driver, self.plate, to)

    def _waits_too_long(self, right_until_ms: int, at_ms: int) -> bool:
        """Whether it is of no use to wait on: it ought to have been let in, or needs not be let in any more."""
        spans = self.scene.trouble.for_credentials(self._gate_id)
        waited_ms = clear_ms(self.since_ms, min(at_ms, right_until_ms), spans)
        if waited_ms > IN_WITHIN_MS:
            what = f"{self.driver} has paid, stood at {self._gate_id} for {waited_ms / 1000:.0f} s, and was not let in"
            self.scene.tally.found("paid-gets-in", what)
            return True
        return at_ms - max(self.since_ms, right_until_ms) > IN_WITHIN_MS or at_ms - self.since_ms > GIVES_UP_MS

    def _uninvited(self, at_ms: int) -> None:
        trouble = self.scene.trouble
        felt = any(
            span.felt(at_ms, TROUBLE_MS + at_ms - self.since_ms)
            for span in trouble.of(self._gate_id, LANE | CAMERA | DOWN)
        )
        self.scene.tally.counts["came in without a booking"] += 1
        if not felt:
            what = f"{self.driver} has no booking and came in by {self._gate_id}, with which nothing was wrong"
            self.scene.tally.found("barrier-clear", what)

    def _judge_exit(self, at_ms: int) -> None:
        arrived_ms = next(
            (event["mono_ms"] for event in self.lane.events
             if event["event"] == "car_arrived" and event["car"] == self.car), None
        )  # fmt: skip
        if arrived_ms is None:
            return  # nobody could see the lane then: it was down
        up_ms = raised_ms(self.lane.arms, arrived_ms)
        spans = self.scene.trouble.at_lane(self._gate_id)
        waited_ms = clear_ms(arrived_ms, at_ms if up_ms is None else min(up_ms, at_ms), spans)
        self.scene.tally.exit_waits_ms.append(waited_ms)
        if waited_ms > OUT_WITHIN_MS:
            what = f"{self.driver} stood at {self._gate_id} for {waited_ms} ms before the arm was up"
            self.scene.tally.found("inside-gets-out", what)
