"""Money back: after an early exit, after a cancellation, once each, whichever comes first."""

from datetime import timedelta

import pytest

from domain.reservation import Status
from domain.stay import Conflict
from tests.cloud_sync.central.banks import MemoryBank
from tests.cloud_sync.central.site import Site
from tests.cloud_sync.central.street import END, LOT, START


async def left(site: Site, reservation_id: str, after: timedelta, conflict: Conflict | None = None) -> None:
    site.watch.pass_by(START + after - site.watch().utc)
    site.street.stay(reservation_id, left_at=START + after, conflict=conflict)
    site.take_in()
    await site.work()


async def test_who_leaves_early_gets_the_unused_time_back_once(site: Site, bank: MemoryBank) -> None:
    reservation_id = await site.paid()
    await left(site, reservation_id, timedelta(hours=1))
    await left(site, reservation_id, timedelta(hours=1))
    assert bank.refunds == {f"{reservation_id}:early-exit:1": 400}
    assert bank.calls.count("refund") == 1
    payment = (await site.me.get(f"/payments/{site.payment().payment_id}")).json()
    assert (payment["status"], payment["refunded"]["amount_minor"]) == ("partially_refunded", 400)
    assert site.balances() == {"bank": 400, "revenue:riverside": -400, "refunds_due": 0}
    told = site.office.journals[LOT].latest("payment.changed/1")
    assert told is not None
    assert told.payload["refunded"] == {"amount_minor": 400, "currency": "EUR"}
    shown = (await site.me.get(f"/reservations/{reservation_id}")).json()
    assert (shown["entered_at"], shown["left_at"]) == ("2026-05-14T14:00:00.000Z", "2026-05-14T15:00:00.000Z")


async def test_the_minimum_fee_stays_with_the_lot(site: Site, bank: MemoryBank) -> None:
    reservation_id = await site.paid()
    await left(site, reservation_id, timedelta(minutes=1))
    assert bank.refunds == {f"{reservation_id}:early-exit:1": 700}


@pytest.mark.parametrize(
    ("after", "conflict"),
    [(END - START, None), (timedelta(hours=3), None), (timedelta(hours=1), Conflict.DOUBLE_ENTRY)],
)
async def test_who_stays_to_the_end_or_in_conflict_gets_nothing_back(
    site: Site, bank: MemoryBank, after: timedelta, conflict: Conflict | None
) -> None:
    reservation_id = await site.paid()
    await left(site, reservation_id, after, conflict)
    assert bank.refunds == {}


async def test_a_refund_waits_for_its_capture(site: Site, bank: MemoryBank) -> None:
    bank.silent.add("capture")
    reservation_id = await site.paid()
    await left(site, reservation_id, timedelta(hours=1))
    assert bank.refunds == {}
    bank.silent.clear()
    site.watch.pass_by(timedelta(minutes=2))
    await site.work()
    assert bank.refunds == {f"{reservation_id}:early-exit:1": 400}
    assert site.balances() == {"bank": 400, "revenue:riverside": -400, "refunds_due": 0}


async def test_a_silent_bank_is_asked_for_the_refund_again(site: Site, bank: MemoryBank) -> None:
    reservation_id = await site.paid()
    bank.silent.add("refund")
    await left(site, reservation_id, timedelta(hours=1))
    assert site.payment().pending_minor == 400
    assert site.balances() == {"bank": 800, "revenue:riverside": -400, "refunds_due": -400}
    bank.silent.clear()
    site.watch.pass_by(timedelta(minutes=2))
    await site.work()
    assert (site.payment().pending_minor, site.payment().refunded_minor) == (0, 400)


async def test_a_refund_that_the_bank_refuses_goes_back_to_the_lot_and_is_told(
    site: Site, bank: MemoryBank, caplog: pytest.LogCaptureFixture
) -> None:
    reservation_id = await site.paid()
    bank.refuses["refund"] = "refund_failed"
    await left(site, reservation_id, timedelta(hours=1))
    assert site.balances() == {"bank": 800, "revenue:riverside": -800, "refunds_due": 0}
    assert site.payment().pending_minor == 0
    assert "refund.refused" in caplog.messages


@pytest.mark.parametrize(("now", "refund"), [(timedelta(), 400), (timedelta(hours=1, minutes=30), 0)])
async def test_cancelling_pays_back_by_the_notice_once_every_gate_knows(
    site: Site, bank: MemoryBank, now: timedelta, refund: int
) -> None:
    reservation_id = await site.paid()
    site.watch.pass_by(now)
    answer = await site.me.cancel(reservation_id)
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    await site.hear()
    assert bank.refunds == {}, "a gate that does not know yet may still let them in"
    site.street.withdrawn(reservation_id, complete=False)
    await site.hear()
    assert sum(bank.refunds.values()) == refund
    assert (await site.me.cancel(reservation_id)).status_code == 200, "cancelling twice changes nothing"
    await site.work()
    assert sum(bank.refunds.values()) == refund


async def test_gates_that_never_answer_hold_a_refund_up_to_the_windows_end(site: Site, bank: MemoryBank) -> None:
    reservation_id = await site.paid()
    await site.me.cancel(reservation_id)
    await site.hear()
    site.watch.pass_by(END - site.watch().utc - timedelta(milliseconds=1))
    await site.work()
    assert bank.refunds == {}
    site.restart()
    site.watch.pass_by(timedelta(milliseconds=1))
    await site.work()
    assert bank.refunds == {f"{reservation_id}:cancel:1": 400}
    site.street.withdrawn(reservation_id)
    await site.hear()
    assert bank.refunds == {f"{reservation_id}:cancel:1": 400}


async def test_who_came_in_after_cancelling_pays_a_drive_up(site: Site, bank: MemoryBank) -> None:
    reservation_id = await site.paid()
    await site.me.cancel(reservation_id)
    site.street.stay(reservation_id, left_at=None, conflict=Conflict.AFTER_CANCEL)
    site.street.withdrawn(reservation_id)
    await site.hear()
    assert bank.refunds == {}, "what it costs is known once the car has left"
    await left(site, reservation_id, timedelta(minutes=40), Conflict.AFTER_CANCEL)
    assert bank.refunds == {f"{reservation_id}:cancel:1": 500}, "three quarters of an hour are kept"
    assert bank.charges == {}


async def test_a_drive_up_that_costs_more_than_was_paid_is_charged_to_the_card_on_file(
    site: Site, bank: MemoryBank
) -> None:
    reservation_id = await site.paid()
    await site.me.cancel(reservation_id)
    site.street.withdrawn(reservation_id)
    await site.hear()
    assert bank.refunds == {f"{reservation_id}:cancel:1": 400}
    await left(site, reservation_id, timedelta(hours=3), Conflict.AFTER_CANCEL)
    assert bank.refunds == {f"{reservation_id}:cancel:1": 400}
    assert bank.charges == {f"{reservation_id}:drive-up:1": 800}
    assert site.balances() == {"bank": 1_200, "revenue:riverside": -1_200, "refunds_due": 0, "drivers_owe": 0}


async def test_cancelling_what_is_only_held_pays_nothing_back(site: Site, bank: MemoryBank) -> None:
    driver = await site.driver()
    reservation_id = (await driver.book()).json()["reservation_id"]
    assert (await driver.cancel(reservation_id)).json()["status"] == "cancelled"
    assert (await driver.pay(reservation_id)).json()["code"] == "reservation_cancelled"
    assert bank.calls == []
    assert (await driver.book()).status_code == 201, "the spot is free again"


async def test_a_cancellation_whose_answer_was_lost_is_settled_by_the_facts(site: Site, bank: MemoryBank) -> None:
    reservation_id = await site.paid()
    site.street.mute = True
    assert (await site.me.cancel(reservation_id)).status_code == 202
    site.watch.pass_by(timedelta(hours=1, minutes=30))
    site.street.withdrawn(reservation_id)
    await site.hear()
    assert bank.refunds == {f"{reservation_id}:cancel:1": 400}, "the instant of the driver's first try counts"
    assert site.bookings()[0].state == "cancelled"


async def test_what_the_lot_cancels_is_paid_back_whole_and_at_once(site: Site, bank: MemoryBank) -> None:
    reservation_id = await site.paid()
    site.street.step(reservation_id, Status.CANCELLED, "attendant")
    await site.hear()
    assert bank.refunds == {f"{reservation_id}:cancel:1": 800}
    assert (await site.me.get(f"/payments/{site.payment().payment_id}")).json()["status"] == "refunded"


@pytest.mark.parametrize(("complete", "back"), [(True, {}), (False, {"no-show:1": 800})])
async def test_the_fee_for_not_coming_is_kept_only_where_it_is_sure(
    site: Site, bank: MemoryBank, complete: bool, back: dict[str, int]
) -> None:
    reservation_id = await site.paid()
    site.street.step(reservation_id, Status.NO_SHOW, "no_show")
    await site.hear()
    assert bank.refunds == {}
    site.street.withdrawn(reservation_id, complete=complete)
    await site.hear()
    assert bank.refunds == {f"{reservation_id}:{kind}": amount for kind, amount in back.items()}


async def test_a_car_that_was_seen_to_leave_hurries_no_cancellation(site: Site, bank: MemoryBank) -> None:
    reservation_id = await site.paid()
    await site.me.cancel(reservation_id)
    await left(site, reservation_id, timedelta(hours=1), Conflict.EXIT_WITHOUT_ENTRY)
    assert bank.refunds == {}, "another may still come in"
    site.watch.pass_by(timedelta(hours=1))
    await site.work()
    assert bank.refunds == {f"{reservation_id}:cancel:1": 400}


async def test_who_comes_late_after_all_owes_no_fee(site: Site, bank: MemoryBank) -> None:
    reservation_id = await site.paid()
    site.street.step(reservation_id, Status.NO_SHOW, "no_show")
    site.street.withdrawn(reservation_id)
    site.street.stay(reservation_id, left_at=None, conflict=Conflict.AFTER_NO_SHOW)
    await site.hear()
    assert bank.refunds == {}
    await left(site, reservation_id, timedelta(hours=1), Conflict.AFTER_NO_SHOW)
    assert bank.refunds == {f"{reservation_id}:fee-back:1": 400}


@pytest.mark.parametrize(("first", "kind"), [(True, "no-show"), (False, "fee-back")])
async def test_who_was_only_seen_leaving_owes_no_fee(site: Site, bank: MemoryBank, first: bool, kind: str) -> None:
    """An attendant let the car in. Whether it left before its spot was given up or after, and long after its window."""
    reservation_id = await site.paid()
    if first:
        site.street.stay(reservation_id, START, entered_at=None, conflict=Conflict.EXIT_WITHOUT_ENTRY)
    site.street.step(reservation_id, Status.NO_SHOW, "no_show")
    if not first:
        late = END + timedelta(hours=3)
        site.street.stay(reservation_id, late, entered_at=None, conflict=Conflict.AFTER_NO_SHOW)
    site.street.withdrawn(reservation_id, complete=False)
    await site.hear()
    assert bank.refunds == {f"{reservation_id}:{kind}:1": 800}
    assert bank.charges == {}


async def test_a_refund_that_the_bank_refused_has_not_gone_back(site: Site, bank: MemoryBank) -> None:
    reservation_id = await site.paid()
    site.street.step(reservation_id, Status.NO_SHOW, "no_show")
    site.street.withdrawn(reservation_id, complete=False)
    bank.refuses["refund"] = "refund_failed"
    await site.hear()
    bank.refuses.clear()
    site.street.withdrawn(reservation_id, complete=False)
    await site.hear()
    assert bank.refunds == {}, "it is not tried for ever: an operator must look at it"
    await left(site, reservation_id, timedelta(hours=1), Conflict.AFTER_NO_SHOW)
    assert bank.refunds == {f"{reservation_id}:fee-back:1": 800}


async def test_who_leaves_late_pays_for_the_time_after_the_window(site: Site, bank: MemoryBank) -> None:
    reservation_id = await site.paid()
    await left(site, reservation_id, timedelta(hours=2, minutes=20))
    await left(site, reservation_id, timedelta(hours=2, minutes=20))
    assert bank.charges == {f"{reservation_id}:overstay:1": 200}
    assert bank.taken_minor() == 1_000
    assert site.balances() == {"bank": 1_000, "revenue:riverside": -1_000, "drivers_owe": 0}
    shown = (await site.me.get(f"/payments/{site.payment().payment_id}")).json()
    assert (shown["status"], shown["amount"]["amount_minor"]) == ("succeeded", 800)


async def test_a_card_that_is_declined_afterwards_leaves_a_debt_that_is_told_once(
    site: Site, bank: MemoryBank, caplog: pytest.LogCaptureFixture
) -> None:
    reservation_id = await site.paid()
    bank.silent.add("charge")
    await left(site, reservation_id, timedelta(hours=2, minutes=20))
    assert site.balances()["drivers_owe"] == 200
    bank.silent.clear()
    bank.refuses["charge"] = "card_declined"
    site.watch.pass_by(timedelta(minutes=2))
    await site.work()
    await left(site, reservation_id, timedelta(hours=2, minutes=20))
    assert caplog.messages.count("charge.debt") == 1
    assert [(m.kind, m.state) for m in site.movements()] == [("charge", "done"), ("overstay", "debt")]
    assert site.balances() == {"bank": 800, "revenue:riverside": -1_000, "drivers_owe": 200}


async def test_what_an_operator_gave_back_is_not_given_back_twice(site: Site, bank: MemoryBank) -> None:
    reservation_id = await site.paid()
    body = {"reason": "goodwill", "amount": {"amount_minor": 600, "currency": "EUR"}}
    await site.operator().post(f"/payments/{site.payment().payment_id}/refund", body)
    await left(site, reservation_id, timedelta(hours=1))
    assert bank.refunds == {f"{reservation_id}:manual:1": 600, f"{reservation_id}:early-exit:1": 200}
