"""The two limit switches of one arm, and what is believed of them.

No arm is up and down at once. Where both switches are closed, one of them is stuck, and neither is believed from then
on until it has been seen to open: the arm is between its limits then, which holds nothing back that raises it. The one
that did not open as the other closed is said to be stuck, once until it opens. A switch that never closes is not
noticed here: its arm does not arrive, and the lane raises the alarm for that.
"""

import logging
from collections.abc import Callable
from enum import Enum

from gpiozero import Factory

from hardware.contact import Contact
from hardware.wiring import BarrierWiring

log = logging.getLogger(__name__)


class Limit(Enum):
    """One of the two, by its name in the wiring."""

    UP = "limit_up"
    DOWN = "limit_down"

    @property
    def other(self) -> "Limit":
        return Limit.DOWN if self is Limit.UP else Limit.UP


class Limits:
    """Both switches. Has no lock: whoever uses it calls `note` for one change after the other."""

    def __init__(self, wiring: BarrierWiring, factory: Factory) -> None:
        self._switches = {Limit.UP: Contact(wiring.limit_up, factory), Limit.DOWN: Contact(wiring.limit_down, factory)}
        self._doubted: frozenset[Limit] = frozenset()
        self._stuck: dict[Limit, str] = {}
        if all(switch.active for switch in self._switches.values()):
            self._doubted = frozenset(Limit)
            words = "limit_up and limit_down are both closed: one of them is stuck; look at both and their cables"
            self._stuck = dict.fromkeys(Limit, words)
            log.warning(words)

    @property
    def stuck(self) -> str | None:
        """What is wrong with them, in words for attendants."""
        return "; ".join(dict.fromkeys(self._stuck.values())) or None

    def listen(self, when_changed: Callable[[Limit, bool], None]) -> None:
        """Have each change told, in the thread of the pin change (see `Contact`)."""
        self._switches[Limit.UP].when_changed = lambda active: when_changed(Limit.UP, active)
        self._switches[Limit.DOWN].when_changed = lambda active: when_changed(Limit.DOWN, active)

    def is_at(self, limit: Limit) -> bool:
        """Whether the arm is there now, as far as the switches are believed."""
        is_closed, other_is = self._switches[limit].active, self._switches[limit.other].active
        return is_closed and not other_is and limit not in self._doubted

    def is_believed(self, limit: Limit) -> bool:
        """Whether this switch may be taken at its word."""
        return limit not in self._doubted

    def note(self, limit: Limit, active: bool) -> str | None:
        """Take a change in; what is to be told of it, if anything. Either way the switch has just been open."""
        self._doubted -= {limit}
        if self._stuck.pop(limit, None) is not None:
            log.info("limit_switch.opens_again", extra={"switch": limit.value})
        if not active or not self._switches[limit.other].active:
            return None
        self._doubted = frozenset(Limit)
        if limit.other in self._stuck:
            return None
        words = (
            f"{limit.other.value} has not opened, and {limit.value} is closed too: look at both and their cables. "
            "Neither is believed until it opens"
        )
        self._stuck[limit.other] = words
        log.warning(words)
        return words

    def release(self) -> None:
        """Release the pins; no call follows."""
        for switch in self._switches.values():
            switch.release()
