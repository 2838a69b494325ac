"""Whether this lane is set up as what its hub has it for.

A gate that takes its entry for an exit opens for everybody; one that takes its exit for an entry keeps people in. So
it does not start where its copy of the lot says another direction than its file. One that runs goes on as it is, with
an alarm: the lot may be about to turn it round, which begins with the hub's file.
"""

import logging
from collections.abc import Callable

from cloud_sync.link.journal import Journal
from cloud_sync.link.v1.facts import Direction, GateChanged
from domain.errors import OperatorError
from domain.fact import Fact

log = logging.getLogger(__name__)

_DIRECTIONS = frozenset(direction.value for direction in Direction)


class DirectionCheck:
    """One gate's direction by its file, beside the hub's word of it."""

    def __init__(self, gate_id: str, direction: Direction, alarm: Callable[[str, str], None]) -> None:
        self._gate_id = gate_id
        self._direction = direction
        self._alarm = alarm
        self._differs = False

    def at_start(self, journal: Journal) -> None:
        """Raises OperatorError where this entry is an exit by the hub's word, as this gate has heard it: nobody would
        get out. An exit that is an entry by it opens, and is an alarm."""
        told = journal.about(GateChanged.kind, self._gate_id, self._gate_id.partition(".")[0])
        if told is None or (hubs := self._another(told)) is None:
            return
        if self._direction is Direction.EXIT:
            self.heard(told)
        else:
            raise OperatorError(
                "direction_differs",
                f"gate.direction is {self._direction.value}, and the hub has {self._gate_id} as {hubs}: correct"
                f" one of the two. If the hub's was changed while this gate could not hear it, start this gate with"
                f" {hubs} until it has heard its hub, which it tells by the alarm direction-differs",
            )

    def heard(self, fact: Fact) -> None:
        """The hub has told this. Raises an alarm, once until they agree, where it has another direction."""
        if fact.kind != GateChanged.kind or fact.payload.get("gate_id") != self._gate_id:
            return
        hubs = self._another(fact)
        if hubs is not None and not self._differs:
            detail = f"gate.direction is {self._direction.value}, and the hub has this gate as {hubs}"
            log.error("gate.direction_differs", extra={"why": detail})
            self._alarm("direction-differs", detail)
        self._differs = hubs is not None

    def _another(self, fact: Fact) -> str | None:
        """What the hub says, if it is not what this gate is set up as; a fact that was set aside says nothing."""
        said = fact.payload.get("direction")
        return said if said in _DIRECTIONS and said != self._direction.value else None
