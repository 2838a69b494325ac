"""What each reservation ought to have cost, worked out from the hub's log alone, and held against the bank's record.

This repeats central's rules in few words on purpose: it shares none of central's code, so that a slip there shows. The
formulas of tariff and policy are the domain's, and held by its own tests.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.money import Money
from domain.now import parse_instant
from domain.policy import Policy, Tariff, cancel_refund, early_exit_refund, no_show_refund
from domain.window import Window

TAKEN = frozenset({"charge"})
CHARGED_LATER = frozenset({"overstay", "drive-up"})
BY_HAND = frozenset({"manual"})
_OWN = {"cancelled": ("after-cancel", "after-no-show"), "no_show": ("after-no-show",)}
"""The conflicts, by the reservation's end, with which a stay is still the reservation's own."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Money that the bank has moved, by its cause: a reservation, a kind and a revision."""

    reservation_id: str
    kind: str
    revision: int
    minor: int
    is_refund: bool

    @classmethod
    def by(cls, cause: str, minor: int, *, is_refund: bool) -> "Moved":
        """Read the cause as the provider was told it."""
        reservation_id, kind, revision = (*cause.split(":"), "", "")[:3]
        return cls(reservation_id, kind, int(revision) if revision.isdecimal() else 0, minor, is_refund)


@dataclass(frozen=True, slots=True)
class Account:
    """A reservation as its hub's log left it."""

    reservation: dict[str, Any]
    stays: tuple[dict[str, Any], ...]
    settled: bool | None  # whether it is sure that nobody came in on it any more; None: not decided
    cancelled_at: datetime | None  # by its driver
    declined_minor: int = 0  # what was charged to the card on file after the stay, and is a debt
    money_gone: bool = False  # its authorisation was given back, lapsed, or could not be captured
    left_unseen: bool = False  # its car was seen leaving before anybody had told that it had come in

    @property
    def window(self) -> Window:
        now = self.reservation
        return Window(parse_instant(now["start_time"]), parse_instant(now["end_time"]))

    @property
    def visits(self) -> list[tuple[datetime, datetime | None]]:
        """When its car came and left; of a no-show's that was only seen leaving, that instant twice."""
        own = (None, *_OWN.get(self.reservation["status"], ()))
        return [
            (parse_instant(stay["entered_at"] or stay["left_at"]), stay["left_at"] and parse_instant(stay["left_at"]))
            for stay in self.stays
            if stay["conflict"] in own and (stay["entered_at"] or self.reservation["status"] == "no_show")
        ]


def wrong(account: Account, moved: list[Moved], policy: Policy, tariff: Tariff) -> Iterator[str]:
    """What the bank moved for a reservation, and what it ought to have moved, where these differ."""
    status, price = account.reservation["status"], Money(**account.reservation["price"])
    taken = [one.minor for one in moved if one.kind in TAKEN]
    if taken not in ([], [price.amount_minor]):
        yield f"captured {taken} for a price of {price.amount_minor}"
    if not taken:
        if moved or (status in ("checked_in", "completed", "no_show") and not account.money_gone):
            yield f"{status}, nothing was captured, and {len(moved)} times money was moved"
        return
    back = sum(one.minor for one in moved if one.is_refund and one.kind not in BY_HAND)
    later = sum(one.minor for one in moved if one.kind in CHARGED_LATER) + account.declined_minor
    causes = [(one.kind, one.revision) for one in moved]
    if len(set(causes)) != len(causes):
        yield f"a cause was moved twice: {causes}"
    by_hand = sum(one.minor for one in moved if one.kind in BY_HAND)
    due_back, due_later = _due(account, price, policy, tariff)
    # What went back by hand before leaves that much less.
    if back not in {*due_back, *(min(due, price.amount_minor - by_hand) for due in due_back)}:
        yield f"{status}: paid back {back} in place of {' or '.join(map(str, due_back))}"
    if later != due_later:
        yield f"{status}: charged {later} after the stay in place of {due_later}"
    if back + by_hand > price.amount_minor:
        yield f"paid back {back + by_hand} of {price.amount_minor}"


def _due(account: Account, paid: Money, policy: Policy, tariff: Tariff) -> tuple[list[int], int]:
    """What may have gone back, and what is charged after the stay, in minor units."""
    visits = [(entered, left) for entered, left in account.visits if left is not None]
    window, status = account.window, account.reservation["status"]
    not_come = _not_come(account, paid, policy)
    went = [left for _, left in visits if not any(came <= left < gone for came, gone in visits)]
    # Who has left, and is let in once more by hand, keeps what went back for leaving early.
    unused = early_exit_refund(paid, window, min(went), policy).amount_minor if went else 0
    if len(visits) < len(account.visits):  # the car is inside; what went back before it came is not taken again
        return sorted({0, not_come, unused}), 0
    if status == "cancelled" and visits:
        costs = sum(tariff.price(Window(entered, left)).amount_minor for entered, left in visits)
        return [max(paid.amount_minor - costs, 0)], max(costs - paid.amount_minor, 0)
    if not visits:
        return [not_come], 0
    too_long = [(max(entered, window.end), left) for entered, left in visits if left > max(entered, window.end)]
    return [max(unused, not_come)], sum(tariff.price(Window(*times)).amount_minor for times in too_long)


def _not_come(account: Account, paid: Money, policy: Policy) -> int:
    """What goes back where no car came in on the reservation."""
    status = account.reservation["status"]
    if status == "cancelled" and account.cancelled_at is None:
        return paid.amount_minor  # the lot's doing
    if status == "no_show" and account.left_unseen:
        return paid.amount_minor  # who went out had come in, though nobody knew when; it stays with the driver
    if status not in _OWN or account.settled is None:
        return 0
    if status == "cancelled" and account.cancelled_at is not None:
        return cancel_refund(paid, account.window, account.cancelled_at, policy).amount_minor
    return no_show_refund(paid, policy).amount_minor if account.settled else paid.amount_minor
