"""The frames that decisions rest on: kept sealed beside the store for as long as the lot's policy says, then deleted.

Each frame is a JPEG in a file of its own, sealed with the lot's key and a random salt. The salts are in a small
database beside the files: once a frame's row is overwritten, what a card still holds of its file opens no more, also
for who has the lot's key. All of it is done in one thread of its own, after the arm was asked to move; where that falls
behind, the disk fails or has no room, frames are left out, and nothing else suffers.
"""

import asyncio
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

import cv2

from cloud_sync.link.clock import Clock
from cloud_sync.link.seal import Seal
from cloud_sync.link.store import Store
from domain.errors import GatehouseError, NotFound, OperatorError, PeerError
from domain.now import Trust, parse_instant, rfc3339
from hardware.camera import Frame

log = logging.getLogger(__name__)

QUEUE_MAX = 4
"""Decisions whose frames wait to be written, some 30 MB; what comes on top is left out."""

PASSAGE_MAX = 12
"""Frames of one passage: of a car that is judged again and again, those of the last few times."""

JPEG_QUALITY = 80

FREE_MIN = 0.05
"""Of the disk; below it the oldest frames go first, before anything else has to."""

DELETED_AT_ONCE = 500
"""Frames that one transaction deletes, before what the disk still held of their salts is overwritten."""

KEPT_MAX = timedelta(days=36_500)
"""Longer than any card lasts, and short enough to reckon with."""

SWEEP_EVERY_S = 600.0

_SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """One frame on the disk, the `number`th of its passage."""

    passage_id: str
    number: int
    at: datetime

    @property
    def name(self) -> str:
        """Its file's."""
        return f"{self.passage_id}-{self.number}.sealed"


class FrameFolder:
    """The sealed frames in one folder. Raises OSError and sqlite3.Error where the disk does not do what is asked."""

    SALTS = "salts.db"

    @classmethod
    def existing(cls, folder: Path, seal: Seal) -> Self:
        """Open one that a gate has made; makes none. Raises OperatorError where there is none."""
        if not (folder / cls.SALTS).is_file():
            raise OperatorError("no_frames_folder", f"no gate has kept frames in {folder}; look at store.path")
        return cls(folder, seal)

    def __init__(self, folder: Path, seal: Seal) -> None:
        """Open or make it."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._seal = seal
        self._store = Store(folder / self.SALTS)
        self._sql = self._store.connection
        self._sql.execute("PRAGMA synchronous = NORMAL")  # a frame may be lost with the power; it is not a fact
        self._sql.execute("PRAGMA secure_delete = ON")
        self._sql.execute(
            "CREATE TABLE IF NOT EXISTS frame"
            " (passage_id TEXT NOT NULL, number INTEGER NOT NULL, at TEXT NOT NULL, salt BLOB NOT NULL,"
            " PRIMARY KEY (passage_id, number)) STRICT"
        )
        self._sql.execute("CREATE INDEX IF NOT EXISTS frame_by_age ON frame (at, passage_id, number)")

    def close(self) -> None:
        self._store.close()

    def add(self, passage_id: str, jpegs: Sequence[bytes], at: datetime) -> None:
        """Keep these, in place of the oldest where there is no room, or not at all."""
        self.make_room()
        if self._is_short():
            return
        last = "SELECT coalesce(max(number), -1) FROM frame WHERE passage_id = ?"
        first = self._sql.execute(last, (passage_id,)).fetchone()[0] + 1
        for number, jpeg in enumerate(jpegs, start=first):
            frame, salt = KeptFrame(passage_id, number, at), os.urandom(_SALT_BYTES)
            with self._store.transaction():
                self._sql.execute("INSERT INTO frame VALUES (?, ?, ?, ?)", (passage_id, number, rfc3339(at), salt))
            (self._folder / frame.name).write_bytes(self._seal.seal_bytes(jpeg, salt))
        surplus = first + len(jpegs) - PASSAGE_MAX
        self._delete(self._found("WHERE passage_id = ? AND number < ?", passage_id, surplus))

    def kept(self) -> list[KeptFrame]:
        """All of them, oldest first."""
        return self._found("ORDER BY at, passage_id, number")

    def there(self, passage_id: str | None = None) -> list[KeptFrame]:
        """Those whose files are on the disk, which may not have taken them: of a passage in order, or all, oldest
        first."""
        of_passage = "WHERE passage_id = ? ORDER BY number"
        frames = self.kept() if passage_id is None else self._found(of_passage, passage_id)
        return [frame for frame in frames if (self._folder / frame.name).exists()]

    def open(self, frame: KeptFrame) -> bytes:
        """Its JPEG. Raises PeerError where it was sealed with another key, or its file is damaged."""
        salts = "SELECT salt FROM frame WHERE passage_id = ? AND number = ?"
        salt = self._sql.execute(salts, (frame.passage_id, frame.number)).fetchone()["salt"]
        return self._seal.open_bytes((self._folder / frame.name).read_bytes(), salt)

    def jpegs(self, passage_id: str) -> Iterator[bytes]:
        """The frames of a passage, opened. Raises PeerError for one that does not open."""
        return map(self.open, self.there(passage_id))

    def sweep(self, keep: timedelta, now: datetime) -> None:
        """Delete what is older, or dated so far ahead that its clock was wrong; and files that nothing opens. Then the
        oldest, while the disk is short."""
        keep = min(keep, KEPT_MAX)
        self._delete(self._found("WHERE at <= ? OR at >= ?", rfc3339(now - keep), rfc3339(now + keep)))
        names = {frame.name for frame in self.kept()}
        for path in self._folder.glob("*.sealed"):
            if path.name not in names:
                path.unlink(missing_ok=True)
        self.make_room()

    def make_room(self) -> None:
        """Delete the oldest while the disk is short."""
        oldest = "ORDER BY at, passage_id, number LIMIT ?"
        while self._is_short() and (frames := self._found(oldest, DELETED_AT_ONCE)):
            gone = []
            for frame in frames:
                if not self._is_short():
                    break
                self._unlink(frame)
                gone.append(frame)
            self._forget(gone)

    def _is_short(self) -> bool:
        disk = shutil.disk_usage(self._folder)
        return disk.free < FREE_MIN * disk.total

    def _found(self, which: str, *values: object) -> list[KeptFrame]:
        rows = self._sql.execute(f"SELECT passage_id, number, at FROM frame {which}", values)  # noqa: S608  our own SQL
        return [KeptFrame(row["passage_id"], row["number"], parse_instant(row["at"])) for row in rows]

    def _delete(self, frames: Sequence[KeptFrame]) -> None:
        for begin in range(0, len(frames), DELETED_AT_ONCE):
            some = frames[begin : begin + DELETED_AT_ONCE]
            for frame in some:
                self._unlink(frame)
            self._forget(some)

    def _unlink(self, frame: KeptFrame) -> None:
        (self._folder / frame.name).unlink(missing_ok=True)

    def _forget(self, frames: Sequence[KeptFrame]) -> None:
        """Their salts, so that nothing opens what the disk still holds of them."""
        if not frames:
            return
        with self._store.transaction():
            gone = [(frame.passage_id, frame.number) for frame in frames]
            self._sql.executemany("DELETE FROM frame WHERE passage_id = ? AND number = ?", gone)
        self._sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # else the salts would stand there until it is full


class FrameKeeper:
    """Keeps frames in a thread of its own. Nothing of it waits, and nothing of it fails for its callers."""

    def __init__(self, folder: Path, seal: Seal, clock: Clock, keep: Callable[[], timedelta]) -> None:
        """`keep` says for how long by the policy of the moment; no time: none are kept."""
        self._path = folder
        self._seal = seal
        self._clock = clock
        self._keep = keep
        self._thread = ThreadPoolExecutor(1, "frames")
        self._waiting = 0
        self._added: tuple[str, set[int]] = "", set()  # of the last passage, when they were taken
        self._is_well = True

    def add(self, passage_id: str, frames: Sequence[Frame]) -> None:
        """Keep these frames of a passage, soon, but for those that are kept already."""
        if self._added[0] != passage_id:
            self._added = passage_id, set()
        new = [frame for frame in frames if frame.mono_ms not in self._added[1]]
        if not new or not self._keep() or self._waiting >= QUEUE_MAX:
            return
        self._added[1].update(frame.mono_ms for frame in new)
        at = self._clock().utc
        self._do(lambda folder: folder.add(passage_id, [_jpeg(frame) for frame in new], at))

    async def run(self) -> None:
        """Delete what is old, now and then, until cancelled. While nobody trusts the clock nothing is."""
        try:
            while True:
                keep, now = self._keep(), self._clock()
                if keep and now.trust is Trust.NONE:  # nobody knows which of them are old
                    self._do(FrameFolder.make_room)
                else:
                    self._do(lambda folder: folder.sweep(keep, now.utc))  # noqa: B023  done before they are others
                await asyncio.sleep(SWEEP_EVERY_S)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _do(self, work: Callable[[FrameFolder], None]) -> None:
        self._waiting += 1
        done = self._thread.submit(self._done, work)
        loop = asyncio.get_running_loop()
        done.add_done_callback(lambda _: loop.is_closed() or loop.call_soon_threadsafe(self._one_less))

    def _one_less(self) -> None:
        self._waiting -= 1

    def _done(self, work: Callable[[FrameFolder], None]) -> None:
        """In the thread. The folder is opened each time: it may be on a disk that comes and goes."""
        try:
            with closing(FrameFolder(self._path, self._seal)) as folder:
                work(folder)
        except (OSError, sqlite3.Error, GatehouseError) as error:
            if self._is_well:
                log.warning("gate.frames_not_kept", extra={"why": str(error)})
            self._is_well = False
        else:
            if not self._is_well:
                log.info("gate.frames_kept_again")
            self._is_well = True


def export(folder: FrameFolder, passage_id: str, to: Path) -> list[Path]:
    """Write the frames of a passage, opened, into a folder, for the eyes of who asks alone.

    Raises NotFound where there are none, and OperatorError for those that do not open, once the others are written.
    """
    frames = folder.there(passage_id)
    if not frames:
        raise NotFound("no_frames", f"no frames of passage {passage_id} are kept here")
    written, closed = [], []
    for frame in frames:
        try:
            jpeg = folder.open(frame)
        except PeerError:
            closed.append(frame.name)
        else:
            written.append(_write(jpeg, to / f"{frame.name.removesuffix('.sealed')}.jpg"))
    if closed:
        why = "another plate key has sealed them, or their files are damaged"
        others = f"; written: {', '.join(map(str, written))}" if written else ""
        raise OperatorError("frames_closed", f"{', '.join(closed)} cannot be opened: {why}{others}")
    return written


def _write(jpeg: bytes, path: Path) -> Path:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)  # one that was there may be readable by others
            file.write(jpeg)
    except OSError as error:
        why = "it is no folder" if isinstance(error, (FileExistsError, NotADirectoryError)) else error.strerror
        raise OperatorError("folder_unusable", f"nothing can be written to {path.parent}: {why}") from error
    return path


def _jpeg(frame: Frame) -> bytes:
    _, jpeg = cv2.imencode(".jpg", frame.pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return jpeg.tobytes()
