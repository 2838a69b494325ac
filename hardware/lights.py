"""The driver's signal head: one red and one green light."""

from enum import Enum

from gpiozero import Factory

from hardware.output import Output
from hardware.wiring import LightsWiring


class Signal(Enum):
    """What a driver sees."""

    OFF = "off"
    RED = "red"
    GREEN = "green"


class Lights:
    """Shows one signal at a time; red and green are never lit together. Dark until the first `show`."""

    def __init__(self, wiring: LightsWiring, factory: Factory) -> None:
        self._red = Output(wiring.red, factory)
        self._green = Output(wiring.green, factory)
        self._showing = Signal.OFF

    @property
    def showing(self) -> Signal:
        """The signal of the last `show`."""
        return self._showing

    def show(self, signal: Signal) -> None:
        """Change to `signal`; what was lit goes dark first."""
        for lamp, lit_by in ((self._red, Signal.RED), (self._green, Signal.GREEN)):
            if signal is not lit_by:
                lamp.off()
        if signal is Signal.RED:
            self._red.on()
        elif signal is Signal.GREEN:
            self._green.on()
        self._showing = signal

    def release(self) -> None:
        """Go dark and release the pins."""
        self.show(Signal.OFF)
        self._red.release()
        self._green.release()
