import errno
import os
import sqlite3
from pathlib import Path

import pytest

from cloud_sync.link import store as store_module
from cloud_sync.link.journal import Journal
from cloud_sync.link.store import Store, alone_on, is_failing
from domain.errors import OperatorError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "hub.db"


@pytest.fixture
def store(path: Path) -> Store:
    store = Store(path)
    store.connection.executescript("""
        CREATE TABLE spot (id INTEGER PRIMARY KEY);
        CREATE TABLE stay (spot INTEGER REFERENCES spot (id) DEFERRABLE INITIALLY DEFERRED);
    """)
    return store


def insert(store: Store, spot: int) -> None:
    store.connection.execute("INSERT INTO spot VALUES (?)", (spot,))


def spots(store: Store) -> list[int]:
    return [row["id"] for row in store.connection.execute("SELECT id FROM spot ORDER BY id")]


def test_a_power_cut_takes_back_no_commit(store: Store) -> None:
    pragmas = {
        name: store.connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5_000}


def test_all_is_kept(store: Store, path: Path) -> None:
    with store.transaction():
        insert(store, 1)
        insert(store, 2)
    store.close()
    assert spots(Store(path)) == [1, 2]


def test_or_nothing_is(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt), store.transaction():
        insert(store, 1)
        raise KeyboardInterrupt
    assert spots(store) == []
    assert not store.connection.in_transaction


def test_a_transaction_within_another_is_taken_back_alone(store: Store) -> None:
    with store.transaction():
        insert(store, 1)
        with pytest.raises(KeyError), store.transaction():
            insert(store, 2)
            raise KeyError
        with store.transaction():
            insert(store, 3)
    assert spots(store) == [1, 3]


def test_or_with_the_one_around_it(store: Store) -> None:
    with pytest.raises(KeyError), store.transaction():
        with store.transaction():
            insert(store, 1)
        raise KeyError
    assert spots(store) == []


def test_the_write_lock_is_taken_at_once(store: Store, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else two that had both read would both try to write, and one would fail in the middle of its work."""
    monkeypatch.setattr(store_module, "BUSY_TIMEOUT_MS", 0)
    other = Store(path)
    with store.transaction():
        with pytest.raises(sqlite3.OperationalError, match="locked"), other.transaction():
            pass
        assert spots(other) == [], "reading goes on"
    with other.transaction():
        insert(other, 1)
    assert spots(store) == [1]


def test_a_commit_that_fails_leaves_no_transaction_open(store: Store) -> None:
    """All later ones would be savepoints in it, and nothing would ever be stored again."""
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"), store.transaction():
        store.connection.execute("INSERT INTO stay VALUES (7)")
    assert not store.connection.in_transaction
    with store.transaction():
        insert(store, 7)
    assert spots(store) == [7]


def test_a_script_runs_within_the_transaction_that_is_open(store: Store) -> None:
    with pytest.raises(sqlite3.OperationalError, match="syntax error"), store.transaction():
        store.connection.executescript("""
            CREATE TABLE one (x); CREATE TABLE two (x);  -- a comment; with a semicolon
            CREATE TRIGGER three AFTER INSERT ON one BEGIN INSERT INTO two VALUES (';'); DELETE FROM one; END;
            CREATE TABL four (x);
        """)
    names = {row["name"] for row in store.connection.execute("SELECT name FROM sqlite_master")}
    assert names == {"spot", "stay"}


def test_a_trigger_of_a_script_is_whole(store: Store) -> None:
    store.connection.executescript("""
        CREATE TRIGGER no_seven BEFORE INSERT ON spot WHEN NEW.id = 7 BEGIN SELECT RAISE(ABORT, 'not; seven'); END;
    """)
    with pytest.raises(sqlite3.IntegrityError, match="not; seven"):
        insert(store, 7)


def test_a_file_that_is_no_database_is_the_operators(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"these are 16 bytes and then some more")
    with pytest.raises(OperatorError, match=r"hub\.db cannot be opened: file is not a database"):
        Store(path)


def test_so_is_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file where the folder should be")
    with pytest.raises(OperatorError, match=r"hub\.db cannot be opened"):
        Store(tmp_path / "var" / "hub.db")
    with pytest.raises(OperatorError, match="cannot be opened"):
        Store(tmp_path)


def test_a_file_is_one_units_for_good(path: Path) -> None:
    for _ in range(2):
        Store(path).claim("riverside")
    with pytest.raises(OperatorError, match="is the database of riverside; give hillside its own"):
        Store(path).claim("hillside")


def test_a_file_from_before_units_wrote_down_whose_it_is_is_taken_over(path: Path) -> None:
    Journal(Store(path), "riverside", "boot")
    Store(path).claim("riverside")
    with pytest.raises(OperatorError, match="is the database of riverside"):
        Store(path).claim("hillside")


@pytest.mark.parametrize(
    "table", ["stays (id)", "fact (id, text)", "owner (name)", "owner (name); CREATE TABLE fact (id)"]
)
def test_a_file_that_is_no_units_is_left_as_it_is(path: Path, table: str) -> None:
    store = Store(path)
    store.connection.executescript(f"CREATE TABLE {table};")
    with pytest.raises(OperatorError, match="is the database of something else; give riverside its own"):
        store.claim("riverside")
    columns = {row["sql"] for row in store.connection.execute("SELECT sql FROM sqlite_master")}
    assert columns == {f"CREATE TABLE {one.removeprefix('CREATE TABLE ')}" for one in table.split("; ")}


def test_so_is_one_that_does_not_say_whose_it_is_any_more(path: Path) -> None:
    store = Store(path)
    store.claim("riverside")
    store.connection.execute("DELETE FROM owner")
    with pytest.raises(OperatorError, match="is the database of nobody: it does not say whose it is"):
        store.claim("riverside")


class TestInPlace:
    @pytest.fixture
    def store(self, path: Path) -> Store:
        store = Store(path)
        with store.transaction():
            store.connection.execute("CREATE TABLE spot (id INTEGER PRIMARY KEY)")
        assert store.is_in_place
        return store

    @pytest.mark.parametrize("name", ["hub.db", "hub.db-wal"])
    def test_is_none_that_was_deleted(self, store: Store, path: Path, name: str) -> None:
        path.with_name(name).unlink()
        insert(store, 1)
        assert spots(store) == [1], "SQLite says nothing"
        assert not store.is_in_place

    def test_is_none_that_was_replaced(self, store: Store, path: Path, tmp_path: Path) -> None:
        Store(tmp_path / "another.db").close()
        (tmp_path / "another.db").rename(path)
        assert not store.is_in_place

    def test_is_one_that_is_copied_and_written(self, store: Store, path: Path) -> None:
        for number in range(3):
            insert(store, number)
            store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            Store(path).close()
        assert store.is_in_place

    def test_is_one_in_memory(self) -> None:
        assert Store(None).is_in_place


def test_two_processes_are_not_on_one_file(path: Path) -> None:
    with alone_on(path), pytest.raises(OperatorError, match="another process uses"), alone_on(path):
        pass
    with alone_on(path):
        pass


def test_a_store_in_memory_is_as_one_on_a_disk() -> None:
    store = Store(None)
    store.claim("riverside")
    assert store.is_in_memory
    with pytest.raises(OperatorError, match="is the database of riverside"):
        store.claim("hillside")


class TestADiskThatFails:
    """SQLite's own words for it, from files that really do not take what is written."""

    def test_is_told_of_each_transaction_whoever_takes_the_error(self, store: Store, path: Path) -> None:
        told: list[sqlite3.DatabaseError] = []
        store.when_failed = told.append
        insert(store, 1)
        wal = path.with_name(f"{path.name}-wal")
        [held] = [fd for fd in os.listdir("/proc/self/fd") if _links_to(fd) == str(wal)]
        read_only = os.open(wal, os.O_RDONLY)
        os.dup2(read_only, int(held))
        os.close(read_only)
        with pytest.raises(sqlite3.OperationalError) as raised, store.transaction():
            insert(store, 2)
        assert told == [raised.value]
        assert is_failing(raised.value)
        assert spots(store) == [1]

    def test_is_one_without_room(self, store: Store) -> None:
        pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
        store.connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(sqlite3.OperationalError) as raised, store.transaction():
            for number in range(10_000):
                insert(store, number)
        assert is_failing(raised.value)

    def test_is_not_what_is_wrong_with_a_statement(self, store: Store) -> None:
        for sql in ("SELECT * FROM nothing", "INSERT INTO stay VALUES (7)", "SELEKT"):
            with pytest.raises(sqlite3.DatabaseError) as raised:
                store.connection.execute(sql)
            assert not is_failing(raised.value)

    @pytest.mark.parametrize(
        ("number", "fails"),
        [(errno.EIO, True), (errno.EROFS, True), (errno.ENOSPC, True), (errno.EACCES, False), (errno.ENOTDIR, False)],
    )
    def test_has_another_code_than_one_that_is_denied(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, number: int, *, fails: bool
    ) -> None:
        def refused(*_: object, **__: object) -> int:
            raise OSError(number, os.strerror(number), str(path))

        path.parent.mkdir()
        (path.parent / "a folder").mkdir()
        monkeypatch.setattr("cloud_sync.link.store.os.open", refused)
        for use in (lambda: Store(path.parent / "a folder"), lambda: alone_on(path).__enter__()):
            with pytest.raises(OperatorError) as raised:
                use()
            assert raised.value.code == ("store_fails" if fails else "store_unusable")


def _links_to(fd: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""
