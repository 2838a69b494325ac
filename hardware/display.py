"""The customer display: two lines with 20 signs each on a serial device.

Every such display takes plain text after a form feed, which clears it and sends the cursor home (CD5220 and Epson
DM-D command sets, CLR); at 20 signs it wraps into the second line. The port is opened as the system set it up, by
default 9600 baud, 8N1.
"""

import logging
import os
from pathlib import Path

COLUMNS = 20
CLEAR = b"\x0c"

log = logging.getLogger(__name__)


class Display:
    """Shows two lines; with no device it only remembers them. A missing display is logged once, never raised."""

    def __init__(self, device: Path | None) -> None:
        self._device = device
        self._port: int | None = None
        self._lost = False
        self._lines = ("", "")

    @property
    def lines(self) -> tuple[str, str]:
        """The lines of the last `show`, without padding."""
        return self._lines

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
            self._release()
            if not self._lost:
                log.warning("display %s lost: %s; check its cable and udev rule", self._device, error)
            self._lost = True
        else:
            if self._lost:
                log.info("display %s back", self._device)
            self._lost = False

    def close(self) -> None:
        """Clear the display and release the device."""
        self.show("")
        self._release()

    def _write(self, device: Path, data: bytes) -> None:
        if self._port is None:
            # NOCTTY: a serial port must not become this process's terminal. NONBLOCK: a display that is switched off
            # must not hold up the gate.
            self._port = os.open(device, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        if os.write(self._port, data) != len(data):
            raise BlockingIOError("the port took only a part")

    def _release(self) -> None:
        if self._port is not None:
            os.close(self._port)
            self._port = None
