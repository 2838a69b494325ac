"""A carrier that loses, doubles, reorders and delays; the two ends of a log on it crash and come back, or are set back
to an old backup, either of them or both.

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

from cloud_sync.link import receiving, sending
from cloud_sync.link.journal import Journal
from cloud_sync.link.log import Cursor, Position
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.sending import RESEND_MS_MAX, Sender
from cloud_sync.link.store import Store
from cloud_sync.link.tenure import Tenure
from cloud_sync.link.v1.facts import AlarmRaised
from cloud_sync.link.v1.messages import Ack, Facts
from domain.errors import BadInput, PeerError
from domain.fact import Fact, FactRef
from domain.now import Now
from tests.parts import NOON

GATE, HUB = "riverside.entry-1", "riverside"
BATCH_MAX, IN_FLIGHT_MAX = 3, 7
PLACES = st.sampled_from([0, 0, 0, 1, 2, 5])  # mostly in order
QUIET_AFTER = 30
"""Messages after which all has arrived, if none is lost and not too much is to be said."""

HEALED_STEPS_MAX = 2_000
"""How many messages may go to and fro, once nothing is lost any more, until all has arrived."""


class PowerCut(BaseException):
    """The receiver's computer is gone in the middle of a transaction."""


class LogMachine(RuleBasedStateMachine):
    sender_of: Callable[..., Sender] = Sender
    receiver_of: Callable[..., Receiver] = Receiver

    def __init__(self) -> None:
        super().__init__()
        self._open = ExitStack()
        for end in (sending, receiving):
            self._open.enter_context(mock.patch.object(end, "BATCH_MAX", BATCH_MAX))
        self._open.enter_context(mock.patch.object(sending, "IN_FLIGHT_MAX", IN_FLIGHT_MAX))
        self._folder = Path(self._open.enter_context(TemporaryDirectory()))
        self._now = Now(1_000, NOON)
        self._to_hub: list[bytes] = []
        self._to_gate: list[bytes] = []
        self._up = False
        self._news = False
        self._runs = 0
        self._cut_at: int | None = None
        self._told = 0
        self._sent = Position()
        self._violated = False

    @initialize()
    def begin(self) -> None:
        self.gate_restarts()
        self.hub_restarts()
        self.link_comes_up()

    # What the units do

    @rule(details=st.lists(st.sampled_from(["news", "junk", "nonsense"]), min_size=1, max_size=4), heard=st.booleans())
    def something_happens(self, details: list[str], heard: bool) -> None:
        for detail in details:
            self._told += 1
            with self._gate.transaction():
                self._gate.append(AlarmRaised(alarm="test", detail=f"{detail} {self._told}"), self._now)
        self._send(self._sender.appended(self._now))
        if heard:
            self._all_goes_well(QUIET_AFTER)

    def _take_back(self, facts: Sequence[Fact]) -> None:
        with self._gate.transaction():
            self._gate.take_back(facts, insert=self._tenure.may_insert)

    @rule()
    def gate_restarts(self) -> None:
        self._gate_store = self._reopened("gate")
        self._gate = Journal(self._gate_store, GATE, "boot")
        self._gate.begin_run()
        self._runs += 1
        self._tenure = Tenure(self._gate, f"run {self._runs}", lambda: setattr(self, "_news", True))
        self._sender = type(self).sender_of(self._gate, HUB, self._tenure, self._take_back, parent=True)
        self._sent = Position()
        if self._up:
            self._send(self._sender.connected(self._now))

    @rule()
    def hub_restarts(self) -> None:
        self._hub_store = self._reopened("hub")
        self._hub_store.connection.execute(
            "CREATE TABLE IF NOT EXISTS effect (n INTEGER PRIMARY KEY, epoch, seq, detail)"
        )
        self._hub = Journal(self._hub_store, HUB, "boot")
        self._receiver = type(self).receiver_of(GATE, self._hub, self._apply, grants=self._hub)
        if self._up:
            self._answer(self._receiver.opening())

    @rule(unit=st.sampled_from(["gate", "hub"]))
    def is_backed_up(self, unit: str) -> None:
        store: Store = getattr(self, f"_{unit}_store")
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(self._folder / f"{unit}.db", self._folder / f"{unit}.backup")

    @precondition(lambda self: (self._folder / "hub.backup").exists())
    @rule()
    def hub_is_restored(self) -> None:
        self._hub_store.close()
        shutil.copy(self._folder / "hub.backup", self._folder / "hub.db")
        self.hub_restarts()

    @precondition(lambda self: (self._folder / "gate.backup").exists())
    @rule()
    def gate_is_restored(self) -> None:
        self._gate_store.close()
        shutil.copy(self._folder / "gate.backup", self._folder / "gate.db")
        self.gate_restarts()

    @rule()
    def gate_gets_a_new_disk(self) -> None:
        self._gate_store.close()
        (self._folder / "gate.db").unlink()
        self.gate_restarts()

    # What the carrier does

    @precondition(lambda self: self._to_hub or self._to_gate)
    @rule(count=st.sampled_from([1, 4, 9]))
    def all_goes_well_for_a_while(self, count: int) -> None:
        self._all_goes_well(count)

    def _all_goes_well(self, count: int) -> None:
        for _ in range(count):
            if self._to_hub:
                self._receive(self._to_hub.pop(0))
            elif self._to_gate:
                self._hear(self._to_gate.pop(0))

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
            ahead = len(
                [fact for fact in self._log(self._gate.acknowledged(HUB)) if Cursor.at(fact).position <= self._sent]
            )
            self._must(ahead <= IN_FLIGHT_MAX, f"{ahead} facts sent ahead of their acknowledgement")

    @invariant()
    def applied_once_and_in_order(self) -> None:
        if hasattr(self, "_receiver"):
            numbers = [int(detail.split()[1]) for detail in self._applied()[0]]
            self._must(len(numbers) == len(set(numbers)), "applied twice")
            places = [place for place, _ in self._effects()]
            self._must(places == sorted(places), "applied out of order")

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
        told = self._log(Position())
        applied, kept = self._applied()
        self._must(kept == [fact.ref for fact in told], "what was kept is not the log")
        details = [str(fact.payload["detail"]) for fact in told]
        self._must(applied == [detail for detail in details if detail.startswith("news")], "not what happened")
        last = Cursor.at(told[-1]).position if told else Position()
        self._must(self._gate.acknowledged(HUB) == last, "not all was acknowledged")

    def _log(self, after: Position) -> list[Fact]:
        return self._gate.after(after, 10_000)

    # The ends

    def _apply(self, fact: Fact) -> None:
        detail = fact.payload["detail"]
        if self._cut_at is not None:
            self._cut_at -= 1
        sql = "INSERT INTO effect (epoch, seq, detail) VALUES (?, ?, ?)"
        self._hub_store.connection.execute(sql, (fact.epoch, fact.seq, detail))
        if self._cut_at is not None and self._cut_at < 0:
            raise PowerCut
        if detail.startswith("junk"):
            raise PeerError("fact_unknown", "a kind that is not known here")
        if detail.startswith("nonsense"):
            raise BadInput("window_invalid", "end_time must be after start_time")

    def _receive(self, message: bytes) -> None:
        try:
            ack = self._receiver.heard(Facts.decode(message))
        except PowerCut:
            self.hub_restarts()
        else:
            self._answer(ack)

    def _answer(self, ack: Ack) -> None:
        """Nothing may be acknowledged that would be gone if the power were cut now."""
        with closing(sqlite3.connect(self._folder / "hub.db")) as another:
            stored = another.execute("SELECT epoch, seq FROM applied").fetchone() or (0, 0)
        self._must((ack.epoch, ack.seq) <= stored, "acknowledged before it was stored")
        if self._up:
            self._to_gate.append(ack.encode())

    def _hear(self, ack: bytes) -> None:
        self._send(self._sender.acked(Ack.decode(ack), self._now))
        if self._news:
            self._news = False
            self._send(self._sender.changed(self._now))

    def _send(self, messages: Sequence[Facts]) -> None:
        assert self._up or not messages, "sent with the link down"
        for message in messages:
            assert len(message.facts) <= BATCH_MAX
            if message.head is not None:
                self._sent = Position()
            elif message.facts:
                self._sent = max(self._sent, Position(message.facts[-1].epoch, message.facts[-1].seq))
            self._to_hub.append(message.encode())

    def _effects(self) -> list[tuple[Position, str]]:
        rows = self._hub_store.connection.execute("SELECT epoch, seq, detail FROM effect ORDER BY n")
        return [(Position(row["epoch"], row["seq"]), row["detail"]) for row in rows]

    def _applied(self) -> tuple[list[str], list[FactRef]]:
        sql = "SELECT unit, epoch, seq FROM fact WHERE unit = ? ORDER BY epoch, seq"
        rows = self._hub_store.connection.execute(sql, (GATE,))
        return [detail for _, detail in self._effects()], [FactRef(*row) for row in rows]

    def _reopened(self, name: str) -> Store:
        if hasattr(self, f"_{name}_store"):
            getattr(self, f"_{name}_store").close()
        store = Store(self._folder / f"{name}.db")
        store.connection.execute("PRAGMA synchronous = OFF")  # no power is really cut here
        return store
