"""The customer display: two lines with 20 signs each on a serial device.

Every such display takes plain text after a form feed, which clears it and sends the cursor home (CD5220 and Epson
DM-D command sets, CLR); at 20 signs it wraps into the second line. The port is opened as the system set it up, by
default 9600 baud, 8N1.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path

COLUMNS = 20
CLEAR = b"\x0c"

log = logging.getLogger(__name__)


class Display:
    """Shows two lines; with no device it only remembers them. A missing display is told and logged once, never raised.

    `when_faulty` is called with words for attendants in the thread of the `show` that finds it lost; `fault` has them
    until it is back. One that takes every byte and shows nothing is not noticed.
    """

    def __init__(self, device: Path | None) -> None:
        self.when_faulty: Callable[[str], None] | None = None
        self._device = device
        self._port: int | None = None
        self._fault: str | None = None
        self._lines = ("", "")

    @property
    def lines(self) -> tuple[str, str]:
        """The lines of the last `show`, without padding."""
        return self._lines

    @property
    def fault(self) -> str | None:
        """What is wrong with it, as far as the last `show` has found out."""
        return self._fault

    def show(self, line1: str, line2: str = "") -> None:
        """Replace both lines, cut to 20 signs; signs outside code page 437 become question marks.

        Never blocks: a display that takes no bytes counts as lost, and the next `show` opens it anew.
        """
        self._lines = (line1[:COLUMNS], line2[:COLUMNS])
        if self._device is None:
            return
        text = "".join(line.ljust(COLUMNS) for line in self._lines)
        try:
            self._write(self._device, CLEAR + text.encode("cp437", errors="replace"))
        except OSError as error:
            self._hang_up()
            if self._fault is None:
                log.warning("display.lost", extra={"device": self._device, "why": str(error)})
                self._fault = (
                    f"drivers see nothing: the display {self._device} is lost; look at its cable and its power"
                )
                if self.when_faulty is not None:
                    self.when_faulty(self._fault)
        else:
            if self._fault is not None:
                log.info("display.back", extra={"device": self._device})
            self._fault = None

    def release(self) -> None:
        """Clear the display and release the device; no call follows."""
        self.when_faulty = None
        self.show("")
        self._hang_up()

    def _write(self, device: Path, data: bytes) -> None:
        if self._port is None:
            # NOCTTY: a serial port must not become this process's terminal. NONBLOCK: a display that is switched off
            # must not hold up the gate.
            self._port = os.open(device, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        if os.write(self._port, data) != len(data):
            raise BlockingIOError("the port took only a part")

    def _hang_up(self) -> None:
        if self._port is not None:
            os.close(self._port)
            self._port = None
