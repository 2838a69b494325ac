"""What of the logs in a store is kept, and for how long.

A fact is deleted once it is older than `replay_keep_days`, or there are more in its log than may be, and, where it is
this unit's own, every subscriber has acknowledged it; but not while it is the latest about a subject that is not over
for as long. What a snapshot has replaced goes whatever its age. Behind the last one that went, a log is whole: that one
place is kept too, so that the log can be gone on with, and its hash be compared.

It goes in small batches, each in a transaction of its own with a pause after it, so that no decision waits for it; a
crash between two of them changes nothing. By a clock that nobody trusts nothing is old.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Protocol

from cloud_sync.link.clock import Clock
from cloud_sync.link.log import Position
from domain.now import Now, Trust

log = logging.getLogger(__name__)

PRUNE_EVERY_S = 3_600.0
PRUNE_PAUSE_S = 1.0
"""Between two batches."""

LOOKED_AT_MAX = 500
"""Facts in a batch."""


EPOCHS_MAX = 1_000
"""Of a log at most, where its facts are counted."""

LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a log is kept: what is not older than `keep`, and `facts_max` at most."""

    keep: timedelta
    facts_max: int | None = None
    untold_too: bool = False
    """Beyond `facts_max` also what a subscriber has not acknowledged goes: there is no room for it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A fact in a store: when it happened, and whether it is the latest about something that lasts."""

    position: Position
    at: datetime
    lasts: bool
    is_before_whole: bool = False
    """A snapshot has replaced it, or this is one of those that are kept from before what is whole."""


class Shelf(Protocol):
    """The logs in a store: this unit's own, and those that it has taken in."""

    @property
    def unit(self) -> str: ...
    def units(self) -> list[str]:
        """Whose logs there are."""

    def ends(self, unit: str, limit: int) -> list[Position]:
        """The last place of each of a log's newest epochs, newest first; an epoch is numbered from 1 without a gap."""

    def oldest(self, unit: str, at_least: Position, over_at: datetime, limit: int) -> list[Kept]:
        """At most `limit` facts, in order; what was over at `over_at` does not last."""

    def thin(self, unit: str, gone: Sequence[Position], whole_from: Position) -> None:
        """Delete these facts; the log is whole from `whole_from` on, or from later, where it was thinned before."""

    def acknowledged(self, subscriber: str) -> Position: ...


Step = Callable[[], Position | None]


async def here(step: Step) -> Position | None:
    """In the event loop's own thread."""
    return step()


class Pruning:
    """Prunes the logs in one store."""

    def __init__(
        self,
        shelf: Shelf,
        keep: timedelta,
        subscribers: Sequence[str],
        clock: Clock,
        call: Callable[[Step], Awaitable[Position | None]] = here,
        *,
        own: Limits | None = None,
        others: Limits | None = None,
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        """`subscribers` are those that this unit's log is for now: nobody else is waited for. `call` carries out a
        step: central's database blocks, so it gives a thread here. All logs are kept for as long as `keep`, where this
        unit's `own` or those of `others` have no limits of their own; `lost` is told before what was not acknowledged
        goes."""
        self._shelf = shelf
        self._own = own or Limits(keep)
        self._others = others or Limits(keep)
        self._subscribers = subscribers
        self._clock = clock
        self._call = call
        self._lost = lost

    async def run(self) -> None:
        """Prune now and then, until cancelled."""
        while True:
            for unit in self._shelf.units():
                place: Position | None = Position()
                while place is not None:
                    await asyncio.sleep(PRUNE_PAUSE_S)
                    place = await self._call(self._step_at(unit, place))
            await asyncio.sleep(PRUNE_EVERY_S)

    def prune(self, unit: str, at_least: Position, now: Now) -> Position | None:
        """One batch of one log, from a place on; where to go on, if there is more to do."""
        limits = self._own if unit == self._shelf.unit else self._others
        over_at = LONG_AGO if now.trust is Trust.NONE else now.utc - limits.keep
        facts = self._shelf.oldest(unit, at_least, over_at, LOOKED_AT_MAX)
        beyond, needed_from = self._beyond(unit, limits), self._needed_from(unit)
        no_further = max(needed_from, beyond) if needed_from is not None and limits.untold_too else needed_from

        def may_go(fact: Kept) -> bool:
            is_needed = no_further is not None and fact.position > no_further
            return not is_needed and (fact.position <= beyond or _is_old(fact, limits, now))

        old = list(takewhile(may_go, facts))
        if len(old) < 2:
            return None
        whole_from = old.pop().position
        gone = [fact.position for fact in old if not fact.lasts]
        if gone:
            if needed_from is not None and gone[-1] > needed_from:
                self._lost()
            self._shelf.thin(unit, gone, whole_from)
            log.info("facts.pruned", extra={"unit": unit, "facts": len(gone)})
        return whole_from if len(old) + 1 == LOOKED_AT_MAX else None

    def _beyond(self, unit: str, limits: Limits) -> Position:
        """What is up to this place is more than may be."""
        if limits.facts_max is None:
            return Position()
        room = limits.facts_max
        for end in self._shelf.ends(unit, EPOCHS_MAX):
            if end.seq > room:
                return Position(end.epoch, end.seq - room)
            room -= end.seq
        return Position()

    def _step_at(self, unit: str, place: Position) -> Step:
        return lambda: self.prune(unit, place, self._clock())

    def _needed_from(self, unit: str) -> Position | None:
        """What a subscriber of this unit's own log has not acknowledged is behind this place."""
        if unit != self._shelf.unit:
            return None
        return min((self._shelf.acknowledged(subscriber) for subscriber in self._subscribers), default=Position())


def _is_old(fact: Kept, limits: Limits, now: Now) -> bool:
    """Also what a clock has dated so far ahead that it was wrong: else it would be in the way until then."""
    if now.trust is Trust.NONE:
        return False
    return fact.is_before_whole or abs(now.utc - fact.at) > limits.keep
