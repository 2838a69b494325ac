"""What a team would otherwise build: a Redis lock on the spot around a PostgreSQL transaction that locks its row.

The lock keeps those who want the same spot from queueing inside the database. It is taken with SET NX PX and released
by a script that deletes it only where it is still ours. As it may run out under its holder, the transaction is right
without it: it locks the spot's row, looks for a reservation that overlaps, and stores the hold with a row of the outbox
in one durable commit.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool
from redis.asyncio import BlockingConnectionPool, Redis

from simulator.bench.asks import HOLD, LOT, SPOTS, Ask

LOCK_MS = 10_000
LOCK_WAIT_S = 30.0
RETRY_MS_FIRST, RETRY_MS_MAX = 16.0, 256.0
"""How long somebody waits before they try a lock again, at random up to these; it doubles. Of what was
tried, from 1 to 8 up, these let most holds through where 64 clients want four spots: asking oftener is work too."""

SCHEMA = """
    CREATE TABLE spot (spot_id text PRIMARY KEY, kind text NOT NULL, in_service boolean NOT NULL);
    CREATE TABLE reservation (
        reservation_id text PRIMARY KEY, spot_id text NOT NULL REFERENCES spot, status text NOT NULL,
        user_id text NOT NULL, vehicle_id text NOT NULL, driver_name text NOT NULL, vehicle_type text NOT NULL,
        plate_box text NOT NULL, plate_mark text NOT NULL,
        start_time timestamptz NOT NULL, end_time timestamptz NOT NULL CHECK (end_time > start_time),
        price_minor integer NOT NULL, currency text NOT NULL, hold_expires_at timestamptz
    );
    CREATE INDEX reservation_by_spot ON reservation (spot_id, start_time)
        WHERE status IN ('held', 'confirmed', 'checked_in');
    CREATE TABLE outbox (seq bigserial PRIMARY KEY, kind text NOT NULL, payload jsonb NOT NULL);
"""
_LOCK_SPOT = "SELECT kind FROM spot WHERE spot_id = %s AND in_service FOR UPDATE"
_OVERLAP = (
    "SELECT 1 FROM reservation WHERE spot_id = %s AND status IN ('held', 'confirmed', 'checked_in')"
    " AND start_time < %s AND end_time > %s AND (status <> 'held' OR hold_expires_at > %s) LIMIT 1"
)
_HOLD = "INSERT INTO reservation VALUES (%s, %s, 'held', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
_TELL = "INSERT INTO outbox (kind, payload) VALUES ('reservation.changed', %s)"
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the two are, on loopback."""

    postgres_port: int
    redis_port: int
    password: str

    @property
    def postgres(self) -> str:
        return f"host=127.0.0.1 port={self.postgres_port} user=bench dbname=postgres password={self.password}"

    def redis(self, connections: int) -> Redis:
        pool: BlockingConnectionPool = BlockingConnectionPool(
            host="127.0.0.1", port=self.redis_port, password=self.password, max_connections=connections, timeout=None
        )
        return Redis.from_pool(pool)


class LockAndRows:
    """Holds spots; what it grants is durable."""

    def __init__(self, redis: Redis, pool: AsyncConnectionPool[AsyncConnection]) -> None:
        self._redis = redis
        self._pool = pool
        self._release = redis.register_script(_RELEASE)
        self._chance = random.Random()  # noqa: S311  when to try again

    async def hold(self, ask: Ask) -> bool:
        """Whether the spot is the driver's now; it is somebody else's in that window if not."""
        async with self._locked(f"lock:{ask.spot_id}"), self._pool.connection() as connection:
            now = datetime.now(UTC)
            found = await connection.execute(_LOCK_SPOT, (ask.spot_id,))
            if await found.fetchone() is None:
                raise LookupError(ask.spot_id)
            found = await connection.execute(_OVERLAP, (ask.spot_id, ask.end, ask.start, now))
            if await found.fetchone() is not None:
                return False
            expires_at = now + HOLD
            await connection.execute(
                _HOLD,
                (ask.reservation_id, ask.spot_id, ask.user_id, "v1", "Ada", "standard", PLATE_BOX, PLATE_MARK,
                 ask.start, ask.end, 1250, "EUR", expires_at),
            )  # fmt: skip
            await connection.execute(_TELL, (_told(ask, expires_at),))
        return True

    @asynccontextmanager
    async def _locked(self, name: str) -> AsyncIterator[None]:
        token, retry_ms = token_hex(16), RETRY_MS_FIRST
        async with asyncio.timeout(LOCK_WAIT_S):
            while not await self._redis.set(name, token, nx=True, px=LOCK_MS):
                await asyncio.sleep(self._chance.uniform(0, retry_ms) / 1000)
                retry_ms = min(2 * retry_ms, RETRY_MS_MAX)
        try:
            yield
        finally:
            await self._release(keys=[name], args=[token])


PLATE_BOX, PLATE_MARK = "5e" * 35, "a5" * 32
"""A sealed plate is as long."""


def _told(ask: Ask, expires_at: datetime) -> str:
    return json.dumps(
        {
            "reservation_id": ask.reservation_id,
            "revision": 1,
            "status": "held",
            "spot_id": ask.spot_id,
            "user_id": ask.user_id,
            "vehicle_id": "v1",
            "vehicle_type": "standard",
            "plate": {"box": PLATE_BOX, "mark": PLATE_MARK},
            "start_time": ask.start.isoformat(),
            "end_time": ask.end.isoformat(),
            "price": {"amount_minor": 1250, "currency": "EUR"},
            "hold_expires_at": expires_at.isoformat(),
            "cause": "held",
        }
    )


@asynccontextmanager
async def lock_and_rows(servers: Servers, clients: int, connections: int) -> AsyncIterator[LockAndRows]:
    """So many clients' way to the servers, connected; they share so many connections to PostgreSQL."""
    redis = servers.redis(clients)
    pool = AsyncConnectionPool(
        servers.postgres, min_size=connections, max_size=connections, open=False, kwargs={"prepare_threshold": 0}
    )
    try:
        await asyncio.gather(*(redis.ping() for _ in range(clients)))
        await pool.open(wait=True)
        yield LockAndRows(redis, pool)
    finally:
        await pool.close()
        await redis.aclose()


async def lay_out(servers: Servers) -> None:
    """Make the tables and the lot's spots, anew."""
    async with await AsyncConnection.connect(servers.postgres) as connection:
        await connection.execute("DROP TABLE IF EXISTS outbox, reservation, spot")
        await connection.execute(SCHEMA)
        async with connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO spot VALUES (%s, 'standard', true)",
                [(f"{LOT}.1-{number:03}",) for number in range(1, SPOTS + 1)],
            )
    async with await AsyncConnection.connect(servers.postgres, autocommit=True) as connection:
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")


async def stored(servers: Servers) -> tuple[int, int]:
    """How many holds are in the database, and how many pairs of them overlap on a spot."""
    async with await AsyncConnection.connect(servers.postgres) as connection:
        found = await connection.execute(
            "SELECT (SELECT count(*) FROM reservation JOIN outbox ON payload ->> 'reservation_id' = reservation_id),"
            " (SELECT count(*) FROM reservation a JOIN reservation b ON a.spot_id = b.spot_id"
            " AND a.reservation_id < b.reservation_id AND a.start_time < b.end_time AND b.start_time < a.end_time)"
        )
        row = await found.fetchone()
    assert row is not None, "an aggregate has one row"
    return int(row[0]), int(row[1])
