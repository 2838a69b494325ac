"""A stay is what happened: a car came in, a car went out. It is recorded whatever the rights say.

Where rights and facts disagree, the stay carries a conflict, and the table below gives each conflict its one outcome.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from domain.admission import Evidence
from domain.reservation import Status


class Conflict(Enum):
    AFTER_CANCEL = "after-cancel"  # came in on a reservation that was cancelled or had expired
    AFTER_NO_SHOW = "after-no-show"  # came in after the spot was given up, or went out and must have been in
    DOUBLE_ENTRY = "double-entry"  # came in while the same right was inside already
    EXIT_WITHOUT_ENTRY = "exit-without-entry"  # went out and had never been seen coming in
    NO_RIGHT = "no-right"  # in or out with no reservation at all


class SpotOutcome(Enum):
    OWN = "own"  # the spot of the reservation, if it is still free
    ANOTHER = "another"  # an equal or better spot, if there is one
    NONE = "none"  # no spot is taken: another stay has it, or nobody knows which


class MoneyOutcome(Enum):
    """What such a stay means for who paid for the reservation."""

    NOTHING = "nothing"  # it is somebody else's car, or nobody knows whose
    DRIVE_UP = "drive-up"  # billed by the tariff as if there had been no booking
    FEE_BACK = "fee-back"  # the no-show fee is paid back


@dataclass(frozen=True, slots=True)
class Outcome:
    spot: SpotOutcome
    money: MoneyOutcome
    alarm: bool  # whether an attendant must look at it


OUTCOMES: dict[Conflict, Outcome] = {
    Conflict.AFTER_CANCEL: Outcome(SpotOutcome.OWN, MoneyOutcome.DRIVE_UP, alarm=True),
    Conflict.AFTER_NO_SHOW: Outcome(SpotOutcome.ANOTHER, MoneyOutcome.FEE_BACK, alarm=False),
    Conflict.DOUBLE_ENTRY: Outcome(SpotOutcome.NONE, MoneyOutcome.NOTHING, alarm=True),
    Conflict.EXIT_WITHOUT_ENTRY: Outcome(SpotOutcome.NONE, MoneyOutcome.NOTHING, alarm=True),
    Conflict.NO_RIGHT: Outcome(SpotOutcome.NONE, MoneyOutcome.NOTHING, alarm=True),
}

_ENTRY_ON: dict[Status, Conflict | None] = {
    Status.HELD: Conflict.NO_RIGHT,
    Status.CONFIRMED: None,
    Status.CHECKED_IN: Conflict.DOUBLE_ENTRY,
    Status.COMPLETED: Conflict.NO_RIGHT,
    Status.EXPIRED: Conflict.AFTER_CANCEL,
    Status.CANCELLED: Conflict.AFTER_CANCEL,
    Status.NO_SHOW: Conflict.AFTER_NO_SHOW,
}


LATE = frozenset({Conflict.AFTER_CANCEL, Conflict.AFTER_NO_SHOW})
"""On a right that had ended, and the right's own car as far as is known: the first one is, a second one is not."""


def entry_conflict(status: Status | None, *, inside: bool = False) -> Conflict | None:
    """The conflict of a car that came in on a reservation in `status`; None in place of it: it had no reservation.

    `inside`: a car of that reservation is inside already, on its right or late.
    """
    conflict = Conflict.NO_RIGHT if status is None else _ENTRY_ON[status]
    return Conflict.DOUBLE_ENTRY if inside and conflict in LATE else conflict


@dataclass(frozen=True, slots=True)
class Stay:
    """One car's time in the lot, as far as it is known; both instants are the gates' own.

    `evidence` is what it was let in on, `ticket_id` the ticket that it used up.
    """

    stay_id: str
    reservation_id: str | None
    spot_id: str | None
    entered_at: datetime | None
    left_at: datetime | None
    conflict: Conflict | None
    evidence: Evidence = Evidence.NONE
    ticket_id: str | None = None
