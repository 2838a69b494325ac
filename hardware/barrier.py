"""The barrier: its command relays, two limit switches, and what must never happen between them.

A command is momentary: a relay closes the barrier controller's open or close contact for `pulse_ms`, and the
controller moves the arm. Its hard-wired protection (EN 12453, UL 325) stays in charge; this only asks. A controller
of kind single-pulse has no close contact: it closes by itself once its own loop is free.

Held here, whatever the caller does:
- all relays are off before, during and after pin set-up and at release; no pulse at start, restart or end;
- no relay goes on, or stays on longer, without a running timer that will end its pulse;
- the two relays are never on together, and after one of them went off none goes on for `dead_ms`;
- no close command while the safety loop is occupied, the photocell interrupted or the fire alarm on;
- opening wins: it cuts a close pulse short, while a close command during an open pulse is refused;
- what comes onto the safety loop or into the photocell while the arm comes down raises it, and cuts a close pulse
  short, in the thread of the pin change: an event loop that waits for a disk cannot hold a close command. The arm comes
  down from a close command, or from leaving its upper limit, until it is at a limit or is raised; one whose lower limit
  is never reached is taken to be still on its way. Nothing under it raises an arm that is down: whose lower limit is
  believed (`Limits`), and has moved since the arm was asked to rise last, and since the start;
- a fire alarm raises the arm in the thread of the pin change, at `start` if it is on by then, and again whenever the
  arm leaves its upper limit while it is on. Its end moves nothing.
"""

import logging
import threading
from collections.abc import Callable
from enum import Enum

from gpiozero import Factory

from domain.errors import Refused
from hardware.fire import FireAlarm
from hardware.limits import Limit, Limits
from hardware.loop import Loop
from hardware.output import Output
from hardware.photocell import Photocell
from hardware.timer import Timer, TimerFactory
from hardware.wiring import BarrierWiring

log = logging.getLogger(__name__)


class Position(Enum):
    """Where the limit switches say the arm is."""

    DOWN = "down"
    UP = "up"
    BETWEEN = "between"  # neither switch, or one that is not believed: moving, stuck, or a switch is broken


class _Relays(Enum):
    """What the relays are doing."""

    IDLE = "idle"  # all off, any may go on
    OPENING = "opening"  # the open relay is on
    CLOSING = "closing"  # the close relay is on
    DEAD = "dead"  # all off, and none may go on yet
    DEAD_THEN_OPEN = "dead_then_open"  # the same, with an open command waiting


class Barrier:
    """One barrier; safe to call from any thread.

    `when_moved` is called with the new position at each change of a limit switch, in the thread of the pin change
    (see `Contact`). `when_faulty` is called before it, with words for attendants, once a limit switch is stuck that was
    not; what is wrong already says `fault`. `new_timer` times the pulses: a thread and not an event loop, so that a
    loop that hangs cannot hold a relay.
    """

    def __init__(
        self,
        wiring: BarrierWiring,
        safety_loop: Loop,
        factory: Factory,
        *,
        photocell: Photocell | None = None,
        fire: FireAlarm | None = None,
        new_timer: TimerFactory = threading.Timer,
    ) -> None:
        self.when_moved: Callable[[Position], None] | None = None
        self.when_faulty: Callable[[str], None] | None = None
        self._wiring = wiring
        self._safety_loop = safety_loop
        self._photocell = photocell
        self._fire = fire
        self._new_timer = new_timer
        self._lock = threading.RLock()
        self._timer: Timer | None = None
        self._relays = _Relays.IDLE
        self._comes_down = False
        self._may_have_risen = True  # its lower limit has not moved since it was asked to, or since we know of it
        self._released = False
        self._open_relay = Output(wiring.open_relay, factory)
        self._close_relay = None if wiring.close_relay is None else Output(wiring.close_relay, factory)
        self._limits = Limits(wiring, factory)
        self._limits.listen(self._limit_changed)
        if fire is not None:
            fire.when_activated = self._rise_for_fire
        safety_loop.when_activated = self._rise_from_what_is_under
        if photocell is not None:
            photocell.when_activated = self._rise_from_what_is_under

    def start(self) -> None:
        """Raise the arm if the fire alarm is on already; one that comes later does so by itself."""
        if self._fire is not None and self._fire.alarmed:
            self.raise_arm()

    @property
    def closes_itself(self) -> bool:
        """Whether the controller closes by itself, and has no close contact."""
        return self._close_relay is None

    @property
    def position(self) -> Position:
        """Where the arm is, read from the limit switches now."""
        if self._limits.is_at(Limit.UP):
            return Position.UP
        return Position.DOWN if self._limits.is_at(Limit.DOWN) else Position.BETWEEN

    @property
    def fault(self) -> str | None:
        """What is wrong with the limit switches now, in words for attendants."""
        with self._lock:
            return self._limits.stuck

    def raise_arm(self) -> None:
        """Give one open command; a close pulse is cut short, a running open pulse begins anew."""
        with self._lock:
            if self._relays is _Relays.CLOSING:
                self._end_pulse()
            if self._relays in (_Relays.DEAD, _Relays.DEAD_THEN_OPEN):
                self._relays = _Relays.DEAD_THEN_OPEN
                if self._timer is None:  # the dead time's own timer could not be started
                    self._after(self._wiring.dead_ms, self._end_dead_time)
            else:
                self._pulse(self._open_relay, _Relays.OPENING)
            self._comes_down, self._may_have_risen = False, True

    def lower_arm(self) -> None:
        """Give one close command; a running close pulse begins anew. Where the barrier closes itself, give none.

        Raises Refused (`fire_alarm`, `safety_loop_occupied`, `photocell_interrupted`, `command_running`) and leaves
        all relays as they are.
        """
        with self._lock:
            self._check_clear()
            if self._close_relay is None:
                return
            if self._relays not in (_Relays.IDLE, _Relays.CLOSING):
                raise Refused("command_running", "another command has not ended; close after it")
            self._comes_down = not self._is_surely_down
            self._pulse(self._close_relay, _Relays.CLOSING)

    def release(self) -> None:
        """End any pulse, leave the relays off and release the pins."""
        with self._lock:
            self._released = True
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self.when_moved = self.when_faulty = None
            for guard in (self._fire, self._safety_loop, self._photocell):
                if guard is not None:
                    guard.when_activated = None
            self._all_off()
            for device in (self._open_relay, self._close_relay, self._limits):
                if device is not None:
                    device.release()

    def _check_clear(self) -> None:
        if self._fire is not None and self._fire.alarmed:
            raise Refused("fire_alarm", "the fire alarm is on; close after it")
        if self._safety_loop.occupied:
            raise Refused("safety_loop_occupied", "a vehicle is under the arm; close when the loop is free")
        if self._photocell is not None and self._photocell.interrupted:
            raise Refused("photocell_interrupted", "something is under the arm; close when the photocell is free")

    def _all_off(self) -> None:
        self._open_relay.off()
        if self._close_relay is not None:
            self._close_relay.off()

    def _pulse(self, relay: Output, meaning: _Relays) -> None:
        self._after(self._wiring.pulse_ms, self._end_pulse)  # first: a relay that goes on is sure to go off
        self._relays = meaning
        relay.on()

    def _end_pulse(self) -> None:
        self._all_off()
        self._relays = _Relays.DEAD
        if self._timer is not None:  # that of a pulse which is cut short
            self._timer.cancel()
            self._timer = None
        self._after(self._wiring.dead_ms, self._end_dead_time)

    def _end_dead_time(self) -> None:
        open_waits, self._relays = self._relays is _Relays.DEAD_THEN_OPEN, _Relays.IDLE
        if open_waits:
            self._pulse(self._open_relay, _Relays.OPENING)

    def _after(self, delay_ms: int, action: Callable[[], None]) -> None:
        """Time `action` in place of what is being timed; where no timer can be started, that stays as it was."""

        def expire() -> None:
            with self._lock:
                # A timer that was cancelled while it waited for the lock belongs to a pulse that is over.
                if self._timer is timer:
                    self._timer = None
                    action()

        timer = self._new_timer(delay_ms / 1_000, expire)
        timer.start()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = timer

    def _rise_for_fire(self) -> None:
        self._rise("fire alarm: the arm could not be raised; open the barrier by hand")

    def _rise_from_what_is_under(self) -> None:
        with self._lock:
            if self._released:
                return
            if self._comes_down and not self._is_surely_down:
                self._rise("something is under the arm, which could not be raised; look at the barrier")
            elif self._relays is _Relays.CLOSING:
                self._at_once(self._end_pulse, "the dead time after a close pulse could not be timed")

    def _rise(self, failed: str) -> None:
        self._at_once(self.raise_arm, failed)

    def _at_once(self, action: Callable[[], None], failed: str) -> None:
        """In the thread of the pin change, which an error would end for every pin."""
        with self._lock:
            if self._released:
                return
            try:
                action()
            except Exception:  # whoever listens to the pin raises the arm too, and may die of this and start anew
                log.exception(failed)

    @property
    def _is_surely_down(self) -> bool:
        """A switch that is stuck says so too, also once the arm was asked to rise."""
        return self.position is Position.DOWN and not self._may_have_risen

    def _limit_changed(self, limit: Limit, active: bool) -> None:
        with self._lock:
            fault = self._limits.note(limit, active)
            if limit is Limit.DOWN:
                self._may_have_risen = False
            if not active and limit is Limit.UP:
                self._comes_down = True
            elif active and self._limits.is_believed(limit):
                self._comes_down = False
        if not active and limit is Limit.UP and self._fire is not None and self._fire.alarmed:
            self._rise_for_fire()
        if fault is not None and self.when_faulty is not None:
            self.when_faulty(fault)
        if self.when_moved is not None:
            self.when_moved(self.position)
