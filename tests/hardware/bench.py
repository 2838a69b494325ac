"""A barrier on mock pins with all that guards it, and the history of its relay pins."""

from collections.abc import Callable

from gpiozero.pins.mock import MockFactory

from hardware.barrier import Barrier
from hardware.fire import FireAlarm
from hardware.loop import Loop
from hardware.photocell import Photocell
from hardware.timer import Timer, TimerFactory
from hardware.wiring import BarrierWiring, ContactWiring, GuardWiring
from tests.hardware.moved_time import MovedTime
from tests.hardware.pins import Watched

WIRING = BarrierWiring(pulse_ms=400, dead_ms=60)
SINGLE_PULSE = BarrierWiring(kind="single-pulse", pulse_ms=400, dead_ms=60)
SAFETY, PHOTOCELL, FIRE = GuardWiring(pin=27), GuardWiring(pin=5), GuardWiring(pin=6)
GUARDS = {
    "safety_loop_occupied": SAFETY,
    "photocell_interrupted": PHOTOCELL,
    "fire_alarm": FIRE,
}
UNDER_ARM = ["safety_loop_occupied", "photocell_interrupted"]


class Bench:
    """A barrier with all that guards it on a bench: every change of a relay pin is noted with its millisecond."""

    def __init__(
        self,
        time: MovedTime,
        new_timer: TimerFactory | None = None,
        wiring: BarrierWiring = WIRING,
        *,
        fire: bool = False,
    ) -> None:
        self.time = time
        self.factory = MockFactory()
        relays = {"open": wiring.open_relay, "close": wiring.close_relay}
        watched = {name: pin for name, pin in relays.items() if pin is not None}
        self.history = Watched(self.factory, watched, time).history
        self.loop = Loop(SAFETY, self.factory)
        self.photocell = Photocell(PHOTOCELL, self.factory)
        self.fire = FireAlarm(FIRE, self.factory)
        for guard in (SAFETY, PHOTOCELL, FIRE):
            self.set(guard, active=fire and guard is FIRE)
        self.barrier = Barrier(
            wiring,
            self.loop,
            self.factory,
            photocell=self.photocell,
            fire=self.fire,
            new_timer=new_timer or time.new_timer,
        )

    def set(self, contact: ContactWiring, *, active: bool) -> None:
        """Open or close a contact; one that is open leaves its pin to the pull-up."""
        pin = self.factory.pin(contact.pin)
        if active is (contact.normally == "closed"):
            pin.drive_high()
        else:
            pin.drive_low()

    def occupy(self, occupied: bool) -> None:
        self.set(SAFETY, active=occupied)


class NoTimer:
    """Makes timers as long as it may; stands for a machine that can start no more threads."""

    def __init__(self, time: MovedTime) -> None:
        self.may = True
        self._time = time

    def __call__(self, delay_s: float, function: Callable[[], None]) -> Timer:
        if not self.may:
            raise RuntimeError("can't start new thread")
        return self._time.new_timer(delay_s, function)
