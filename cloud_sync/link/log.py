"""A unit's log of facts, and what is asked of the stores at its two ends.

A unit appends facts to its outbox in the transaction of the change that they tell of. A `Sender` (`sending.py`) brings
one outbox to one subscriber, a `Receiver` (`receiving.py`) applies each fact exactly once; `tenure.py` says whether
this run of a unit may speak for it. docs/protocol.md draws it.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self

from cloud_sync.link.v1.messages import WireMark
from domain.fact import GENESIS, Fact


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a unit's log: the last fact that counts as seen."""

    epoch: int = 0
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a unit's log, and the log's hash there."""

    position: Position = Position()
    chain: str = GENESIS

    @classmethod
    def at(cls, fact: Fact) -> Self:
        return cls(Position(fact.epoch, fact.seq), fact.chain)

    @classmethod
    def of(cls, mark: WireMark) -> Self:
        return cls(Position(mark.epoch, mark.seq), mark.chain)

    def wire(self) -> WireMark:
        return WireMark(epoch=self.position.epoch, seq=self.position.seq, chain=self.chain)


class Outbox(Protocol):
    """A unit's own facts, kept after acknowledgement so that they can be replayed."""

    @property
    def unit(self) -> str: ...
    @property
    def epoch(self) -> int:
        """The epoch that facts are appended in."""

    def after(self, position: Position, limit: int) -> list[Fact]:
        """At most `limit` facts after `position`, in order."""

    def marks(self, limit: int) -> list[Cursor]:
        """The ends of the newest epochs in this log, newest first."""

    def chain_at(self, position: Position) -> str | None:
        """The hash at a fact of this log; None where it has no such fact."""

    def begin(self, epoch: int) -> None:
        """Append in `epoch` from now on, which is higher."""

    def settle(self) -> None:
        """The present epoch is this unit's, and nobody else's: what is written in it keeps its number."""

    def rise_to(self, epoch: int) -> None:
        """Begin `epoch`; what is not settled, of this run and those before it, is numbered anew in that one."""

    def whole_from(self) -> Position:
        """Behind this place no fact is missing; before it only the latest of each subject are kept."""

    def snapshot(self, place: Position, told: Position, since: datetime | None = None) -> tuple[Cursor, list[Fact]]:
        """Where the log ends, the latest fact of each subject that is kept, and what has happened behind the place up
        to which the subscriber was `told`; without what was over, or had happened, at `since`, if it is given. Of a log
        without subjects: where a subscriber at `place` can go on."""

    def state(self, kind: str, first: str, since: datetime | None, limit: int) -> list[Fact]:
        """At most `limit` latest facts of a kind, by their subjects in the order of their text, from `first` on; of
        those alone that are not over, or that were not at `since`, where it is given."""

    def acknowledged(self, subscriber: str) -> Position:
        """How far `subscriber` has come; the start of the log for one that is new."""

    def acknowledge(self, subscriber: str, position: Position) -> None:
        """Remember that `subscriber` has come this far."""


class Inbox(Protocol):
    """The facts of other units, as they came in, and how far each has been applied."""

    def transaction(self) -> AbstractContextManager[object]:
        """All or nothing; may be nested."""

    def cursor(self, unit: str) -> Cursor: ...
    def keep(self, fact: Fact, set_aside: str | None) -> None:
        """Store the fact as it came and move its unit's cursor onto it."""

    def seen(self, unit: str, position: Position) -> str | None:
        """The chain value of a fact taken in earlier, while it is kept."""

    def kept(self, unit: str, after: Position, limit: int) -> list[Fact]:
        """At most `limit` facts of `unit` after `after` that are still kept, in order; at their end those that came
        another way."""

    def ahead(self, unit: str) -> Cursor | None:
        """The newest fact of `unit` that came another way than by its log, if the log has not come to it yet."""

    def keep_part(self, facts: Sequence[Fact]) -> None:
        """Some facts of a snapshot have been taken over, which may break off before it is complete."""

    def replaced(self, unit: str, at: Cursor, facts: Sequence[Fact]) -> None:
        """A snapshot, of which all parts are kept, has taken the place of what was known of `unit`: of what is older
        than `at` none but those of `facts` that tell the state of something need be kept. Set the cursor onto `at`."""


Recover = Callable[[Sequence[Fact]], None]
"""Takes back facts of this unit's own that it has lost, effects and all; those that it still has do nothing."""

Alarm = Callable[[str, str], None]
"""Raises an alarm by its name, with a detail for people; called in the transaction of what it is about."""


def no_alarm(_name: str, _detail: str) -> None:
    """Where nobody would see one: the log has it all the same."""
