"""The loop under the arm: free only once it has been free for a while, because a detector may lose a high car."""

import logging
import threading

from gpiozero import Factory

from hardware.loop import Loop
from hardware.timer import Timer, TimerFactory
from hardware.wiring import SafetyLoopWiring

log = logging.getLogger(__name__)


class SafetyLoop(Loop):
    """A loop that is occupied at once, and free `hold_ms` after its contact says so, unless that has changed its mind.

    `when_changed` is called with False in the timer's thread. `active` and `occupied` are True until then, and no arm
    is asked to close. One is told after the other, so that what is told last is so: who comes onto the loop while it is
    told that it is free is told after that.
    """

    def __init__(self, wiring: SafetyLoopWiring, factory: Factory, new_timer: TimerFactory) -> None:
        self._hold_s = wiring.hold_ms / 1_000
        self._new_timer = new_timer
        self._lock = threading.RLock()  # a listener may call back
        self._held: Timer | None = None  # what will say that it is free
        super().__init__(wiring, factory)

    @property
    def active(self) -> bool:
        """The state at this very moment: occupied also while it is held."""
        return self._held is not None or super().active

    def release(self) -> None:
        """Release the pin; no call follows."""
        self._let_go()
        super().release()

    def _report(self, *, closed: bool) -> None:
        with self._lock:
            was_held = self._let_go()
            if self._means(closed=closed):
                if not was_held:
                    super()._report(closed=closed)
                elif self.when_activated is not None:
                    self.when_activated()  # the arm may have begun to come down meanwhile
            elif not self._hold_s or self.when_changed is None:  # nobody listens yet
                super()._report(closed=closed)
            else:
                self._hold(closed)

    def _hold(self, closed: bool) -> None:
        def is_free() -> None:
            with self._lock:
                if self._held is not timer:
                    return  # it was occupied again, just now
                self._held = None
                super(SafetyLoop, self)._report(closed=closed)

        try:
            timer = self._new_timer(self._hold_s, is_free)
            timer.start()
        except RuntimeError:  # an error here would end the thread of every pin
            log.exception("safety_loop.not_held")
            super()._report(closed=closed)
        else:
            self._held = timer  # nobody else has looked yet: this thread has the lock

    def _let_go(self) -> bool:
        """Whether it was held."""
        with self._lock:
            timer, self._held = self._held, None
        if timer is not None:
            timer.cancel()
        return timer is not None
