"""What the driver sees: the lights and the two lines of the display."""

from gate_firmware.events import Command, Tell
from hardware.lights import Signal


class Sign:
    """One lane's lights and display, as they were told last."""

    def __init__(self, lines: tuple[str, str]) -> None:
        self.told = Tell(Signal.RED, *lines)

    def stop(self, lines: tuple[str, str]) -> Tell:
        """Red, and why."""
        return self._tell(Signal.RED, lines)

    def go(self, lines: tuple[str, str]) -> Tell:
        """Green, and where to."""
        return self._tell(Signal.GREEN, lines)

    def go_if_new(self, lines: tuple[str, str]) -> list[Command]:
        """Green, where that, or where to, is news."""
        return [] if self.told == Tell(Signal.GREEN, *lines) else [self.go(lines)]

    def _tell(self, signal: Signal, lines: tuple[str, str]) -> Tell:
        self.told = Tell(signal, *lines)
        return self.told
