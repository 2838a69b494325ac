"""The floor on disk: an instant that true time is known to have reached, for a machine that starts without the time.

It is a small file beside the unit's store, and not in it: it belongs to this machine's clock and not to the unit's
history, so a store that comes back from a backup must not bring an older one; the clock is read before the store is
opened; and an operator can read it, or delete it.
"""

import json
import logging
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cloud_sync.link.store import is_failing
from domain.errors import OperatorError
from domain.now import Trust, parse_instant, rfc3339

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Floor:
    """At `mono_ms` of this `boot` it was `at`, as far as `trust` says; with no trust, or later."""

    at: datetime
    boot: str
    mono_ms: int
    trust: Trust

    def moved_to(self, mono_ms: int) -> datetime:
        """What it has become by then, in the same boot."""
        return self.at + timedelta(milliseconds=mono_ms - self.mono_ms)


class FloorFile:
    """Where the floor is kept. After a power cut it holds what was written last, or what was written before."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Floor | None:
        """None where none was ever written, what is there is none, or the disk fails. Raises OperatorError where it
        cannot be read for another reason."""
        try:
            said = json.loads(self._path.read_bytes())
            return Floor(parse_instant(said["at"]), str(said["boot"]), int(said["mono_ms"]), Trust(said["trust"]))
        except FileNotFoundError:
            return None
        except OSError as error:
            if is_failing(error):  # a gate goes on without its disk
                log.warning("clock.floor_unreadable", extra={"path": str(self._path), "why": error.strerror})
                return None
            raise OperatorError("floor_unreadable", f"{self._path} cannot be read: {error.strerror}") from error
        except (ValueError, LookupError, TypeError):
            log.warning("clock.floor_invalid", extra={"path": str(self._path)})
            return None

    def write(self, floor: Floor) -> None:
        """Have it on disk when this returns. Raises OSError."""
        said = {"at": rfc3339(floor.at), "boot": floor.boot, "mono_ms": floor.mono_ms, "trust": floor.trust.value}
        draft = self._path.with_name(f"{self._path.name}.new")
        with draft.open("w", encoding="ascii") as file:
            file.write(json.dumps(said) + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
