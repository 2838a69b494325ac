"""The demo's street: cars are rendered, driven up to a lane, and noted down in a record of its own.

The record holds plates in clear, because whoever checks the demo must know who drove. It lies beside the demo's folder,
never in it.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.demo.configuration import GateSite
from simulator.demo.timeline import StepFailed
from simulator.street.frames import approach
from simulator.street.lane_client import StreetClient
from simulator.street.plates import NumberPlate

FRAMES = 8
LOOKING_LINE = "ONE MOMENT"
PASSAGE_S_MAX = 40.0


@dataclass(frozen=True, slots=True)
class Passage:
    """One car at one lane, as a bystander saw it. Times in milliseconds from the stop line; None: never."""

    car: str
    gate_id: str
    display: tuple[str, str]
    raised_ms: int | None
    passed_ms: int | None
    lowered_ms: int | None


class Street:
    """Drives cars up to lanes."""

    def __init__(self, frames: Path, record: Path, seed: int) -> None:
        self._frames = frames
        self._record = record
        self._seed = seed
        self._cars = 0

    async def drive_through(self, gate: GateSite, number: NumberPlate) -> Passage:
        """A car comes, is let through, and the arm is down again behind it. Raises StepFailed where it is not."""
        passage = await self._drive(gate, number, waits=True)
        if passage.lowered_ms is None:
            raise StepFailed(f"{gate.gate_id} did not let the car through: {' / '.join(passage.display)}")
        return passage

    async def drive_up(self, gate: GateSite, number: NumberPlate) -> Passage:
        """A car comes, reads the display once the gate has decided, and backs out if the arm stays down."""
        return await self._drive(gate, number, waits=False)

    async def _drive(self, gate: GateSite, number: NumberPlate, *, waits: bool) -> Passage:
        self._cars += 1
        car = f"car-{self._cars:02}"
        shots = await asyncio.to_thread(approach, self._seed * 1_000 + self._cars, number, FRAMES)
        pictures = [shot.jpeg for shot in shots]
        self._keep(car, gate, number, pictures)
        async with StreetClient(gate.control_port) as street, street.watch() as events:
            await street.arrive(car, pictures)
            try:
                async with asyncio.timeout(PASSAGE_S_MAX):
                    return await self._watch(car, gate, street, events, waits=waits)
            except TimeoutError:
                raise StepFailed(f"{gate.gate_id}: {car} is still there after {PASSAGE_S_MAX:g} s") from None

    async def _watch(
        self, car: str, gate: GateSite, street: StreetClient, events: AsyncIterator[dict[str, Any]], *, waits: bool
    ) -> Passage:
        at: dict[str, int] = {}
        display, looked, leaving = ("", ""), False, False
        async for event in events:
            at.setdefault(event["event"], event["mono_ms"])
            if event["event"] == "display" and "car_passed" not in at and not leaving:
                display = (event["lines"][0], event["lines"][1])
                looked = looked or display[0] == LOOKING_LINE
            held_back = looked and display[0] != LOOKING_LINE and "arm_moving" not in at and "car_arrived" in at
            if held_back and not waits and not leaving:
                leaving = True
                await street.leave()
            if event["event"] == "car_backed_out" or ("car_passed" in at and event["event"] == "arm_down"):
                break
        arrived = at.get("car_arrived", 0)
        times = {name: at[name] - arrived for name in ("arm_up", "car_passed", "arm_down") if name in at}
        return Passage(car, gate.gate_id, display, times.get("arm_up"), times.get("car_passed"), times.get("arm_down"))

    def _keep(self, car: str, gate: GateSite, number: NumberPlate, pictures: list[bytes]) -> None:
        self._frames.mkdir(parents=True, exist_ok=True)
        names = [f"{car}-{index}.jpg" for index in range(len(pictures))]
        for name, picture in zip(names, pictures, strict=True):
            (self._frames / name).write_bytes(picture)
        seen = {"car": car, "gate_id": gate.gate_id, "plate": number.plate.open, "frames": names}
        self._record.touch(mode=0o600)
        with self._record.open("a", encoding="utf-8") as record:
            record.write(json.dumps(seen) + "\n")
