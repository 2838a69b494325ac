"""A carrier that loses, doubles, reorders and delays; the two ends of a log on it crash and come back.

`LogMachine` is hypothesis's to drive. What it checks, it checks from outside: in the receiver's database, by the table
that applying a fact writes to.
"""

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cloud_sync.link import log
from cloud_sync.link.journal import Journal
from cloud_sync.link.log import RESEND_MS_MAX, Position, Receiver, Sender
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import AlarmRaised
from cloud_sync.link.v1.messages import Ack, Facts, WireFact
from domain.errors import BadInput, PeerError
from domain.fact import Fact, FactRef
from domain.now import Now
from tests.parts import NOON

GATE, HUB = "riverside.entry-1", "riverside"
BATCH_MAX, IN_FLIGHT_MAX = 3, 7
PLACES = st.sampled_from([0, 0, 0, 1, 2, 5])  # mostly in order
HEALED_STEPS_MAX = 2_000
"""How many messages may go to and fro, once nothing is lost any more, until all has arrived."""


class PowerCut(BaseException):
    """The receiver's computer is gone in the middle of a transaction."""


class LogMachine(RuleBasedStateMachine):
    sender_of: Callable[[Journal, str], Sender] = Sender
    receiver_of: Callable[[str, Journal, Callable[[Fact], None]], Receiver] = Receiver

    def __init__(self) -> None:
        super().__init__()
        self._open = ExitStack()
        self._open.enter_context(mock.patch.object(log, "BATCH_MAX", BATCH_MAX))
        self._open.enter_context(mock.patch.object(log, "IN_FLIGHT_MAX", IN_FLIGHT_MAX))
        self._folder = Path(self._open.enter_context(TemporaryDirectory()))
        self._now = Now(1_000, NOON)
        self._to_hub: list[bytes] = []
        self._to_gate: list[bytes] = []
        self._up = False
        self._cut_at: int | None = None
        self._sent_seq = 0
        self._violated = False

    @initialize()
    def begin(self) -> None:
        self.gate_restarts()
        self.hub_restarts()
        self.link_comes_up()

    # What the units do

    @rule(details=st.lists(st.sampled_from(["news", "junk", "nonsense"]), min_size=1, max_size=4))
    def something_happens(self, details: list[str]) -> None:
        for detail in details:
            with self._gate.transaction():
                self._gate.append(AlarmRaised(alarm="test", detail=detail), self._now)
        self._send(self._sender.appended(self._now))

    @rule()
    def gate_restarts(self) -> None:
        self._gate_store = self._reopened("gate")
        self._gate = Journal(self._gate_store, GATE, "boot")
        self._sender = type(self).sender_of(self._gate, HUB)
        if self._up:
            self._send(self._sender.connected(self._now))

    @rule()
    def hub_restarts(self) -> None:
        self._hub_store = self._reopened("hub")
        self._hub_store.connection.execute("CREATE TABLE IF NOT EXISTS effect (n INTEGER PRIMARY KEY, seq, detail)")
        self._hub = Journal(self._hub_store, HUB, "boot")
        self._receiver = type(self).receiver_of(GATE, self._hub, self._apply)
        if self._up:
            self._answer(self._receiver.opening())

    @rule()
    def hub_is_backed_up(self) -> None:
        self._hub_store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(self._folder / "hub.db", self._folder / "backup")

    @precondition(lambda self: (self._folder / "backup").exists())
    @rule()
    def hub_is_restored(self) -> None:
        self._hub_store.close()
        shutil.copy(self._folder / "backup", self._folder / "hub.db")
        self.hub_restarts()

    # What the carrier does

    @precondition(lambda self: self._to_hub)
    @rule(place=PLACES)
    def facts_arrive(self, place: int) -> None:
        self._receive(self._to_hub.pop(place % len(self._to_hub)))

    @precondition(lambda self: self._to_hub)
    @rule(place=PLACES, after=st.integers(0, BATCH_MAX - 1))
    def power_is_cut_while_facts_arrive(self, place: int, after: int) -> None:
        self._cut_at = after
        self._receive(self._to_hub.pop(place % len(self._to_hub)))
        self._cut_at = None

    @precondition(lambda self: self._to_gate)
    @rule(place=PLACES)
    def ack_arrives(self, place: int) -> None:
        self._hear(self._to_gate.pop(place % len(self._to_gate)))

    @precondition(lambda self: self._to_hub or self._to_gate)
    @rule(place=PLACES, facts=st.booleans(), doubled=st.booleans())
    def message_is_lost_or_doubled(self, place: int, facts: bool, doubled: bool) -> None:
        queue = self._to_hub if facts else self._to_gate
        if queue and doubled:
            queue.append(queue[place % len(queue)])
        elif queue:
            queue.pop(place % len(queue))

    @rule(ms=st.sampled_from([10, 5_000, RESEND_MS_MAX]))
    def time_passes(self, ms: int) -> None:
        self._now = self._now.later(ms)
        self._send(self._sender.woken(self._now))

    @rule()
    def link_goes_down(self) -> None:
        self._up = False
        self._sender.disconnected()
        self._to_hub.clear()
        self._to_gate.clear()

    @precondition(lambda self: not self._up)
    @rule()
    def link_comes_up(self) -> None:
        self._up = True
        self._send(self._sender.connected(self._now))
        self._answer(self._receiver.opening())

    # What must be true

    @invariant()
    def in_flight_is_bounded(self) -> None:
        if hasattr(self, "_sender"):
            ahead = self._sent_seq - self._gate.acknowledged(HUB).seq
            self._must(ahead <= IN_FLIGHT_MAX, f"{ahead} facts sent ahead of their acknowledgement")

    @invariant()
    def applied_once_and_in_order(self) -> None:
        if hasattr(self, "_receiver"):
            seqs = [seq for seq, _ in self._applied()[0]]
            self._must(seqs == sorted(set(seqs)), "applied twice or out of order")

    def teardown(self) -> None:
        try:
            if hasattr(self, "_receiver") and not self._violated:
                self._heal_and_check()
        finally:
            for name in ("_gate_store", "_hub_store"):
                if hasattr(self, name):
                    getattr(self, name).close()
            self._open.close()

    def _must(self, holds: bool, violation: str) -> None:
        self._violated |= not holds
        assert holds, violation

    def _heal_and_check(self) -> None:
        self.link_goes_down()
        self.link_comes_up()
        for _ in range(HEALED_STEPS_MAX):
            if self._to_hub:
                self._receive(self._to_hub.pop(0))
            elif self._to_gate:
                self._hear(self._to_gate.pop(0))
            elif self._sender.next_wakeup_ms() is not None:
                self.time_passes(RESEND_MS_MAX)
            else:
                break
        else:
            self._must(False, "it does not come to rest")
        log_of_gate = self._gate.after(Position(), 10_000)
        applied, kept = self._applied()
        self._must(kept == [fact.ref for fact in log_of_gate], "what was kept is not the log")
        news = [(fact.seq, "news") for fact in log_of_gate if fact.payload["detail"] == "news"]
        self._must(applied == news, "what was applied is not what happened")
        last = Position(1, len(log_of_gate)) if log_of_gate else Position()
        self._must(self._gate.acknowledged(HUB) == last, "not all was acknowledged")

    # The ends

    def _apply(self, fact: Fact) -> None:
        detail = fact.payload["detail"]
        if self._cut_at is not None:
            self._cut_at -= 1
        self._hub_store.connection.execute("INSERT INTO effect (seq, detail) VALUES (?, ?)", (fact.seq, detail))
        if self._cut_at is not None and self._cut_at < 0:
            raise PowerCut
        if detail == "junk":
            raise PeerError("fact_unknown", "a kind that is not known here")
        if detail == "nonsense":
            raise BadInput("window_invalid", "end_time must be after start_time")

    def _receive(self, message: bytes) -> None:
        try:
            ack = self._receiver.receive([wire.fact() for wire in Facts.decode(message).facts])
        except PowerCut:
            self.hub_restarts()
        else:
            self._answer(ack)

    def _answer(self, ack: Ack) -> None:
        """Nothing may be acknowledged that would be gone if the power were cut now."""
        with closing(sqlite3.connect(self._folder / "hub.db")) as another:
            (stored,) = another.execute("SELECT coalesce(max(seq), 0) FROM applied").fetchone()
        self._must(ack.seq <= stored, "acknowledged before it was stored")
        if self._up:
            self._to_gate.append(ack.encode())

    def _hear(self, ack: bytes) -> None:
        self._send(self._sender.acked(Ack.decode(ack), self._now))

    def _send(self, batches: Sequence[Sequence[Fact]]) -> None:
        assert self._up or not batches, "sent with the link down"
        for batch in batches:
            assert len(batch) <= BATCH_MAX
            self._sent_seq = max(self._sent_seq, batch[-1].seq)
            self._to_hub.append(Facts(facts=[WireFact.of(fact) for fact in batch]).encode())

    def _applied(self) -> tuple[list[tuple[int, str]], list[FactRef]]:
        sql = self._hub_store.connection
        effects = [(row["seq"], row["detail"]) for row in sql.execute("SELECT * FROM effect ORDER BY n")]
        rows = sql.execute("SELECT unit, epoch, seq FROM fact WHERE unit = ? ORDER BY epoch, seq", (GATE,))
        return effects, [FactRef(*row) for row in rows]

    def _reopened(self, name: str) -> Store:
        if hasattr(self, f"_{name}_store"):
            getattr(self, f"_{name}_store").close()
        store = Store(self._folder / f"{name}.db")
        store.connection.execute("PRAGMA synchronous = OFF")  # no power is really cut here
        return store
