"""The contact of a fire alarm system."""

from collections.abc import Callable

from gpiozero import Factory

from hardware.contact import Contact
from hardware.wiring import ContactWiring


class FireAlarm(Contact):
    """One fire alarm contact; `when_changed` is called with the new `alarmed` (see `Contact`).

    `when_alarmed` comes before it, in the same thread: the barrier has it, so that nothing that listens to an alarm can
    come between it and the arm.
    """

    def __init__(self, wiring: ContactWiring, factory: Factory) -> None:
        self.when_alarmed: Callable[[], None] | None = None
        super().__init__(wiring, factory)

    @property
    def alarmed(self) -> bool:
        """Whether there is an alarm; on a normally closed contact also when its cable is cut."""
        return self.active

    def close(self) -> None:
        """Release the pin; no call follows."""
        self.when_alarmed = None
        super().close()

    def _report(self, *, closed: bool) -> None:
        raise_alarm = self.when_alarmed
        if raise_alarm is not None and self._means(closed=closed):
            raise_alarm()
        super()._report(closed=closed)
