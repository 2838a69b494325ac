"""The frames that decisions rest on: sealed, found again by who has the key, and really gone in the end."""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from cloud_sync.link.seal import Seal
from domain.errors import NotFound, PeerError
from domain.now import Now, Trust, rfc3339
from gate_firmware import frames
from gate_firmware.frames import FrameFolder, FrameKeeper, export
from hardware.camera import Frame
from tests.gate_firmware.gate import NOW, SEAL, at
from tests.parts import running, soon

JPEG = b"\xff\xd8 what a camera has seen of HHAB123"
DAYS = timedelta(days=3)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[FrameFolder]:
    folder = FrameFolder(tmp_path / "gate.frames", SEAL)
    yield folder
    folder.close()


def files(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "gate.frames").glob("*.sealed"))


def lay_down(folder: FrameFolder, count: int) -> None:
    """So many, an hour apart, without their files."""
    with folder._store.transaction():
        folder._sql.executemany(
            "INSERT OR REPLACE INTO frame VALUES (?, 0, ?, ?)",
            ((f"laid down {number}", rfc3339(at(number)), bytes(32)) for number in range(count)),
        )


def steps(folder: FrameFolder, what: Callable[[], None]) -> int:
    """How many SQLite's virtual machine takes."""
    taken = 0

    def one_more() -> int:
        nonlocal taken
        taken += 1
        return 0

    folder._sql.set_progress_handler(one_more, 1)
    what()
    folder._sql.set_progress_handler(None, 1)
    return taken


def on_disk(tmp_path: Path) -> bytes:
    return b"".join(path.read_bytes() for path in (tmp_path / "gate.frames").iterdir())


class TestFolder:
    def test_who_has_the_key_sees_them_and_nobody_else(self, folder: FrameFolder, tmp_path: Path) -> None:
        folder.add("p1", [JPEG, b"\xff\xd8 another"], at(0))
        folder.add("p1", [b"\xff\xd8 a third, of a later decision"], at(0))
        assert files(tmp_path) == ["p1-0.sealed", "p1-1.sealed", "p1-2.sealed"]
        assert next(folder.jpegs("p1")) == JPEG
        assert b"HHAB123" not in on_disk(tmp_path)
        other = FrameFolder(tmp_path / "gate.frames", Seal(bytes(32)))
        with pytest.raises(PeerError):
            list(other.jpegs("p1"))
        other.close()

    def test_they_go_once_they_are_old_with_what_opens_them(self, folder: FrameFolder, tmp_path: Path) -> None:
        folder.add("old", [JPEG], at(0))
        folder.add("new", [JPEG], at(2))
        salt = folder._sql.execute("SELECT salt FROM frame WHERE passage_id = 'old'").fetchone()["salt"]
        assert salt in on_disk(tmp_path)
        folder.sweep(timedelta(hours=3), at(3))
        assert files(tmp_path) == ["new-0.sealed"]
        assert salt not in on_disk(tmp_path)
        assert [frame.passage_id for frame in folder.kept()] == ["new"]

    def test_all_of_them_go_where_none_are_to_be_kept(self, folder: FrameFolder, tmp_path: Path) -> None:
        folder.add("p1", [JPEG], at(0))
        folder.sweep(timedelta(), at(0))
        assert files(tmp_path) == []

    def test_so_do_those_that_a_wrong_clock_has_dated_ahead(self, folder: FrameFolder, tmp_path: Path) -> None:
        folder.add("p1", [JPEG], at(24 * 365))
        folder.sweep(DAYS, at(0))
        assert files(tmp_path) == []

    def test_the_oldest_go_first_where_the_disk_is_short(
        self, folder: FrameFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for hour in range(4):
            folder.add(f"p{hour}", [JPEG], at(hour))

        def usage(_path: Path) -> SimpleNamespace:
            return SimpleNamespace(total=100, free=4 if len(files(tmp_path)) > 2 else 6)

        monkeypatch.setattr(shutil, "disk_usage", usage)
        folder.make_room()
        assert files(tmp_path) == ["p2-0.sealed", "p3-0.sealed"]

    def test_a_full_disk_is_made_room_on_with_few_transactions(
        self, folder: FrameFolder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lay_down(folder, 1_000)
        deleted: list[object] = []
        monkeypatch.setattr(folder, "_unlink", deleted.append)

        def usage(_path: Path) -> SimpleNamespace:
            return SimpleNamespace(total=100, free=4 if len(deleted) < 700 else 6)

        monkeypatch.setattr(shutil, "disk_usage", usage)
        asked: list[str] = []
        folder._sql.set_trace_callback(asked.append)
        folder.make_room()
        folder._sql.set_trace_callback(None)
        assert [frame.at for frame in folder.kept()] == [at(hour) for hour in range(700, 1_000)]
        assert sum("wal_checkpoint" in sql for sql in asked) == 2
        assert sum(sql.startswith("SELECT") for sql in asked) == 2

    def test_one_more_costs_as_much_among_many_as_among_few(
        self, folder: FrameFolder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In steps of SQLite's; and no folder is listed."""
        lay_down(folder, 20)
        few = steps(folder, lambda: folder.add("few", [JPEG, JPEG], at(1)))
        lay_down(folder, 6_000)

        def listed(*_: object) -> None:
            raise AssertionError("the folder is listed")

        for where, how in ((os, "listdir"), (os, "scandir"), (Path, "iterdir"), (Path, "glob")):
            monkeypatch.setattr(where, how, listed)
        many = steps(folder, lambda: folder.add("many", [JPEG, JPEG], at(1)))
        assert 0 < many < 1.5 * few

    def test_none_are_added_to_a_disk_that_stays_short(
        self, folder: FrameFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder.add("p1", [JPEG], at(0))
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(total=100, free=4))
        folder.add("p2", [JPEG], at(0))
        assert files(tmp_path) == []

    def test_one_of_a_later_decision_takes_no_others_place(self, folder: FrameFolder, tmp_path: Path) -> None:
        folder.add("p1", [JPEG], at(0))
        folder.add("p1", [JPEG], at(2))
        folder.sweep(timedelta(hours=1), at(2))
        folder.add("p1", [JPEG], at(2))
        assert files(tmp_path) == ["p1-1.sealed", "p1-2.sealed"]

    def test_one_whose_file_is_missing_goes_all_the_same(self, folder: FrameFolder, tmp_path: Path) -> None:
        folder.add("p1", [JPEG], at(0))
        (tmp_path / "gate.frames" / "p1-0.sealed").unlink()
        folder.sweep(DAYS, at(1_000))
        assert folder.kept() == []

    def test_of_a_car_that_is_judged_again_and_again_the_last_are_kept(
        self, folder: FrameFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(frames, "PASSAGE_MAX", 2)
        folder.add("p0", [JPEG], at(0))
        for _ in range(3):
            folder.add("p1", [JPEG], at(0))
        assert files(tmp_path) == ["p0-0.sealed", "p1-1.sealed", "p1-2.sealed"]

    def test_a_file_that_nothing_opens_goes_too(self, folder: FrameFolder, tmp_path: Path) -> None:
        folder.add("p1", [JPEG], at(0))
        (tmp_path / "gate.frames" / "p2-0.sealed").write_bytes(b"its salt was lost")
        folder.sweep(DAYS, at(1))
        assert files(tmp_path) == ["p1-0.sealed"]

    def test_they_are_written_where_somebody_asks_for_them(self, folder: FrameFolder, tmp_path: Path) -> None:
        folder.add("p1", [JPEG], at(0))
        [written] = export(folder, "p1", tmp_path / "out")
        assert written.read_bytes() == JPEG
        with pytest.raises(NotFound):
            export(folder, "p2", tmp_path / "out")


class TestKeeper:
    @pytest.fixture
    def seen(self) -> Frame:
        return Frame(np.full((90, 160, 3), 128, np.uint8), 0)

    async def test_what_is_added_is_on_the_disk_soon(self, tmp_path: Path, seen: Frame) -> None:
        keeper = FrameKeeper(tmp_path / "gate.frames", SEAL, lambda: NOW, lambda: DAYS)
        async with running(keeper.run()):
            keeper.add("p1", [seen])
            await soon(_until(lambda: files(tmp_path) == ["p1-0.sealed"] and not keeper._waiting))
        folder = FrameFolder(tmp_path / "gate.frames", SEAL)
        [jpeg] = folder.jpegs("p1")
        folder.close()
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape == seen.pixels.shape

    async def test_none_is_kept_twice(self, tmp_path: Path, seen: Frame) -> None:
        keeper = FrameKeeper(tmp_path / "gate.frames", SEAL, lambda: NOW, lambda: DAYS)
        keeper.add("p1", [seen])
        keeper.add("p1", [seen, Frame(seen.pixels, 66)])
        await soon(_until(lambda: keeper._waiting == 0))
        assert files(tmp_path) == ["p1-0.sealed", "p1-1.sealed"]

    async def test_nothing_is_where_the_policy_keeps_none(self, tmp_path: Path, seen: Frame) -> None:
        keeper = FrameKeeper(tmp_path / "gate.frames", SEAL, lambda: NOW, timedelta)
        keeper.add("p1", [seen])
        assert keeper._waiting == 0

    async def test_what_is_old_goes_by_itself(
        self, folder: FrameFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(frames, "SWEEP_EVERY_S", 0.01)
        folder.add("p1", [JPEG], at(0))
        later = Now(0, at(73))
        async with running(FrameKeeper(tmp_path / "gate.frames", SEAL, lambda: later, lambda: DAYS).run()):
            await soon(_until(lambda: files(tmp_path) == []))

    @pytest.mark.parametrize("hours", [-24 * 365, 24 * 365])
    async def test_nothing_is_old_while_nobody_trusts_the_clock(
        self, folder: FrameFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int
    ) -> None:
        """It says that they are a year old, or dated a year ahead."""
        folder.add("p1", [JPEG], at(0))
        looked_for_room: list[Path] = []

        def usage(path: Path) -> SimpleNamespace:
            looked_for_room.append(path)
            return SimpleNamespace(total=100, free=50)

        monkeypatch.setattr(shutil, "disk_usage", usage)
        keeper = FrameKeeper(tmp_path / "gate.frames", SEAL, lambda: Now(0, at(hours), Trust.NONE), lambda: DAYS)
        async with running(keeper.run()):
            await soon(_until(lambda: looked_for_room))
        assert files(tmp_path) == ["p1-0.sealed"]

    async def test_but_what_there_is_no_room_for_goes(
        self, folder: FrameFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder.add("p1", [JPEG], at(0))
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(total=100, free=4))
        now = Now(0, at(0), Trust.NONE)
        async with running(FrameKeeper(tmp_path / "gate.frames", SEAL, lambda: now, lambda: DAYS).run()):
            await soon(_until(lambda: files(tmp_path) == []))

    async def test_and_so_does_all_where_none_are_to_be_kept(self, folder: FrameFolder, tmp_path: Path) -> None:
        folder.add("p1", [JPEG], at(0))
        now = Now(0, at(-1), Trust.NONE)
        async with running(FrameKeeper(tmp_path / "gate.frames", SEAL, lambda: now, timedelta).run()):
            await soon(_until(lambda: files(tmp_path) == []))

    async def test_more_than_it_can_write_is_left_out(
        self, tmp_path: Path, seen: Frame, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(frames, "QUEUE_MAX", 2)
        keeper = FrameKeeper(tmp_path / "gate.frames", SEAL, lambda: NOW, lambda: DAYS)
        for number in range(5):
            keeper.add(f"p{number}", [seen])
        await soon(_until(lambda: keeper._waiting == 0))
        assert files(tmp_path) == ["p0-0.sealed", "p1-0.sealed"]

    async def test_a_disk_that_does_not_take_them_is_logged_once(
        self, tmp_path: Path, seen: Frame, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "gate.frames").write_text("a file where the folder should be")
        keeper = FrameKeeper(tmp_path / "gate.frames", SEAL, lambda: NOW, lambda: DAYS)
        for number in range(3):
            keeper.add(f"p{number}", [seen])
        await soon(_until(lambda: keeper._waiting == 0))
        assert caplog.text.count("gate.frames_not_kept") == 1


async def _until(what: object) -> None:
    assert callable(what)
    while not what():  # noqa: ASYNC110  a thread that says nothing by itself
        await asyncio.sleep(0.01)
