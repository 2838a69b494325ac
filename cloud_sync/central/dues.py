"""What a reservation that has been paid for comes to in the end: what goes back, and what is still owed.

Plain decisions on what is known by now; the shell in `settlement.py` moves the money. They are totals, so that a
decision that is made again on more knowledge adds what is missing and nothing twice:

    left early        the unused part of the window goes back, less the minimum fee
    left late         the time after the window's end is owed, by the tariff
    cancelled         what the policy gives for the notice; all of it where the lot cancelled
      and came in     a drive-up: the tariff's price of the stay is kept, the rest goes back or is owed
    did not come      all but the fee; all of it where it is not sure that nobody came, or a car was seen to leave
      but came late   no fee: as any stay, though what went back before the car came stays with the driver

Nothing is decided on a stay before its car has left. What goes back never grows smaller by what becomes known later,
whichever fact comes first; `tests/cloud_sync/central/test_dues.py` tries their orders.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from domain.money import Money
from domain.policy import Policy, Tariff, cancel_refund, early_exit_refund, no_show_refund
from domain.window import LONGEST, Window


class Kind(Enum):
    """Why money moves."""

    CHARGE = "charge"
    EARLY_EXIT = "early-exit"
    CANCEL = "cancel"
    NO_SHOW = "no-show"
    FEE_BACK = "fee-back"  # who came late after all owes no fee for not coming
    MANUAL = "manual"  # an operator's refund
    OVERSTAY = "overstay"
    DRIVE_UP = "drive-up"


class Ending(Enum):
    """What became of the reservation."""

    USED = "used"  # or is about to be
    CANCELLED = "cancelled"  # by its driver
    BY_LOT = "by-lot"
    UNPAID = "unpaid"  # central cancelled it for want of money
    NO_SHOW = "no-show"


class Withdrawal(Enum):
    """Whether a car may still turn out to have come in on a reservation that was cancelled or became a no-show."""

    OPEN = "open"
    COMPLETE = "complete"
    UNSURE = "unsure"  # an entry gate has not answered, and never may


@dataclass(frozen=True, slots=True)
class Visit:
    """A car's time inside, on this reservation; when it came in may never have been seen."""

    entered_at: datetime | None
    left_at: datetime | None


@dataclass(frozen=True, slots=True)
class Case:
    """What is known of a reservation that was paid for. `back_minor` is what earlier decisions gave back."""

    paid: Money
    back_minor: int
    window: Window
    ending: Ending
    cancelled_at: datetime | None
    withdrawal: Withdrawal
    visits: tuple[Visit, ...]


@dataclass(frozen=True, slots=True)
class Dues:
    """Totals: of `refund`, `back` has gone back in the end; of `debt`, `owed` is charged in the end."""

    refund: Kind = Kind.EARLY_EXIT
    back_minor: int = 0
    debt: Kind = Kind.OVERSTAY
    owed_minor: int = 0


NOTHING = Dues()


def dues(case: Case, policy: Policy, tariff: Tariff, now: datetime) -> Dues:
    """What has been decided by now; nothing while that depends on what is still to come."""
    if any(visit.left_at is None for visit in case.visits):
        return NOTHING
    match case.ending:
        case Ending.USED:
            return _stayed(case, policy, tariff, Kind.EARLY_EXIT) if case.visits else NOTHING
        case Ending.UNPAID:
            return NOTHING
        case Ending.NO_SHOW:
            return _no_show(case, policy, tariff)
        case Ending.CANCELLED if case.withdrawal is Withdrawal.OPEN and now < case.window.end:
            return NOTHING
        case Ending.CANCELLED | Ending.BY_LOT:
            return _drive_up(case, tariff) if _seen_coming(case) else _cancelled(case, policy)


def waits_for_the_end(case: Case, now: datetime) -> bool:
    """Whether the window's end decides, if no fact does before."""
    return case.ending is Ending.CANCELLED and case.withdrawal is Withdrawal.OPEN and now < case.window.end


def price(tariff: Tariff, start: datetime, end: datetime) -> int:
    """The tariff's price of a time that may be longer than any booking, in minor units."""
    total_minor = 0
    while start < end:
        until = min(end, start + LONGEST)
        total_minor += tariff.price(Window(start, until)).amount_minor
        start = until
    return total_minor


def _stayed(case: Case, policy: Policy, tariff: Tariff, refund: Kind) -> Dues:
    left_at = max(_left(case.visits))
    back = early_exit_refund(case.paid, case.window, left_at, policy)
    late = [(max(start, case.window.end), end) for start, end in _seen_coming(case)]
    owed_minor = sum(price(tariff, start, end) for start, end in late)
    return Dues(refund, back.amount_minor, Kind.OVERSTAY, owed_minor)


def _cancelled(case: Case, policy: Policy) -> Dues:
    if case.cancelled_at is None or case.ending is Ending.BY_LOT:
        return Dues(Kind.CANCEL, case.paid.amount_minor)
    return Dues(Kind.CANCEL, cancel_refund(case.paid, case.window, case.cancelled_at, policy).amount_minor)


def _drive_up(case: Case, tariff: Tariff) -> Dues:
    costs_minor = sum(price(tariff, start, end) for start, end in _seen_coming(case))
    paid_minor = case.paid.amount_minor
    back_minor = max(paid_minor - costs_minor, case.back_minor, 0)
    return Dues(Kind.CANCEL, back_minor, Kind.DRIVE_UP, max(costs_minor - (paid_minor - back_minor), 0))


def _no_show(case: Case, policy: Policy, tariff: Tariff) -> Dues:
    back_minor = {
        Withdrawal.OPEN: 0,
        Withdrawal.UNSURE: case.paid.amount_minor,
        Withdrawal.COMPLETE: no_show_refund(case.paid, policy).amount_minor,
    }[case.withdrawal]
    if not case.visits:
        return Dues(Kind.NO_SHOW, back_minor)
    stayed = _stayed(case, policy, tariff, Kind.FEE_BACK)
    return Dues(Kind.FEE_BACK, max(stayed.back_minor, back_minor), stayed.debt, stayed.owed_minor)


def _seen_coming(case: Case) -> list[tuple[datetime, datetime]]:
    """From when until when cars were inside; without those of which nobody knows since when: they are not billed."""
    return [(visit.entered_at, visit.left_at) for visit in case.visits if visit.entered_at and visit.left_at]


def _left(visits: Iterable[Visit]) -> list[datetime]:
    return [visit.left_at for visit in visits if visit.left_at is not None]
