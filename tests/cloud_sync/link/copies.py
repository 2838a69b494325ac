"""A hub's log that has a state, a copy of it at a gate, and the messages between them in the test's hands."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cloud_sync.link.digest import Comparisons, Row
from cloud_sync.link.journal import Journal
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.sending import Sender
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import Payload, SpotChanged, StayChanged, subject_of, values_of
from cloud_sync.link.v1.messages import Ack, Facts
from domain.fact import Fact, FactRef
from domain.now import Now
from domain.spot import SpotKind
from tests.parts import ENTRY, LOT, NOON

START = Now(1_000, NOON)


def spot(number: int, *, in_service: bool = True) -> SpotChanged:
    return SpotChanged(spot_id=f"{LOT}.1-{number:03}", spot_kind=SpotKind.STANDARD, in_service=in_service)


def stay(number: int, left_at: datetime | None = None) -> StayChanged:
    return StayChanged(
        stay_id=f"{ENTRY}/1/{number}",
        reservation_id=None,
        spot_id=None,
        entered_at=NOON,
        left_at=left_at,
        conflict=None,
        origin=FactRef(ENTRY, 1, number),
    )


class Copied:
    """The copy, in memory: by kind and subject the values that it has."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, Mapping[str, Any]]] = {}
        self.deaf = False
        """Takes no effect of anything."""

    def apply(self, fact: Fact) -> None:
        subject = subject_of(fact)
        if subject is None or self.deaf:
            return
        of_kind = self.known.setdefault(fact.kind, {})
        if fact.kind == StayChanged.kind and fact.payload["left_at"] is not None:
            of_kind.pop(subject[0], None)
        else:
            of_kind[subject[0]] = values_of(fact)

    def forget(self, kind: str, subject: str) -> None:
        if not self.deaf:
            self.known.get(kind, {}).pop(subject, None)

    def rows(self, kind: str, first: str, until: str, since: datetime) -> Iterable[Row] | None:
        return None if kind not in self.known else self._rows(kind, first, until)

    def _rows(self, kind: str, first: str, until: str) -> Iterator[Row]:
        for subject, values in self.known[kind].items():
            if first <= subject < until:
                yield subject, values


class Ends:
    """The hub that sends, and the gate that has a copy."""

    def __init__(self, folder: Path) -> None:
        self.hub_store, self.gate_store = Store(folder / "hub.db"), Store(folder / "gate.db")
        self.hub, self.gate = Journal(self.hub_store, LOT, "boot"), Journal(self.gate_store, ENTRY, "boot")
        self.copy = Copied()
        self.receiver = Receiver(LOT, self.gate, self.copy.apply, forget=self.copy.forget, copy=self.copy)
        self.alarms: list[str] = []
        comparisons = Comparisons(self.hub, ENTRY, lambda name, _detail: self.alarms.append(name))
        self.sender = Sender(self.hub, ENTRY, comparisons=comparisons)
        self.now = START
        self.sent: list[Facts] = []
        """All that the hub has said since somebody looked."""

    def close(self) -> None:
        self.hub_store.close()
        self.gate_store.close()

    def tell(self, *payloads: Payload) -> None:
        with self.hub.transaction():
            for payload in payloads:
                self.hub.append(payload, self.now)

    def deliver(self, messages: Sequence[Facts]) -> None:
        """Carry messages to and fro until there are none."""
        waiting = list(messages)
        while waiting:
            self.sent.append(waiting[0])
            ack = self.receiver.heard(Facts.decode(waiting.pop(0).encode()))
            waiting += self.sender.acked(Ack.decode(ack.encode()), self.now)

    def connect(self) -> None:
        self.deliver(self.sender.connected(self.now))

    def due(self) -> list[Facts]:
        """Time passes until the sender has something to say; that."""
        due_ms = self.sender.next_wakeup_ms()
        assert due_ms is not None
        self.pass_ms(due_ms - self.now.mono_ms)
        return self.sender.woken(self.now)

    def pass_ms(self, ms: int) -> None:
        self.now = Now(self.now.mono_ms + ms, self.now.utc + timedelta(milliseconds=ms))

    def snapshots(self) -> int:
        """How many have been sent since somebody looked."""
        count = sum(message.part is not None and message.part.number == 1 for message in self.sent)
        self.sent.clear()
        return count
