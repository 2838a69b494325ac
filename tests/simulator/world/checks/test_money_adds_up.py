"""Money that the rules do not account for is found, to the minor unit."""

from dataclasses import replace

import pytest

from cloud_sync.central.bank import IntentState
from domain.money import Money
from domain.now import rfc3339
from simulator.world.checks.money_adds_up import check
from simulator.world.provider import Deed, What
from simulator.world.seen import DriverTold, Told
from tests.simulator.world.checks.conftest import LOT, Run


def moved(run: Run, kind: str) -> Deed:
    """Something that the bank did for a cause of this kind, and that moved money."""
    kinds = (What.CAPTURED, What.CHARGED, What.REFUNDED)
    return next(deed for deed in run.bank.deeds if f":{kind}:" in deed.cause and deed.what in kinds)


@pytest.mark.parametrize("kind", ["charge", "early-exit"])
def test_a_deed_of_the_bank_that_is_missing(run: Run, kind: str) -> None:
    deed = moved(run, kind)
    run.bank.provider.deeds.remove(deed)
    found = {finding.which for finding in run.found(check)}
    assert found == {"central", deed.cause.partition(":")[0]}


@pytest.mark.parametrize("kind", ["charge", "early-exit"])
def test_a_cause_that_was_moved_twice(run: Run, kind: str) -> None:
    deed = moved(run, kind)
    run.bank.provider.deeds.append(deed)
    found = {finding.which for finding in run.found(check)}
    assert found == {"central", deed.cause.partition(":")[0]}


def test_a_refund_that_is_too_high_by_one(run: Run) -> None:
    deed = moved(run, "early-exit")
    index = run.bank.provider.deeds.index(deed)
    more = Money(deed.amount.amount_minor + 1, deed.amount.currency)
    run.bank.provider.deeds[index] = replace(deed, amount=more)
    reservation_id = deed.cause.partition(":")[0]
    assert any(finding.which == reservation_id and "paid back" in finding.what for finding in run.found(check))


def test_a_stay_that_ought_to_have_cost_something_else(run: Run) -> None:
    reservation_id = moved(run, "early-exit").cause.partition(":")[0]
    run.sql(LOT, "UPDATE stay SET left_at = entered_at WHERE reservation_id = ?", reservation_id)
    assert [finding.which for finding in run.found(check)] == [reservation_id]


def test_what_was_decided_in_the_last_minutes_may_be_on_its_way(run: Run) -> None:
    reservation_id = moved(run, "early-exit").cause.partition(":")[0]
    just_now = rfc3339(run.seen.instant(run.seen.ends_ms - 60_000))
    run.sql(LOT, "UPDATE stay SET left_at = entered_at, told_at = ? WHERE reservation_id = ?", just_now, reservation_id)
    assert run.found(check) == []


def test_a_complaint_that_was_made_good_in_words_alone(run: Run) -> None:
    reservation_id = moved(run, "early-exit").cause.partition(":")[0]
    for told in (Told.COMPLAINS, Told.MADE_GOOD):
        run.seen.drivers.append(DriverTold(0, "somebody", told, reservation_id, "key"))
    (finding,) = run.found(check)
    assert (finding.which, finding.what) == (
        reservation_id,
        "1 complaints, 1 told to be made good, and 0 refunds by hand",
    )


def test_a_refund_by_hand_that_nobody_asked_for(run: Run) -> None:
    deed = moved(run, "early-exit")
    reservation_id = deed.cause.partition(":")[0]
    by_hand = replace(deed, cause=f"{reservation_id}:manual:1", amount=Money(1, deed.amount.currency))
    run.bank.provider.deeds.append(by_hand)
    found = [finding.what for finding in run.found(check) if finding.which == reservation_id]
    assert "0 complaints, 0 told to be made good, and 1 refunds by hand" in found


def test_a_posting_that_does_not_balance(run: Run) -> None:
    run.sql("central", "UPDATE ledger SET amount_minor = amount_minor + 1 WHERE entry_id = 1")
    assert any("is off by 1" in finding.what for finding in run.found(check))


def test_money_for_a_reservation_that_nobody_knows(run: Run) -> None:
    run.bank.provider.deeds.append(replace(moved(run, "charge"), cause="0000000000:charge:1"))
    assert any(finding.which == "0000000000" for finding in run.found(check))


def test_a_cause_for_two_orders(run: Run) -> None:
    run.bank.provider.misused_keys.append("A:charge:1")
    assert [finding.which for finding in run.found(check)] == ["A:charge:1"]


def test_money_that_is_held_back_for_nothing(run: Run) -> None:
    held = next(held for held in run.bank.provider.intents.values() if held.state is IntentState.CAPTURED)
    held.state, held.created_ms = IntentState.AUTHORISED, 0
    assert any("neither taken nor given back" in finding.what for finding in run.found(check))
    run.sql("central", "UPDATE payments SET step = 'confirm' WHERE intent_id = ?", held.intent_id)
    assert not any("neither taken nor given back" in finding.what for finding in run.found(check))
