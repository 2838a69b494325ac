"""A simulated lane on disk: a gate's process that is killed takes neither the car nor the arm with it.

Each file is replaced as a whole, so that one who is killed while writing leaves the one before. Written without a sync:
it outlives the process, which is what it is for, and not the machine.
"""

import io
import os
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from domain.errors import OperatorError
from hardware.twin import Snapshot

_SNAPSHOT = TypeAdapter(Snapshot)


class TwinMemory:
    """Keeps one lane in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        """Raises OperatorError where there cannot be such a folder."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            why = f"hardware.simulated.memory: {folder} cannot be made: {error.strerror}"
            raise OperatorError("memory_unusable", why) from error
        self._lane = folder / "lane.json"
        self._pictures = folder / "pictures.zip"
        self._kept: Snapshot | None = None

    def lane(self, now_ms: int) -> Snapshot | None:
        """The lane as it was last; None where there was none, or where it was before this boot."""
        try:
            then = _SNAPSHOT.validate_json(self._lane.read_bytes())
        except (OSError, ValidationError):
            return None
        return then if then.now_ms <= now_ms else None

    def pictures(self) -> list[bytes]:
        """What the camera was shown last, in order."""
        try:
            with zipfile.ZipFile(self._pictures) as kept:
                return [kept.read(name) for name in sorted(kept.namelist())]
        except FileNotFoundError:
            return []

    def keep(self, now: Snapshot) -> None:
        """Remember the lane as it is now."""
        if self._kept is not None and replace(self._kept, now_ms=now.now_ms) == now:
            return  # it stands still
        self._kept = now
        _replace(self._lane, _SNAPSHOT.dump_json(now))

    def keep_pictures(self, pictures: Sequence[bytes]) -> None:
        """Remember what the camera is shown from now on, in place of what it was shown before."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as kept:
            for number, picture in enumerate(pictures):
                kept.writestr(f"{number:02}.jpg", picture)
        _replace(self._pictures, packed.getvalue())


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_suffix(".new")
    beside.write_bytes(content)
    os.replace(beside, path)
