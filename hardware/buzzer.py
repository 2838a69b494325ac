"""The buzzer at the driver's post: short patterns that end by themselves."""

import threading

from gpiozero import Factory

from hardware.output import Output
from hardware.timer import Timer, TimerFactory
from hardware.wiring import BuzzerWiring

BEEP_MS = (100,)
WARNING_MS = (250, 150, 250, 150, 250)  # sound, pause, sound, ...


class Buzzer:
    """Sounds one pattern at a time; with no wiring it is silent. Safe to call from any thread, and never blocks.

    It is never on without a running timer that will turn it off; where none can be started the call raises, and it is
    silent.
    """

    def __init__(
        self, wiring: BuzzerWiring | None, factory: Factory, *, new_timer: TimerFactory = threading.Timer
    ) -> None:
        self._output = None if wiring is None else Output(wiring.pin, factory)
        self._new_timer = new_timer
        self._lock = threading.RLock()
        self._timer: Timer | None = None
        self._warning = False

    def beep(self) -> None:
        """Sound once, shortly; not while a warning sounds."""
        with self._lock:
            if self._timer is None or not self._warning:
                self._warning = False
                self._play(BEEP_MS)

    def warn(self) -> None:
        """Sound three times; a pattern that is under way begins anew with this one."""
        with self._lock:
            self._warning = True
            self._play(WARNING_MS)

    def release(self) -> None:
        """Be silent and release the pin."""
        with self._lock:
            self._play(())
            if self._output is not None:
                self._output.release()
                self._output = None

    def _play(self, steps_ms: tuple[int, ...]) -> None:
        """Sound the first step and time the others; an odd number of steps begins with sound, an even one with none."""
        if self._output is None:
            return
        self._output.off()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not steps_ms:
            return

        def expire() -> None:
            with self._lock:
                if self._timer is timer:  # else another pattern has begun while this waited for the lock
                    self._play(steps_ms[1:])

        timer = self._new_timer(steps_ms[0] / 1_000, expire)
        timer.start()
        self._timer = timer
        if len(steps_ms) % 2:
            self._output.on()
