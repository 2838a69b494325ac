"""What a reservation ought to have cost, and that every other amount is found."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.now import rfc3339
from domain.policy import Policy, Tariff
from simulator.account import Account, Moved, wrong

START = datetime(2026, 5, 14, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
POLICY = Policy(minimum_fee_minor=100, no_show_fee_percent=60)  # cancelled a day ahead: everything goes back
TARIFF = Tariff("EUR", step_minutes=60, step_minor=500)
PAID = 1_000


def at(hours: float) -> datetime:
    return START + hours * HOUR


def stay(entered: float | None, left: float | None, conflict: str | None = None) -> dict[str, Any]:
    return {
        "entered_at": None if entered is None else rfc3339(at(entered)),
        "left_at": None if left is None else rfc3339(at(left)),
        "conflict": conflict,
    }


def account(
    status: str, *stays: dict[str, Any], settled: bool | None = None, cancelled: float | None = None
) -> Account:
    reservation = {
        "status": status,
        "start_time": rfc3339(START),
        "end_time": rfc3339(at(2)),
        "price": {"amount_minor": PAID, "currency": "EUR"},
    }
    left_unseen = any(stay["conflict"] == "exit-without-entry" for stay in stays)
    return Account(reservation, stays, settled, None if cancelled is None else at(cancelled), left_unseen=left_unseen)


def moved(kind: str, minor: int, revision: int = 1) -> Moved:
    return Moved("7K3MQ2XD9P", kind, revision, minor, kind not in ("charge", "overstay", "drive-up"))


CHARGE = moved("charge", PAID)

ENTRY_TOLD_LATE = replace(account("no_show", stay(0, 1, "after-no-show"), settled=True), left_unseen=True)
"""Its car was seen leaving, the no-show was decided and all paid back, and then its entry came to light."""

RIGHT = [
    (ENTRY_TOLD_LATE, [CHARGE, moved("no-show", PAID)]),
    (account("completed", stay(0, 1)), [CHARGE, moved("early-exit", 500)]),
    (account("completed", stay(0, 2)), [CHARGE]),
    (account("completed", stay(0, 1), stay(1.2, 2)), [CHARGE, moved("early-exit", 500)]),  # let in once more, by hand
    (account("completed", stay(0, 3.5)), [CHARGE, moved("overstay", 1_000)]),
    (account("completed", stay(0, 1), stay(0.2, 1.5, "double-entry")), [CHARGE, moved("early-exit", 500)]),
    (account("checked_in", stay(0, None)), [CHARGE]),
    (account("cancelled", settled=True, cancelled=-30), [CHARGE, moved("cancel", PAID)]),
    (account("cancelled", settled=None, cancelled=-30), [CHARGE]),
    (account("cancelled", settled=True, cancelled=-0.1), [CHARGE]),
    (account("cancelled", stay(0, 1, "after-cancel"), cancelled=-30), [CHARGE, moved("cancel", 500)]),
    (account("cancelled", stay(0, 3, "after-cancel"), cancelled=-30), [CHARGE, moved("drive-up", 500)]),
    (account("cancelled"), []),
    (account("no_show", settled=True), [CHARGE, moved("no-show", 400)]),
    (account("no_show", settled=False), [CHARGE, moved("no-show", PAID)]),
    (account("no_show"), [CHARGE]),
    (account("no_show", stay(1, None, "after-no-show"), settled=True), [CHARGE, moved("no-show", 400)]),
    (account("no_show", stay(0.5, 1, "after-no-show"), settled=True), [CHARGE, moved("fee-back", 500)]),
    (account("no_show", stay(None, 1, "after-no-show"), settled=True), [CHARGE, moved("fee-back", 500)]),
    (account("no_show", stay(None, 3.5, "after-no-show"), settled=True), [CHARGE, moved("fee-back", 400)]),
    (account("no_show", stay(None, 1, "after-no-show"), settled=False), [CHARGE, moved("fee-back", PAID)]),
    (account("no_show", stay(None, 0.1, "exit-without-entry"), settled=False), [CHARGE, moved("no-show", PAID)]),
    (
        account("cancelled", stay(None, 1, "after-no-show"), cancelled=-30, settled=True),
        [CHARGE, moved("cancel", PAID)],
    ),
    (account("cancelled", settled=True, cancelled=-30), [CHARGE, moved("manual", 400), moved("cancel", 600)]),
    (account("completed", stay(0, 2)), [CHARGE, moved("manual", 50), moved("manual", 50, 2)]),
]


@pytest.mark.parametrize(("known", "by_bank"), RIGHT)
def test_what_is_right_is_passed_over(known: Account, by_bank: list[Moved]) -> None:
    assert list(wrong(known, by_bank, POLICY, TARIFF)) == []


@pytest.mark.parametrize(("known", "by_bank"), [case for case in RIGHT if case[1]])
def test_one_cent_more_or_less_is_found(known: Account, by_bank: list[Moved]) -> None:
    for number, one in enumerate(by_bank):
        if one.kind == "manual":
            continue
        for off in (1, -1):
            tampered = [*by_bank[:number], moved(one.kind, one.minor + off), *by_bank[number + 1 :]]
            assert list(wrong(known, tampered, POLICY, TARIFF)), f"{one.kind} off by {off}"


@pytest.mark.parametrize(("known", "by_bank"), [case for case in RIGHT if case[1]])
def test_what_was_moved_twice_is_found(known: Account, by_bank: list[Moved]) -> None:
    for one in by_bank:
        assert list(wrong(known, [*by_bank, one], POLICY, TARIFF)), one.kind


@pytest.mark.parametrize(("known", "by_bank"), [case for case in RIGHT if len(case[1]) > 1])
def test_what_was_not_moved_is_found(known: Account, by_bank: list[Moved]) -> None:
    if known.reservation["status"] == "no_show" and any(one["left_at"] is None for one in known.stays):
        return  # whether it went back before the car came is not in the log
    missing = [one for one in by_bank if one.kind in ("charge", "manual")]
    if any(one.kind == "manual" for one in missing):
        return
    assert list(wrong(known, missing, POLICY, TARIFF))


def test_a_stay_that_was_never_paid_for_is_found() -> None:
    assert list(wrong(account("completed", stay(0, 1)), [], POLICY, TARIFF))


def test_more_back_than_was_taken_is_found() -> None:
    given = [CHARGE, moved("early-exit", 500), moved("manual", 501)]
    assert list(wrong(account("completed", stay(0, 1)), given, POLICY, TARIFF))
