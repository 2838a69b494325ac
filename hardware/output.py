"""One output line: a relay, a lamp, a buzzer."""

from gpiozero import Factory, OutputDevice


class Output:
    """An active high output; off, without a pulse, before, during and after it is set up, and after it is let go of.

    It is pulled down whenever it is not driven. What a process leaves behind that dies while a line is on is the
    kernel's affair (docs/wiring.md); who takes the line over afterwards turns it off first.
    """

    def __init__(self, pin: int, factory: Factory) -> None:
        self._line = factory.pin(pin)
        self._let_go()
        self._device = OutputDevice(pin, initial_value=False, pin_factory=factory)
        self.off()

    def on(self) -> None:
        """Drive the line high."""
        self._device.on()

    def off(self) -> None:
        """Drive the line low."""
        self._device.off()

    def release(self) -> None:
        """Turn off and release the pin, once."""
        if not self._device.closed:
            self.off()
            self._device.close()
            self._let_go()

    def _let_go(self) -> None:
        self._line.function = "input"
        self._line.pull = "down"
