"""What is left of a real SQLite store when its process or its machine dies, and when its disk is lost."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from cloud_sync.link.store import Store
from simulator.world.disk import Disk, watched
from simulator.world.process import Died, How, Place, Process
from tests.simulator.world.worlds import Deaths, on_virtual_time

FULL, NORMAL = "FULL", "NORMAL"


def lived(disk: Disk, life: Callable[[Process], None]) -> None:
    """One process's life on `disk`, until its code ends or it dies."""

    async def run() -> None:
        process = Process("hub", Deaths())
        with suppress(Died):
            process.context.run(life, process)
        process.die(How.STOP, "the end")
        await process.gone()
        for connection in process.connections:
            connection.close()

    with watched(lambda _, synchronous: disk.committed(synchronous)):
        on_virtual_time(run())


def writes(disk: Disk, *numbers: int, synchronous: str = FULL, dies: Callable[[], None]) -> None:
    """A process that writes each number in a transaction of its own; `dies` is what becomes of the disk then."""

    def life(process: Process) -> None:
        store = Store(disk.path)
        store.connection.execute(f"PRAGMA synchronous = {synchronous}")
        store.connection.execute("CREATE TABLE IF NOT EXISTS number (n INTEGER)")
        for number in numbers:
            with store.transaction():
                store.connection.execute("INSERT INTO number VALUES (?)", (number,))
        dies()

    lived(disk, life)


def left(disk: Disk) -> list[int]:
    if not disk.path.exists():
        return []
    connection = sqlite3.connect(disk.path)
    try:
        return [row[0] for row in connection.execute("SELECT n FROM number ORDER BY n")]
    finally:
        connection.close()


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path, "hub")


@pytest.mark.parametrize("synchronous", [FULL, NORMAL])
def test_a_process_that_is_killed_leaves_all_that_it_has_committed(disk: Disk, synchronous: str) -> None:
    writes(disk, 1, 2, 3, synchronous=synchronous, dies=disk.keep_all)
    assert left(disk) == [1, 2, 3]


def test_a_power_cut_takes_nothing_that_was_synced(disk: Disk) -> None:
    writes(disk, 1, 2, 3, dies=disk.keep_synced)
    assert left(disk) == [1, 2, 3]


def test_a_power_cut_takes_what_was_not(disk: Disk) -> None:
    writes(disk, 1, 2, dies=disk.keep_all)
    writes(disk, 3, 4, synchronous=NORMAL, dies=disk.keep_synced)
    assert left(disk) == [1, 2]


def test_what_survived_one_power_cut_survives_the_next(disk: Disk) -> None:
    writes(disk, 1, dies=disk.keep_synced)
    writes(disk, dies=disk.keep_synced)
    assert left(disk) == [1]


def test_what_a_process_was_in_the_middle_of_is_gone(disk: Disk) -> None:
    def life(process: Process) -> None:
        store = Store(disk.path)
        store.connection.execute("CREATE TABLE number (n INTEGER)")
        process.doom(Place.BEFORE_COMMIT, 2, How.CRASH)
        for number in (1, 2):
            with store.transaction():
                store.connection.execute("INSERT INTO number VALUES (?)", (number,))

    lived(disk, life)
    disk.keep_all()
    assert left(disk) == [1]


def test_a_process_that_dies_after_its_commit_has_committed(disk: Disk) -> None:
    def life(process: Process) -> None:
        store = Store(disk.path)
        store.connection.execute("CREATE TABLE number (n INTEGER)")
        process.doom(Place.AFTER_COMMIT, 1, How.CRASH)
        with store.transaction():
            store.connection.execute("INSERT INTO number VALUES (1)")

    lived(disk, life)
    disk.keep_all()
    assert left(disk) == [1]


def test_what_the_dead_do_while_they_unwind_is_on_no_disk(disk: Disk) -> None:
    def life(_process: Process) -> None:
        store = Store(disk.path)
        store.connection.execute("CREATE TABLE number (n INTEGER)")
        disk.keep_all()
        store.connection.execute("INSERT INTO number VALUES (1)")

    lived(disk, life)
    assert left(disk) == []


def test_a_lost_disk_is_empty_and_its_copy_is_not(disk: Disk) -> None:
    writes(disk, 1, dies=lambda: None)
    kept = disk.lost_copy("now")
    disk.keep_nothing()
    assert left(disk) == []
    assert sqlite3.connect(kept).execute("SELECT n FROM number").fetchall() == [(1,)]


def test_a_restored_disk_is_as_it_was_backed_up(disk: Disk) -> None:
    writes(disk, 1, dies=lambda: disk.back_up("a"))
    writes(disk, 2, dies=lambda: disk.restore("a"))
    assert left(disk) == [1]
    writes(disk, 3, dies=disk.keep_synced)
    assert left(disk) == [1, 3]
