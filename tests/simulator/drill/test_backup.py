"""The deployed litestream files, and what litestream makes of them."""

import itertools
import re
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from cloud_sync.link.store import Store
from domain.errors import OperatorError
from simulator.demo.driver import until
from simulator.demo.supervisor import Supervisor, Unit
from simulator.drill.backup import DEPLOY, Backup, Level, backup
from tests.parts import PATIENCE_S, soon

FACTS_KEPT_H = 7 * 24
"""How long peers keep facts to give them back (docs/backup.md)."""
ROWS = 100


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for folder in ("config", "data", "logs"):
        (tmp_path / folder).mkdir()
    return tmp_path


def count(path: Path) -> int:
    with closing(Store(path)) as store:
        return int(store.connection.execute("SELECT count(*) FROM row").fetchone()[0])


def a_unit(made: Backup) -> Unit:
    """Whose database it is: a process that does nothing."""

    async def ready() -> bool:
        return True

    return Unit(made.database.stem, ("sleep", str(PATIENCE_S)), made.unit.log.with_name("unit.log"), ready)


@pytest.mark.parametrize("level", ["hub", "central"])
def test_no_backup_is_older_than_what_peers_can_give_back(level: Level) -> None:
    [kept_h] = re.findall(r"^  retention: (\d+)h$", (DEPLOY / f"{level}.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert int(kept_h) < FACTS_KEPT_H


@pytest.mark.parametrize("level", ["hub", "central"])
async def test_what_was_copied_comes_back_after_a_kill_with_the_disk_gone(site: Path, level: Level) -> None:
    made = backup(site, level, "riverside")
    async with Supervisor() as supervisor:
        supervisor.add(made.unit)
        supervisor.add(a_unit(made))
        store = Store(made.database)
        await supervisor.start(made.name, made.database.stem)
        with store.transaction():
            store.connection.execute("CREATE TABLE row (number INTEGER)")
            store.connection.executemany("INSERT INTO row VALUES (?)", [(number,) for number in range(ROWS)])

        looks = itertools.count()

        async def copied() -> bool:
            """What the backup gives back by now: the first of it may be from before there were rows."""
            look = site / f"look-{next(looks)}.db"
            with suppress(OperatorError, sqlite3.OperationalError):
                await made.restore(look)
                return count(look) == ROWS
            return False

        await until(copied, bool, "copied")
        lost = await soon(made.lose_disk(supervisor, site / "lost"))
        store.close()
        assert not list((site / "data").iterdir())
        await made.restore()
        await made.restore(site / "twin.db")
        assert [count(path) for path in (lost, made.database, site / "twin.db")] == [ROWS] * 3


async def test_without_a_backup_the_operator_is_told(site: Path) -> None:
    with pytest.raises(OperatorError, match=r"riverside\.backup"):
        await backup(site, "hub", "riverside").restore()
