"""`gatehouse bench replica`: what a gate's copy of a large lot takes, on disk and in time.

A hub's log of a fortnight goes to a gate, through both ends of the link and the wire's JSON, and both prune it as they
would. Then a gate comes back that was away for a week, and one with a new disk. MQTT between them is not measured.
"""

import asyncio
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cloud_sync.link.digest import Comparisons
from cloud_sync.link.journal import Journal
from cloud_sync.link.log import Position
from cloud_sync.link.pruning import Pruning
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.sending import Sender
from cloud_sync.link.settings import REPLAY_KEEP_DAYS
from cloud_sync.link.store import Store
from cloud_sync.link.v1.messages import BATCH_MAX, Ack, Facts
from domain.errors import OperatorError
from domain.now import Now
from gate_firmware.compared import ComparedReplica
from gate_firmware.replica import Replica
from hub.service import GATES_FORGET
from simulator.bench.figure import Figure
from simulator.bench.fortnight import BEGINS, GATE, LOT, Scale, Told, days, layout

FACTS_MAX = 10_000_000
KEEP = timedelta(days=REPLAY_KEEP_DAYS)
Say = Callable[[str], None]


@dataclass(slots=True)
class Took:
    """A gate's own time: all of it, and of the longest step that nothing else can come between."""

    all_ms: float = 0.0
    longest_ms: float = 0.0
    facts: int = 0


class _Hub:
    """A hub's log, and what it sends."""

    def __init__(self, store: Store) -> None:
        self.journal = Journal(store, LOT, "boot")
        self.now = Now(0, BEGINS)

    def tell(self, told: Sequence[Told]) -> None:
        with self.journal.transaction():
            for at, payload in told:
                self.now = _at(at)
                self.journal.append(payload, self.now)


class _Gate:
    """A gate's copy, at the other end."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.took = Took()
        self.journal = Journal(store, GATE, "boot")
        replica = Replica(store)
        self._receiver = Receiver(LOT, self.journal, replica.apply, forget=replica.forget, copy=ComparedReplica(store))

    def heard(self, message: bytes) -> bytes:
        began_s = time.perf_counter()
        ack = self._receiver.heard(Facts.decode(message)).encode()
        took_ms = 1_000 * (time.perf_counter() - began_s)
        self.took.all_ms += took_ms
        self.took.longest_ms = max(self.took.longest_ms, took_ms)
        return ack


async def replica(folder: Path, say: Say, scale: Scale = Scale()) -> list[Figure]:
    """Measure in `folder`, which is empty and on the disk that is meant. Raises OperatorError where a copy is wrong."""
    return await asyncio.to_thread(_replica, folder, say, scale)


def _replica(folder: Path, say: Say, scale: Scale) -> list[Figure]:
    with ExitStack() as closing:

        def opened(name: str) -> Store:
            store = Store(folder / name)
            closing.callback(store.close)
            return store

        hub, gate = _Hub(opened("hub.db")), _Gate(opened("gate.db"))
        sender = Sender(hub.journal, GATE)
        hub.tell(list(layout(scale)))
        _deliver(sender, gate, sender.connected(hub.now), hub.now)
        for number, told in enumerate(days(scale), start=1):
            for begin in range(0, len(told), BATCH_MAX):
                hub.tell(told[begin : begin + BATCH_MAX])
                _deliver(sender, gate, sender.appended(hub.now), hub.now)
            _prune(hub.journal, GATE, hub.now)
            _prune(gate.journal, LOT, hub.now)
            say(f"day {number}/{scale.days}: {len(told):,} facts")
            if number == scale.days - scale.away:
                gate.store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                shutil.copy(folder / "gate.db", folder / "away.db")
                seen = gate.journal.cursor(LOT).position
        gate.took = Took()
        _compare(hub, gate)
        compared = gate.took
        away = _Gate(opened("away.db"))
        away.took.facts = len(hub.journal.after(seen, FACTS_MAX))
        returning = Sender(hub.journal, f"{GATE} away", forgets=GATES_FORGET)
        _deliver(returning, away, returning.connected(hub.now), hub.now)
        _compare(hub, away)
        fresh = _Gate(opened("new.db"))
        fresh.took.facts = len(hub.journal.snapshot(Position(), Position(), hub.now.utc - GATES_FORGET)[1])
        arriving = Sender(hub.journal, f"{GATE} new", forgets=GATES_FORGET)
        _deliver(arriving, fresh, arriving.connected(hub.now), hub.now)
        _compare(hub, fresh)
        say("all three copies are as they should be")
        return _figures(scale, folder, {"kept": gate, "away": away, "new": fresh}, compared)


def _figures(scale: Scale, folder: Path, gates: dict[str, _Gate], compared: Took) -> list[Figure]:
    for gate in gates.values():
        gate.store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    lot = f"{scale.days} days of {scale.a_day:,} bookings on {scale.spots:,} spots"
    rows = "SELECT (SELECT count(*) FROM rights), (SELECT count(*) FROM fact)"
    rights, facts = gates["kept"].store.connection.execute(rows).fetchone()
    new, away = gates["new"].took, gates["away"].took
    kept = f"{lot}; {rights:,} bookings, and {facts:,} of the hub's facts to hand back ({REPLAY_KEEP_DAYS} days)"
    return [
        Figure("replica_disk", (folder / "gate.db").stat().st_size, "bytes", None, "lower", kept),
        Figure("replica_new_disk", (folder / "new.db").stat().st_size, "bytes", None, "lower", "after a snapshot"),
        Figure("replica_compare", _ms(compared.all_ms), "ms", None, "lower", f"all of it; {_longest(compared)}"),
        Figure("replica_snapshot", _ms(new.all_ms), "ms", None, "lower", f"{new.facts:,} facts; {_longest(new)}"),
        Figure("replica_week", _ms(away.all_ms), "ms", None, "lower", f"{away.facts:,} facts; {_longest(away)}"),
    ]


def _longest(took: Took) -> str:
    return f"the longest step {took.longest_ms:,.0f} ms; the gate's side, without MQTT"


def _ms(value: float) -> float:
    return float(f"{value:.3g}")


def _deliver(sender: Sender, gate: _Gate, messages: Iterable[Facts], now: Now) -> None:
    """Carry all to and fro until nothing is left to be said."""
    waiting = list(messages)
    while waiting:
        waiting += sender.acked(Ack.decode(gate.heard(waiting.pop(0).encode())), now)


def _compare(hub: _Hub, gate: _Gate) -> None:
    """Compare as the link does, each page in turn."""
    sender = Sender(hub.journal, f"{GATE} compared", comparisons=Comparisons(hub.journal, GATE, _differs))
    _deliver(sender, gate, sender.connected(hub.now), hub.now)
    due_ms = sender.next_wakeup_ms()
    assert due_ms is not None, "it is compared some time"
    later = hub.now.later(due_ms - hub.now.mono_ms)
    _deliver(sender, gate, sender.woken(later), later)


def _differs(_name: str, detail: str) -> None:
    raise OperatorError("bench_failed", detail)


def _prune(journal: Journal, other: str, now: Now) -> None:
    pruning = Pruning(journal, KEEP, [other], lambda: now)
    for unit in journal.units():
        place: Position | None = Position()
        while place is not None:
            place = pruning.prune(unit, place, now)


def _at(at: datetime) -> Now:
    return Now(int((at - BEGINS) / timedelta(milliseconds=1)), at)
