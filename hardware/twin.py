"""The physical lane, simulated: an arm, one car at a time, what the inputs say of them, and what went wrong.

Plain and synchronous: `advance(now)` moves everything on in ticks of `TICK_MS`, `next_wakeup()` says when something
would happen by itself. It knows neither pins nor clock; `hardware/twin_pins.py` joins it to both.

The lane is a line in millimetres with the arm at 0; a car is the stretch from its front back to its rear:

    START ---------> STOP_LINE ---> | arm ---------------------> CLEAR
            [ arrival loop ]   [ safety loop ]
                                  [ photocell ]

A driver comes to the stop line, waits `patience_ms` for the arm to be all the way up, drives through and is gone once
the rear has left the safety loop; or backs out. A driver whose front is past the stop line but not yet on the safety
loop stops for a falling arm; one who is on it drives on. A tailgater stops for nothing: it comes close behind another
car, its plate hidden. A person or a branch may be in the photocell too.

What is true and what an input says of it may differ: an input can be stuck, on or off.
"""

from collections import deque
from dataclasses import dataclass, field, replace
from enum import Enum

from domain.errors import Refused
from hardware.twin_arm import TICK_MS, ArmTwin
from hardware.twin_events import ABOUT_CAR, BROKEN, Happening, LaneEvent
from hardware.wiring import InputName

START = -9_000
STOP_LINE = -1_200
ARRIVAL_LOOP = (-4_000, -1_000)
SAFETY_LOOP = (-800, 1_500)
PHOTOCELL = (-300, 300)
CAR_LENGTH = 4_500
DWELL_AT = CAR_LENGTH // 2  # the front of a car that stops half-way under the arm
CLEAR = SAFETY_LOOP[1] + CAR_LENGTH
TAILGATES_AT = -1_500  # the front of a tailgater once the car before is through
PATIENCE_MS = 60_000
EVENTS_MAX = 1_000  # of those that nobody has taken


class Driving(Enum):
    """What a driver does."""

    APPROACHING = "approaching"  # towards the stop line
    WAITING = "waiting"  # for the arm
    PASSING = "passing"  # under the arm
    BACKING_OUT = "backing_out"


@dataclass(slots=True)
class Car:
    """A car in the lane: `front` in millimetres, `dwell_ms` is how long it will yet stand under the arm."""

    name: str
    patience_ms: int
    dwell_ms: int
    front: int = START
    driving: Driving = Driving.APPROACHING
    gives_up_at: int | None = None
    hit: bool = False  # by the arm; one car is hit once
    follower: str | None = None  # who tailgates behind it
    tailgates: bool = False

    @property
    def approach(self) -> float:
        """How far the car has come on its way to the stop line, 0 to 1."""
        return min(max((self.front - START) / (STOP_LINE - START), 0.0), 1.0)

    def over(self, stretch: tuple[int, int]) -> bool:
        """Whether some part of the car is within `stretch`."""
        return self.front > stretch[0] and self.front - CAR_LENGTH < stretch[1]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is true of a lane at `now_ms`; from there on it moves by itself."""

    now_ms: int
    raised_ms: int
    heading: int
    passages: int
    broken: tuple[LaneEvent, ...]
    car: Car | None
    jammed: bool = False
    closes_at: int | None = None
    touched: frozenset[InputName] = frozenset()
    stuck: dict[InputName, bool] = field(default_factory=dict)


class LaneTwin:
    """One simulated lane. All instants are monotonic milliseconds and must not go back.

    `closes_itself` is the controller of a single-pulse barrier (see `ArmTwin`). `stuck` is what broken inputs say.
    """

    def __init__(
        self, *, arm_travel_ms: int, car_speed_mm_per_s: int, now_ms: int, closes_itself: bool = False
    ) -> None:
        self.car: Car | None = None
        self.passages = 0
        self.broken: list[LaneEvent] = []
        self.stuck: dict[InputName, bool] = {}
        self._touched: set[InputName] = set()  # by somebody: beam, fire contact, door, button
        self._events: deque[LaneEvent] = deque(maxlen=EVENTS_MAX)
        self._arm = ArmTwin(arm_travel_ms, closes_itself, self._note)
        self._step_mm = max(car_speed_mm_per_s * TICK_MS // 1_000, 1)
        self._now = now_ms

    @property
    def arm_up(self) -> bool:
        """Whether the arm is at its upper limit."""
        return self._arm.up

    @property
    def arm_down(self) -> bool:
        """Whether the arm is at its lower limit."""
        return self._arm.down

    @property
    def arrival_loop(self) -> bool:
        """Whether a car is over the arrival loop."""
        return self.car is not None and self.car.over(ARRIVAL_LOOP)

    @property
    def safety_loop(self) -> bool:
        """Whether a car is over the safety loop, which lies under the arm."""
        return self.car is not None and self.car.over(SAFETY_LOOP)

    def active(self, name: InputName) -> bool:
        """What is true of an input; a broken one may say otherwise."""
        match name:
            case "arrival_loop":
                return self.arrival_loop
            case "safety_loop":
                return self.safety_loop
            case "photocell":
                return name in self._touched or (self.car is not None and self.car.over(PHOTOCELL))
            case "limit_up":
                return self.arm_up
            case "limit_down":
                return self.arm_down
            case _:
                return name in self._touched

    def says(self, name: InputName) -> bool:
        """What an input tells the gate."""
        return self.stuck.get(name, self.active(name))

    def snapshot(self) -> Snapshot:
        """The lane as it is now."""
        arm, car = self._arm, None if self.car is None else replace(self.car)
        return Snapshot(
            self._now,
            arm.raised_ms,
            arm.heading,
            self.passages,
            tuple(self.broken),
            car,
            arm.jammed,
            arm.closes_at,
            frozenset(self._touched),
            dict(self.stuck),
        )

    def resume(self, then: Snapshot) -> None:
        """Be the lane as it was then; `advance` brings it to the present."""
        arm = self._arm
        self._now, arm.raised_ms, arm.heading = then.now_ms, min(then.raised_ms, arm.travel_ms), then.heading
        self.passages, self.broken = then.passages, list(then.broken)
        self.car = None if then.car is None else replace(then.car)
        arm.jammed, arm.closes_at = then.jammed, then.closes_at
        self._touched, self.stuck = set(then.touched), dict(then.stuck)

    def take_events(self) -> list[LaneEvent]:
        """What happened since the last call, oldest first; only the newest `EVENTS_MAX` are kept."""
        events = list(self._events)
        self._events.clear()
        return events

    def raise_arm(self, now_ms: int) -> None:
        """The controller's open contact closed."""
        self.advance(now_ms)
        self._arm.head(1, now_ms)

    def lower_arm(self, now_ms: int) -> None:
        """The controller's close contact closed. This controller has no protection of its own: it obeys."""
        self.advance(now_ms)
        if self.active("fire"):
            self._note(Happening.CLOSED_IN_FIRE)
        if self.safety_loop:
            self._note(Happening.CLOSED_ON_CAR)
        elif self.active("photocell"):
            self._note(Happening.CLOSED_ON_OBSTACLE)
        self._arm.head(-1, now_ms)

    def touch(self, name: InputName, active: bool, now_ms: int) -> None:
        """Somebody steps into the photocell, pulls the alarm, opens the cabinet or presses the button, or ends it."""
        self.advance(now_ms)
        if active:
            self._touched.add(name)
        else:
            self._touched.discard(name)
        self._sense()

    def stick(self, name: InputName, at: bool | None, now_ms: int) -> None:
        """An input breaks and always says `at`, or is mended (None)."""
        self.advance(now_ms)
        if at is None:
            self.stuck.pop(name, None)
        else:
            self.stuck[name] = at

    def jam(self, jammed: bool, now_ms: int) -> None:
        """From now on the arm does not get past the middle of its way, or does again."""
        self.advance(now_ms)
        self._arm.jammed = jammed

    def buzz(self, now_ms: int) -> None:
        """The buzzer begins to sound."""
        self.advance(now_ms)
        self._note(Happening.BUZZED)

    def arrive(
        self,
        name: str,
        now_ms: int,
        *,
        patience_ms: int = PATIENCE_MS,
        dwell_ms: int = 0,
        follower: str | None = None,
    ) -> None:
        """A car turns into the lane, with a tailgater where there is a `follower`.

        Raises Refused (`lane_occupied`) while another is in it.
        """
        self.advance(now_ms)
        if self.car is not None:
            raise Refused("lane_occupied", f"car {self.car.name} is in the lane; wait until it has left")
        self.car = Car(name, patience_ms, dwell_ms, follower=follower)

    def leave(self, now_ms: int) -> None:
        """The driver gives up and backs out. Raises Refused (`no_car`, `car_under_arm`)."""
        self.advance(now_ms)
        if self.car is None:
            raise Refused("no_car", "there is no car in the lane; let one arrive first")
        if self.car.driving is Driving.PASSING:
            raise Refused("car_under_arm", "the car is driving through; it cannot back out")
        self.car.driving = Driving.BACKING_OUT

    def next_wakeup(self) -> int | None:
        """When `advance` has something to do, or None while all is at rest."""
        if self._moving:
            return self._now + TICK_MS
        alone = [self._arm.closes_at, None if self.car is None else self.car.gives_up_at]
        return min((at for at in alone if at is not None), default=None)

    def advance(self, now_ms: int) -> None:
        """Let time pass until `now_ms`, to the tick."""
        while (at := self.next_wakeup()) is not None and at <= now_ms:
            self._now = at
            self._arm.tick(at, under=self._under)
            if self.car is not None:
                self._drive(self.car)
                self._sense()
        if not self._moving:
            self._now = now_ms

    @property
    def _moving(self) -> bool:
        return self._arm.heading != 0 or (self.car is not None and self.car.driving is not Driving.WAITING)

    @property
    def _under(self) -> bool:
        """What the controller's own loop and photocell say."""
        return self.safety_loop or self.active("photocell")

    def _sense(self) -> None:
        self._arm.sense(self._now, under=self._under)

    def _drive(self, car: Car) -> None:
        if car.driving is Driving.APPROACHING:
            car.front = min(car.front + self._step_mm, STOP_LINE)
            if car.front == STOP_LINE:
                self._note(Happening.CAR_ARRIVED)
                self._wait(car)
        elif car.driving is Driving.PASSING:
            self._pass(car)
        elif car.driving is Driving.BACKING_OUT:
            car.front -= self._step_mm
            if car.front <= START:
                self._gone(Happening.CAR_BACKED_OUT)
        if car.driving is Driving.WAITING:
            if self.arm_up:
                car.driving = Driving.PASSING
            elif car.gives_up_at is not None and self._now >= car.gives_up_at:
                car.driving = Driving.BACKING_OUT

    def _wait(self, car: Car) -> None:
        car.driving = Driving.WAITING
        car.gives_up_at = self._now + car.patience_ms

    def _pass(self, car: Car) -> None:
        if not self.arm_up and car.front <= SAFETY_LOOP[0] and not car.tailgates:
            self._wait(car)
            return
        if car.front >= DWELL_AT and car.dwell_ms > 0:
            car.dwell_ms -= TICK_MS
        else:
            car.front += self._step_mm
        if self._arm.raised_ms * 2 < self._arm.travel_ms and car.over((0, 0)) and not car.hit:
            car.hit = True
            self._note(Happening.ARM_HIT_CAR)
        if car.front >= CLEAR:
            self.passages += 1
            self._gone(Happening.CAR_PASSED)
            if car.follower is not None:
                self.car = Car(car.follower, 0, 0, TAILGATES_AT, Driving.PASSING, tailgates=True)

    def _gone(self, happening: Happening) -> None:
        self._note(happening)
        self.car = None

    def _note(self, happening: Happening) -> None:
        car = self.car.name if self.car is not None and happening in ABOUT_CAR else None
        event = LaneEvent(happening, self._now, car)
        self._events.append(event)
        if happening in BROKEN:
            self.broken.append(event)
