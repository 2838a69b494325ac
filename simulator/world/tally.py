"""What is written down of a run while it goes on: faults, counts, the units' logs, and the trace that tells two runs of
one seed apart."""

import hashlib
import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from cloud_sync.link.logs import JsonLines
from domain.now import parse_instant
from simulator.world.loop import VirtualLoop
from simulator.world.process import CURRENT, How, Process
from simulator.world.seen import Boot, Disk, Fault, Seen, Unsettled

_COUNTED = {
    "payment.in_doubt": "in-doubt payments",
    "movement.in_doubt": "in-doubt movements",
    "hold.release_in_doubt": "in-doubt releases",
    "cancel.in_doubt": "in-doubt cancellations",
    "facts.set_aside": "facts set aside",
    "facts.forked": "forks",
}
"""Events of the units' own logs that a campaign wants to have seen."""


LATE_MS = 60_000
MILLISECOND = timedelta(milliseconds=1)


class Tally:
    """Writes down; decides nothing."""

    def __init__(self, loop: VirtualLoop, seen: Seen, tell: bool) -> None:
        """`tell`: keep the whole trace, line by line, in `lines`."""
        self.seen = seen
        self.failures: list[str] = []
        """What no unit may log: a bug that it has caught, or died of."""
        self.fenced: set[Process] = set()
        """Those that have logged that another run speaks for their unit now."""
        self.lines: list[str] | None = [] if tell else None
        self._loop = loop
        self._digest = hashlib.sha256()

    @property
    def digest(self) -> str:
        """Of everything traced so far."""
        return self._digest.hexdigest()

    @property
    def now_ms(self) -> int:
        """True time."""
        return self._loop.now_ms

    def trace(self, what: str, detail: bytes = b"") -> None:
        """Something happened just now that every run of this seed must see at this instant."""
        line = b"%d %s %s\n" % (self._loop.now_ms, what.encode(), detail)
        self._digest.update(line)
        if self.lines is not None:
            self.lines.append(line.decode())

    def count(self, name: str, by: int = 1) -> None:
        self.seen.counts[name] += by

    def facts_sent(self, payload: bytes) -> None:
        """A message of facts has reached a broker: count those that are about something that is over for long."""
        for fact in json.loads(payload)["facts"]:
            at_ms = (parse_instant(fact["at"]) - self.seen.begins) // MILLISECOND
            self.seen.counts["late facts"] += self._loop.now_ms - at_ms > LATE_MS

    def died(self, unit: str, how: How, where: str, down_s: float) -> None:
        """A process has died, and will be started again so much later."""
        self.fault(how.value, unit, where, down_s)
        self.count(f"{how.value} {where}")

    def disk_lost(self, unit: str, path: Path) -> None:
        """A disk of a unit is gone for good; `path` has a copy of what was on it."""
        self.seen.disks.append(Disk(unit, path, self._loop.now_ms))

    def booted(self, unit: str, boot: str, drift_ppm: int) -> None:
        """A machine has started."""
        self.seen.boots.append(Boot(self._loop.now_ms, unit, boot, drift_ppm))

    def fault(self, kind: str, unit: str, detail: str = "", lasts_s: float = 0.0) -> None:
        """Something was done to a unit."""
        until_ms = self._loop.now_ms + int(lasts_s * 1000) if lasts_s else None
        self.seen.faults.append(Fault(self._loop.now_ms, kind, unit, detail, until_ms))
        self.count(f"fault {kind}")
        self.trace("fault", f"{kind} {unit} {detail}".encode())

    def unsettled(self, where: str, what: str) -> None:
        """Something among units that ought to have come to an end has not."""
        self.seen.unsettled.append(Unsettled(self._loop.now_ms, where, what))

    def lasted(self, kind: str, unit: str, since_ms: int) -> None:
        """Something that was wrong with a unit since then is put right."""
        self.seen.faults.append(Fault(since_ms, kind, unit, "", self._loop.now_ms))
        self.trace("put right", f"{kind} {unit}".encode())


class LogTaker(logging.Handler):
    """Takes what all units log, as they would write it, with virtual time in place of the machine's."""

    def __init__(self, path: Path, loop: VirtualLoop, tally: Tally) -> None:
        super().__init__(logging.INFO)
        self._file: TextIO = path.open("w", encoding="ascii")
        self._loop = loop
        self._tally = tally
        self._lines = JsonLines("")

    def emit(self, record: logging.LogRecord) -> None:
        process = CURRENT.get()
        if process is not None and not process.alive:
            return  # the dead log nothing
        event = record.getMessage()
        counted = _COUNTED.get(event)
        if counted is not None:
            self._tally.count(counted)
        if event == "tenure.fenced" and process is not None:
            self._tally.fenced.add(process)
        line = json.loads(self._lines.format(record))
        line["time"] = self._loop.now_ms
        line["unit"] = "" if process is None else process.unit
        if record.exc_info:
            self._tally.failures.append(f"{line['unit']} at {self._loop.now_ms} ms: {event}\n{line['trace']}")
        self._file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        self._file.close()
        super().close()
