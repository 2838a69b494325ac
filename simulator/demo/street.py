"""The demo's street: cars are rendered, driven up to a lane, and noted down in a record of its own.

The record holds plates in clear, because whoever checks the demo must know who drove. It lies beside the demo's folder,
never in it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.demo.configuration import GateSite
from simulator.demo.timeline import StepFailed
from simulator.street.conditions import Conditions
from simulator.street.frames import Shot, approach
from simulator.street.held import Held
from simulator.street.lane_client import StreetClient
from simulator.street.phone import held_up
from simulator.street.plates import NumberPlate

FRAMES = 8
LOOKING_LINE = "ONE MOMENT"
VISIT_S_MAX = 40.0
BY_HAND = Held(yaw_deg=14.0, pitch_deg=-10.0, roll_deg=6.0, brightness=0.75, glare=0.15)
"""How the demo's drivers hold their phone: at an angle, not at full brightness, with some glare."""
UNREADABLE = Conditions(pitch_deg=8.0, dirt=1.0, defocus_px=5.0, noise=3.0)
"""A plate caked in mud, through a misted lens."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One car at one lane, as a bystander saw it. Times in milliseconds from the stop line; None: never."""

    car: str
    gate_id: str
    display: tuple[str, str]
    raised_ms: int | None
    passed_ms: int | None
    lowered_ms: int | None


class Visit:
    """One car in one lane, and what its driver does there. Every wait raises StepFailed after `VISIT_S_MAX`."""

    def __init__(
        self, car: str, gate: GateSite, lane: StreetClient, events: AsyncIterator[dict[str, Any]], at_line: Shot
    ) -> None:
        self.car = car
        self.gate = gate
        self._lane = lane
        self._events = events
        self._at_line = at_line
        self._at: dict[str, int] = {}
        self._decided = False
        self.display = ("", "")
        """What the driver was told last while they stood there."""

    @property
    def passage(self) -> Passage:
        """What a bystander has seen so far."""
        arrived = self._at.get("car_arrived", 0)
        seen = ("arm_up", "car_passed", "arm_down")
        times = {name: self._at[name] - arrived for name in seen if name in self._at}
        return Passage(self.car, self.gate.gate_id, self.display, *map(times.get, seen))

    async def decided(self) -> tuple[str, str]:
        """Wait until the car stands at the line and the gate has decided on it; what the display says then."""
        await self._until(lambda: self._decided and "car_arrived" in self._at, "decided on")
        return self.display

    async def told(self, lines: tuple[str, str]) -> None:
        """Wait until the display says this."""
        await self._until(lambda: self.display == lines, f"told {' / '.join(lines)}")

    async def show_code(self, text: str, held: Held = BY_HAND) -> None:
        """Hold a phone with `text` as its QR code up to the camera."""
        shot = await asyncio.to_thread(held_up, len(text), text, held=held, behind=self._at_line.pixels)
        await self._lane.show([shot.jpeg])

    async def put_away(self) -> None:
        """Take the phone down: the camera sees the car alone again."""
        await self._lane.show([self._at_line.jpeg])

    async def through(self) -> Passage:
        """Wait until the car is through and the arm down behind it."""
        await self._until(lambda: {"car_passed", "arm_down"} <= self._at.keys(), "let through")
        return self.passage

    async def back_out(self) -> Passage:
        """Give up, and wait until the car is gone."""
        told = self.display
        await self._lane.leave()
        await self._until(lambda: "car_backed_out" in self._at, "gone")
        self.display = told
        return self.passage

    async def _until(self, seen: Callable[[], bool], what: str) -> None:
        if seen():
            return
        try:
            async with asyncio.timeout(VISIT_S_MAX):
                async for event in self._events:
                    self._note(event)
                    if seen():
                        return
        except TimeoutError:
            pass
        shows = " / ".join(self.display)
        raise StepFailed(f"{self.gate.gate_id}: {self.car} is not {what}; the display shows {shows}") from None

    def _note(self, event: dict[str, Any]) -> None:
        name = event["event"]
        if name == "arm_down" and "car_passed" not in self._at:
            return  # of the car before
        self._at.setdefault(name, event["mono_ms"])
        if name == "display" and "car_passed" not in self._at:
            line1, line2 = event["lines"]
            self._decided = self._decided or self.display[0] == LOOKING_LINE != line1
            self.display = (line1, line2)


class Street:
    """Drives cars up to lanes."""

    def __init__(self, frames: Path | None, record: Path, name: str, seed: int) -> None:
        """Its cars are called `name` and a number; without `frames` their pictures are not kept."""
        self._frames = frames
        self._record = record
        self._name = name
        self._seed = seed
        self._cars = 0

    @asynccontextmanager
    async def visit(
        self, gate: GateSite, number: NumberPlate, conditions: Conditions | None = None, by: str = "plate"
    ) -> AsyncIterator[Visit]:
        """A car turns into the lane. `by` is noted down: what its driver will be known by."""
        car, shots = await self.render(gate, number, conditions, by)
        async with StreetClient(gate.control_port) as lane, lane.watch() as events:
            await lane.arrive(car, [shot.jpeg for shot in shots])
            yield Visit(car, gate, lane, events, shots[-1])

    async def render(
        self, gate: GateSite, number: NumberPlate, conditions: Conditions | None = None, by: str = "plate"
    ) -> tuple[str, list[Shot]]:
        """A car on its way to the line, noted down: its name in the record, and what the camera will see of it."""
        self._cars += 1
        car, seed = f"{self._name}-{self._cars:02}", self._seed * 1_000 + self._cars
        shots = await asyncio.to_thread(approach, seed, number, FRAMES, conditions=conditions)
        self._keep(car, gate, number, [shot.jpeg for shot in shots], by)
        return car, shots

    async def drive_through(self, gate: GateSite, number: NumberPlate) -> Passage:
        """A car comes, is let through, and the arm is down again behind it. Raises StepFailed where it is not."""
        async with self.visit(gate, number) as visit:
            return await visit.through()

    def _keep(self, car: str, gate: GateSite, number: NumberPlate, pictures: list[bytes], by: str) -> None:
        names = [] if self._frames is None else [f"{car}-{index}.jpg" for index in range(len(pictures))]
        if self._frames is not None:
            self._frames.mkdir(parents=True, exist_ok=True)
            for name, picture in zip(names, pictures, strict=True):
                (self._frames / name).write_bytes(picture)
        seen = {"car": car, "gate_id": gate.gate_id, "plate": number.plate.open, "by": by, "frames": names}
        self._record.touch(mode=0o600)
        with self._record.open("a", encoding="utf-8") as record:
            record.write(json.dumps(seen) + "\n")
