"""Whether this run of a unit may speak for it.

A disk can be restored from a backup, or copied: then two runs have the same log, and both mean to go on with it. So
every run begins an epoch of its own. Its parent (central for a hub, the hub for a gate) grants it, to one run each, in
rising order, and everyone obeys the highest that they have seen.

    PROVISIONAL --granted--> GRANTED
         |                      |
         '--- a higher epoch ---'--> FENCED      another run speaks for the unit now: a human looks

A run is provisional until its parent has answered. It does what has to be done, but promises nothing new. What it
writes meanwhile it has not told its parent yet, so that it can still be numbered anew, behind what turns out to be lost
and in a higher epoch than any other's. Its parent's word is enough for that, always: there the newest run that asks
goes on. Where two provisional runs meet at units below them, each may take over a few times; then one gives way.
Central has no parent; its database's lock sees to it that there is one, and where it learns that it has lost something
it takes that back and rises by itself.
"""

import logging
from collections.abc import Callable
from enum import Enum

from cloud_sync.link.log import Outbox
from cloud_sync.link.v1.messages import Grant

log = logging.getLogger(__name__)

RISES_MAX = 3
"""How often a provisional run takes over from another one that units below it know of; after that it gives way."""


class Standing(Enum):
    PROVISIONAL = "provisional"
    GRANTED = "granted"
    FENCED = "fenced"


class Tenure:
    """One run of one unit. Shared by all that sends its log."""

    def __init__(self, outbox: Outbox, run: str, changed: Callable[[], None] | None = None) -> None:
        """`run` names this start of the unit; `changed` is called after the standing or the epoch has changed."""
        self.run = run
        self.standing = Standing.PROVISIONAL
        self._outbox = outbox
        self._rises_left = RISES_MAX
        self._changed = changed or (lambda: None)

    @property
    def may_insert(self) -> bool:
        """Whether lost facts can still go where they were in the log, before what this run has written."""
        return self.standing is Standing.PROVISIONAL

    def granted(self, run: str, epoch: int) -> None:
        """The parent has granted `epoch` to `run`."""
        if run != self.run and self.standing is Standing.GRANTED and epoch > self._outbox.epoch:
            self.fence(epoch)
        if run != self.run or self.standing is not Standing.PROVISIONAL:
            return
        if epoch > self._outbox.epoch:
            self._outbox.rise_to(epoch)
        self._outbox.settle()
        self.standing = Standing.GRANTED
        log.info("tenure.granted", extra={"epoch": epoch})
        self._changed()

    def met(self, epoch: int, *, parent: bool) -> None:
        """Somebody, this unit's parent or not, knows of it in `epoch`, by what is not in its log: another run was, or
        is, there."""
        if epoch < self._outbox.epoch or self.standing is Standing.FENCED:
            return
        if self.standing is Standing.GRANTED or not (parent or self._rises_left):
            self.fence(epoch)
            return
        self._rises_left -= not parent
        self._outbox.rise_to(epoch + 1)
        self._changed()

    def fence(self, epoch: int) -> None:
        """Another run speaks for the unit, in a higher epoch: say no more."""
        if self.standing is not Standing.FENCED:
            log.error("tenure.fenced", extra={"epoch": self._outbox.epoch, "by": epoch})
            self.standing = Standing.FENCED
            self._changed()


class Root(Tenure):
    """Central's: granted by nobody, fenced by nobody."""

    def __init__(self, outbox: Outbox) -> None:
        super().__init__(outbox, "central")
        self.standing = Standing.GRANTED

    @property
    def may_insert(self) -> bool:
        return True

    def met(self, epoch: int, *, parent: bool) -> None:
        if epoch >= self._outbox.epoch:
            self._outbox.begin(epoch + 1)

    def fence(self, epoch: int) -> None:
        raise AssertionError("nobody speaks for central but central")


def granted(
    known: Grant | None, run: str, epoch: int, *, already: bool, above: int, last: Grant | None = None
) -> Grant:
    """What a parent answers to a `run` that asks for `epoch`; `known` is what it granted last, and `above` the highest
    epoch that it has taken a fact in of; `last` is what the run has heard that it granted last.

    The newest run gets a higher epoch than all before. A run that does not know what was granted last is told that, and
    may ask again: it may have died since it asked, and its message come late. One that was granted its epoch `already`
    keeps it, where this parent has only forgotten that; where another has been granted one since, it is told so.
    """
    if known is not None and known.run == run:
        return known if known.epoch >= epoch else Grant(run=run, epoch=epoch)
    highest = max(above, 0 if known is None else known.epoch)
    if not already:
        return Grant(run=run, epoch=max(epoch, highest + 1)) if known is None or known == last else known
    if epoch >= highest and (known is None or known.epoch < epoch):
        return Grant(run=run, epoch=epoch)
    return known or Grant(run="", epoch=highest)
