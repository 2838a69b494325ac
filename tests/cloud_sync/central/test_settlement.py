"""Money back: after an early exit, after a cancellation, once each, whichever comes first."""

from datetime import timedelta

import pytest

from domain.reservation import Status
from domain.stay import Conflict
from tests.cloud_sync.central.banks import MemoryBank
from tests.cloud_sync.central.site import Site
from tests.cloud_sync.central.street import END, LOT, START


async def paid(site: Site) -> str:
    site.me = await site.driver()
    reservation_id: str = (await site.me.book()).json()["reservation_id"]
    await site.me.pay(reservation_id)
    return reservation_id


async def left(site: Site, reservation_id: str, after: timedelta, conflict: Conflict | None = None) -> None:
    site.watch.pass_by(START + after - site.watch().utc)
    site.street.stay(reservation_id, left_at=START + after, conflict=conflict)
    site.take_in()
    await site.work()


async def test_who_leaves_early_gets_the_unused_time_back_once(site: Site, bank: MemoryBank) -> None:
    reservation_id = await paid(site)
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
    reservation_id = await paid(site)
    await left(site, reservation_id, timedelta(minutes=1))
    assert bank.refunds == {f"{reservation_id}:early-exit:1": 700}


@pytest.mark.parametrize(
    ("after", "conflict"),
    [(END - START, None), (timedelta(hours=3), None), (timedelta(hours=1), Conflict.DOUBLE_ENTRY)],
)
async def test_who_stays_to_the_end_or_in_conflict_gets_nothing_back(
    site: Site, bank: MemoryBank, after: timedelta, conflict: Conflict | None
) -> None:
    reservation_id = await paid(site)
    await left(site, reservation_id, after, conflict)
    assert bank.refunds == {}


async def test_a_refund_waits_for_its_capture(site: Site, bank: MemoryBank) -> None:
    bank.silent.add("capture")
    reservation_id = await paid(site)
    await left(site, reservation_id, timedelta(hours=1))
    assert bank.refunds == {}
    bank.silent.clear()
    site.watch.pass_by(timedelta(minutes=2))
    await site.work()
    assert bank.refunds == {f"{reservation_id}:early-exit:1": 400}
    assert site.balances() == {"bank": 400, "revenue:riverside": -400, "refunds_due": 0}


async def test_a_silent_bank_is_asked_for_the_refund_again(site: Site, bank: MemoryBank) -> None:
    reservation_id = await paid(site)
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
    reservation_id = await paid(site)
    bank.refuses["refund"] = "refund_failed"
    await left(site, reservation_id, timedelta(hours=1))
    assert site.balances() == {"bank": 800, "revenue:riverside": -800, "refunds_due": 0}
    assert site.payment().pending_minor == 0
    assert "refund.refused" in caplog.messages


@pytest.mark.parametrize(("now", "refund"), [(timedelta(), 400), (timedelta(hours=1, minutes=30), 0)])
async def test_cancelling_pays_back_by_the_notice_that_was_given(
    site: Site, bank: MemoryBank, now: timedelta, refund: int
) -> None:
    reservation_id = await paid(site)
    site.watch.pass_by(now)
    answer = await site.me.cancel(reservation_id)
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    site.take_in()
    await site.work()
    assert sum(bank.refunds.values()) == refund
    assert (await site.me.cancel(reservation_id)).status_code == 200, "cancelling twice changes nothing"
    await site.work()
    assert sum(bank.refunds.values()) == refund


async def test_cancelling_what_is_only_held_pays_nothing_back(site: Site, bank: MemoryBank) -> None:
    driver = await site.driver()
    reservation_id = (await driver.book()).json()["reservation_id"]
    assert (await driver.cancel(reservation_id)).json()["status"] == "cancelled"
    assert (await driver.pay(reservation_id)).json()["code"] == "reservation_cancelled"
    assert bank.calls == []
    assert (await driver.book()).status_code == 201, "the spot is free again"


async def test_a_cancellation_whose_answer_was_lost_is_settled_by_the_fact(site: Site, bank: MemoryBank) -> None:
    reservation_id = await paid(site)
    site.street.mute = True
    answer = await site.me.cancel(reservation_id)
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    site.watch.pass_by(timedelta(hours=1, minutes=30))
    site.take_in()
    await site.work()
    assert bank.refunds == {f"{reservation_id}:cancel:1": 400}, "the instant of the driver's first try counts"


async def test_what_the_lot_cancels_is_paid_back_whole(site: Site, bank: MemoryBank) -> None:
    reservation_id = await paid(site)
    site.street.step(reservation_id, Status.CANCELLED, "attendant")
    site.take_in()
    await site.work()
    assert bank.refunds == {f"{reservation_id}:cancel:1": 800}
    assert (await site.me.get(f"/payments/{site.payment().payment_id}")).json()["status"] == "refunded"


async def test_when_it_cannot_be_cancelled(site: Site) -> None:
    reservation_id = await paid(site)
    other = await site.driver("other@example.com")
    assert (await other.cancel(reservation_id)).status_code == 404
    site.street.away = True
    offline = await site.me.cancel(reservation_id)
    assert (offline.status_code, offline.json()["code"]) == (503, "hub_offline")
    site.street.away = False
    site.street.status[reservation_id] = Status.CHECKED_IN
    refused = await site.me.cancel(reservation_id)
    assert (refused.status_code, refused.json()["code"]) == (409, "reservation_checked_in")
    assert site.bookings()[0].cancel_requested_at is None, "a wish that was refused counts for nothing later"
    site.watch.pass_by(timedelta(hours=2))
    late = await site.me.cancel(reservation_id)
    assert (late.status_code, late.json()["code"]) == (409, "window_started")


async def test_the_instant_of_the_first_try_counts_also_where_the_hub_was_away(site: Site) -> None:
    reservation_id = await paid(site)
    site.street.away = True
    await site.me.cancel(reservation_id)
    first = site.bookings()[0].cancel_requested_at
    assert first == site.watch().utc
    site.watch.pass_by(timedelta(minutes=5))
    site.street.away = False
    await site.me.cancel(reservation_id)
    assert site.bookings()[0].cancel_requested_at == first


async def test_a_cancellation_waits_behind_a_payment(site: Site) -> None:
    driver = await site.driver()
    reservation_id = (await driver.book()).json()["reservation_id"]
    site.street.deaf = True
    await driver.pay(reservation_id)
    answer = await driver.cancel(reservation_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "payment_processing")
