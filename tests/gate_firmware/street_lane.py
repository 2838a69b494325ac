"""What stands at a lane on a street, an arm and a camera that take their time; and what lasts there."""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from gate_firmware.events import CodeSeen, Event, Look, Looked, LookForCode, Sight
from hardware.barrier import Position
from tests.gate_firmware.street_cars import TICK_MS, Car
from tests.gate_firmware.street_plan import Disturbance, Trouble

RISES_MS = 1_500


CLOSES_BEHIND_MS = 500
"""How long the loop of a barrier that closes by itself has to be free again."""

LOOKS_MS = (400, 900, 2_000, 4_000)
LOOKS_FOR_CODE_MS = (1_500, 3_000)


@dataclass(slots=True)
class StreetArm:
    """The barrier's arm, which goes where it was asked last. The protection that a real barrier has of its own is left
    out while the gate has power: what it would make up for shows here. One that closes by itself (`closes_after_ms`)
    takes no command to close, and so has to have it."""

    closes_after_ms: int | None
    raised: float = 0.0
    goes_up: bool = False
    closes_in_ms: int = 0

    def opens(self) -> None:
        """It is told to, by whomever."""
        self.goes_up, self.closes_in_ms = True, self.closes_after_ms or 0

    def closes(self) -> None:
        """The gate asks for it."""
        self.goes_up = self.goes_up and self.closes_after_ms is not None

    def move(self, *, under: bool, is_alone: bool) -> None:
        """What happens in one tick. `is_alone`: the gate has no power."""
        if under and self.raised and (is_alone or self.closes_after_ms is not None):
            self.goes_up, self.closes_in_ms = True, CLOSES_BEHIND_MS
        elif self.raised == 1 and self.closes_after_ms is not None:
            self.closes_in_ms -= TICK_MS
            self.goes_up = self.goes_up and self.closes_in_ms > 0
        way = TICK_MS / RISES_MS
        self.raised = min(1.0, self.raised + way) if self.goes_up else max(0.0, self.raised - way)

    @property
    def position(self) -> Position:
        if self.raised in (0.0, 1.0):
            return Position.UP if self.raised else Position.DOWN
        return Position.BETWEEN

    @property
    def rests(self) -> bool:
        return self.raised == (1.0 if self.goes_up else 0.0)


@dataclass(slots=True)
class StreetCamera:
    """Shows whoever stands foremost before the arm as a look comes to its end."""

    random: Random
    due_ms: int | None = None
    passage_id: str = ""
    is_for_code: bool = False

    def asked(self, command: Look | LookForCode, now_ms: int) -> None:
        self.passage_id, self.is_for_code = command.passage_id, isinstance(command, LookForCode)
        self.due_ms = now_ms + self.random.choice(LOOKS_FOR_CODE_MS if self.is_for_code else LOOKS_MS)

    def sees(self, cars: Iterable[Car], now_ms: int) -> Event | None:
        """What has come of the look that is due."""
        in_view = [car for car in cars if car.is_here and -2.5 < car.front_m < 3.2]
        car = max(in_view, key=lambda car: car.front_m, default=None)
        self.due_ms = None
        if self.is_for_code:
            if car is not None and car.driver.ticket is not None:
                return CodeSeen(self.passage_id, car.driver.ticket)
            self.due_ms = now_ms + 2_000
            return None
        if car is None:
            return Looked(self.passage_id, Sight.UNSURE, None, None, 0)
        driver = car.driver
        code = driver.ticket if self.random.random() < 0.6 else None
        if not driver.readable and self.random.random() < 0.8:
            return Looked(self.passage_id, Sight.UNSURE, None, None, 3, code)
        if driver.number is None:
            return Looked(self.passage_id, Sight.STRANGER, driver.plate, None, 3)
        return Looked(self.passage_id, Sight.KNOWN, driver.plate, -0.2, 3, code)


class Lasting:
    """Until when each trouble lasts."""

    def __init__(self) -> None:
        self._ends_ms: dict[Trouble, int] = {}

    def begins(self, disturbance: Disturbance, now_ms: int) -> None:
        self._ends_ms[disturbance.trouble] = now_ms + disturbance.lasts_ms

    def ended(self, now_ms: int) -> list[Trouble]:
        """What has come to its end; said once."""
        over = [trouble for trouble, ends_ms in self._ends_ms.items() if ends_ms <= now_ms]
        for trouble in over:
            self.forget(trouble)
        return over

    def forget(self, trouble: Trouble) -> None:
        self._ends_ms.pop(trouble, None)

    def __contains__(self, trouble: Trouble) -> bool:
        return trouble in self._ends_ms

    def __bool__(self) -> bool:
        return bool(self._ends_ms)
