"""Debian's PostgreSQL and Redis on loopback, for as long as a bench lasts, with everything of theirs in its folder."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from psycopg import AsyncConnection, OperationalError
from redis.exceptions import ConnectionError as NotThere

from domain.errors import OperatorError
from simulator.bench.redis_postgres import Servers
from simulator.demo.supervisor import Unit

POSTGRES_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 100
shared_buffers = 256MB
max_wal_size = 4GB
# What is answered is on disk. These are the defaults, said so that nobody need look.
fsync = on
synchronous_commit = on
full_page_writes = on
"""
REDIS_SETTINGS = """
bind 127.0.0.1
# Locks live for milliseconds: nothing of them is worth a disk.
save ""
appendonly no
"""
_NOT_ROOT = ("postgres", "nobody")
"""PostgreSQL refuses to run as root; Debian's package brings the first of these."""


def postgres(folder: Path, servers: Servers) -> Unit:
    """Make a database cluster in `folder`; returns its server. Raises OperatorError where that cannot be done."""
    data, password = folder / "postgres", folder / "postgres.password"
    data.mkdir(parents=True)
    password.touch(0o600)
    password.write_text(servers.password, encoding="ascii")
    run_as: tuple[str, ...] = ()
    if os.geteuid() == 0:
        user = _somebody()
        os.chown(data, user.pw_uid, user.pw_gid)
        os.chown(password, user.pw_uid, user.pw_gid)
        who = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
        run_as = ("setpriv", *who, "--pdeathsig", "TERM", "--")
    made = subprocess.run(  # noqa: S603 our own arguments, no shell
        [*run_as, _postgres("initdb"), "--username=bench", "--auth=scram-sha-256", f"--pwfile={password}",
         "--encoding=UTF8", "--locale=C", "--no-instructions", f"--pgdata={data}"],
        capture_output=True, text=True, check=False, cwd="/",
    )  # fmt: skip
    password.unlink()
    if made.returncode != 0:
        raise OperatorError("postgresql_failed", f"initdb does not work in {data}: {made.stderr.strip()}; try --dir")
    with (data / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write(POSTGRES_SETTINGS)

    async def ready() -> bool:
        try:
            await (await AsyncConnection.connect(servers.postgres)).close()
        except OperationalError:
            return False
        return True

    command = (*run_as, _postgres("postgres"), "-D", str(data), "-p", str(servers.postgres_port))
    return Unit("postgresql", command, folder / "postgresql.log", ready)


def redis(folder: Path, servers: Servers) -> Unit:
    """Write a configuration into `folder`; returns its server. Raises OperatorError where Redis is missing."""
    found = shutil.which("redis-server")
    if found is None:
        raise OperatorError("redis_missing", "redis-server is not installed; run apt-get install redis-server")
    config = folder / "redis.conf"
    config.touch(0o600)
    config.write_text(
        f"{REDIS_SETTINGS}port {servers.redis_port}\nrequirepass {servers.password}\ndir {folder}\n", encoding="utf-8"
    )

    async def ready() -> bool:
        client = servers.redis(1)
        try:
            return bool(await client.ping())
        except NotThere:
            return False
        finally:
            await client.aclose()

    return Unit("redis", (found, str(config)), folder / "redis.log", ready)


def _somebody() -> pwd.struct_passwd:
    for name in _NOT_ROOT:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise OperatorError("postgresql_failed", "PostgreSQL does not run as root, and there is no user postgres")


def _postgres(program: str) -> str:
    """Debian keeps each version's programs in a folder of its own, which is on nobody's path."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), key=lambda path: int(path.parts[-3]))
    found = str(versions[-1]) if versions else shutil.which(program)
    if found is None:
        raise OperatorError("postgresql_missing", "PostgreSQL is not installed; run apt-get install postgresql")
    return found
