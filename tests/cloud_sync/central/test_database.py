"""The database: one process, all or nothing, honest about what it cannot open."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlmodel import select

from cloud_sync.central.database import Database
from cloud_sync.central.tables import SchemaVersion, SpotCopy
from domain.errors import OperatorError


def spot(spot_id: str) -> SpotCopy:
    return SpotCopy(spot_id=spot_id, lot_id="riverside", kind="ev", in_service=True)


def spots(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.exec(select(SpotCopy.spot_id)).all())


def add_and_fail(database: Database, spot_id: str) -> None:
    with database.transaction() as session:
        session.add(spot(spot_id))
        raise RuntimeError


def test_all_or_nothing_also_within(database: Database) -> None:
    with pytest.raises(RuntimeError):
        add_and_fail(database, "a")
    with database.transaction() as session:
        session.add(spot("b"))
        with pytest.raises(RuntimeError):
            add_and_fail(database, "c")
        assert database.in_transaction
        with database.reading() as same:
            assert same is session
    assert spots(database) == ["b"]
    assert not database.in_transaction


def test_reading_does_not_wait_for_who_writes(database: Database) -> None:
    seen: list[list[str]] = []
    with database.transaction() as session:
        session.add(spot("a"))
        session.flush()
        reader = threading.Thread(target=lambda: seen.append(spots(database)))
        reader.start()
        reader.join(timeout=20)
    assert seen == [[]], "what is not committed is not seen"


def test_what_is_committed_is_on_the_disk(database: Database) -> None:
    with database.reading() as session:
        assert session.execute(text("PRAGMA synchronous")).scalar_one() == 2
        assert session.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    url = make_url(f"sqlite:///{tmp_path}/central.db")
    first = Database(url)
    with pytest.raises(OperatorError, match="another process uses"):
        Database(url)
    first.close()
    Database(url).close()


def test_what_cannot_be_opened_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no database at all, but long enough to be looked at" * 10)
    for name in ("file", "file/below"):
        with pytest.raises(OperatorError) as error:
            Database(make_url(f"sqlite:///{tmp_path}/{name}"))
        assert error.value.code == "database_unusable"
    with pytest.raises(OperatorError, match="cannot be opened"):
        Database(make_url("postgresql+nothing://127.0.0.1/central"))


def test_a_database_of_another_version_is_left_alone(tmp_path: Path) -> None:
    url = make_url(f"sqlite:///{tmp_path}/central.db")
    database = Database(url)
    with database.transaction() as session:
        session.get_one(SchemaVersion, 1).version = 99
        session.execute(text("DROP TABLE withdrawals"))
    database.close()
    with pytest.raises(OperatorError, match="schema 99"):
        Database(url)
    with closing(sqlite3.connect(tmp_path / "central.db")) as left:
        assert left.execute("SELECT 1 FROM sqlite_master WHERE name = 'withdrawals'").fetchall() == []


def test_writers_take_turns_and_none_starves(database: Database) -> None:
    """SQLite's own waiting is polling with a time limit; here each writer comes to its turn."""
    count = 40

    def write(number: int) -> None:
        with database.transaction() as session:
            session.add(spot(f"{number:02}"))

    writers = [threading.Thread(target=write, args=(number,)) for number in range(count)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=20)
    assert len(spots(database)) == count
