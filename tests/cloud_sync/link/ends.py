"""Both ends of a log, and the messages between them in the test's hands."""

from collections.abc import Sequence
from pathlib import Path

from cloud_sync.link.journal import Journal
from cloud_sync.link.log import Position
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.sending import Sender
from cloud_sync.link.store import Store
from cloud_sync.link.tenure import Tenure
from cloud_sync.link.v1.facts import AlarmRaised
from cloud_sync.link.v1.messages import Ack, AckState, Facts
from domain.fact import GENESIS, Fact
from domain.now import Now
from tests.parts import NOON

GATE, HUB = "riverside.entry-1", "riverside"
NOW = Now(1_000, NOON)
MESSAGES_MAX = 1_000
"""Before everything is said."""


class Ends:
    """A gate that sends its log, and the hub above it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gate_store, self.hub_store = Store(folder / "gate.db"), Store(folder / "hub.db")
        self.hub = Journal(self.hub_store, HUB, "boot")
        self.applied: list[int] = []
        self.receiver = Receiver(GATE, self.hub, lambda fact: self.applied.append(fact.seq), grants=self.hub)
        self.runs = 0
        self.begin()

    def begin(self) -> None:
        """The gate starts, with the disk as it is."""
        self.runs += 1
        self.gate = Journal(self.gate_store, GATE, "boot")
        self.gate.begin_run()
        self.tenure = Tenure(self.gate, f"run {self.runs}")
        self.sender = Sender(self.gate, HUB, self.tenure, self.take_back, parent=True)

    def new_disk(self) -> None:
        """The gate starts, with a disk that has nothing on it."""
        self.gate_store = Store(self.folder / f"gate-{self.runs}.db")
        self.begin()

    def take_back(self, facts: Sequence[Fact]) -> None:
        with self.gate.transaction():
            self.gate.take_back(facts, insert=self.tenure.may_insert, from_parent=True)

    def append(self, count: int, detail: str = "news") -> None:
        with self.gate.transaction():
            for _ in range(count):
                self.gate.append(AlarmRaised(alarm="test", detail=detail), NOW)

    def facts(self, epoch: int = 1) -> list[Fact]:
        return [fact for fact in self.gate.after(Position(), 10_000) if fact.epoch == epoch]

    def connect(self, now: Now = NOW) -> list[Facts]:
        """The link is up, and both ends have compared: the first facts that the gate sends then."""
        messages = self.sender.connected(now)
        for _ in range(20):
            if len(messages) != 1 or messages[0].head is None:
                return messages
            messages = self.sender.acked(self.receiver.heard(messages[0]), now)
        raise AssertionError("they go on comparing")

    def deliver(self, messages: Sequence[Facts], now: Now = NOW) -> None:
        """Carry messages to and fro until there are none."""
        waiting = list(messages)
        for _ in range(MESSAGES_MAX):
            if not waiting:
                return
            waiting += self.sender.acked(self.receiver.heard(waiting.pop(0)), now)
        raise AssertionError("they go on for ever")

    def ack(self, state: AckState, seq: int, epoch: int = 1, unit: str = GATE) -> Ack:
        """What the hub would say that is so far in the gate's log."""
        chain = self.gate.chain_at(Position(epoch, seq)) if seq else GENESIS
        return Ack(unit=unit, epoch=epoch, seq=seq, chain=chain, state=state)


def seqs(messages: Sequence[Facts]) -> list[list[int]]:
    return [[message.facts[0].seq, message.facts[-1].seq] for message in messages if message.facts]
