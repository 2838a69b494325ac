"""A dry contact to ground: what a loop detector, a limit switch or a fire alarm system gives to a Pi."""

from collections.abc import Callable

from gpiozero import DigitalInputDevice, Factory

from hardware.wiring import ContactWiring


class Contact:
    """One input; `active` when the contact has left its normal state.

    `when_changed` is called with the new `active`, once per debounced change, in the thread of the pin change: on
    lgpio its callback thread, on mock pins whoever drove the pin. It must return at once and must not raise. Changes
    before it is set are not reported; read `active` first.

    `when_activated` is called before it, in the same thread, when the contact leaves its normal state: the barrier has
    that of what guards the arm, so that nothing that listens can come between a guard and the arm.

    Debouncing is the pin driver's (lgpio holds an edge back until the level was stable for `debounce_ms`);
    gpiozero's mock pins ignore it, so whoever decides on these inputs must bear bouncing.
    """

    def __init__(self, wiring: ContactWiring, factory: Factory) -> None:
        self.when_changed: Callable[[bool], None] | None = None
        self.when_activated: Callable[[], None] | None = None
        self._normally_closed = wiring.normally == "closed"
        self._input = DigitalInputDevice(
            wiring.pin, pull_up=True, bounce_time=wiring.debounce_ms / 1_000 or None, pin_factory=factory
        )
        # The level that the driver reports, not what the pin reads by then: a debounced edge comes late.
        self._input.when_activated = lambda: self._report(closed=True)
        self._input.when_deactivated = lambda: self._report(closed=False)

    @property
    def active(self) -> bool:
        """The state at this very moment, read from the pin and not debounced."""
        return self._means(closed=bool(self._input.is_active))

    def release(self) -> None:
        """Release the pin; no call follows."""
        self.when_changed = self.when_activated = None
        self._input.close()

    def _report(self, *, closed: bool) -> None:
        activated, active = self.when_activated, self._means(closed=closed)
        if activated is not None and active:
            activated()
        if self.when_changed is not None:
            self.when_changed(active)

    def _means(self, *, closed: bool) -> bool:
        """Whether a contact in this state is active."""
        return closed != self._normally_closed
