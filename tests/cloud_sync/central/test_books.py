"""Central's database is set back to a backup, or is new: the books come back from the provider's record, once each."""

import asyncio
import shutil
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from cloud_sync.central.bank import Booked, IntentState
from cloud_sync.central.books import LOOKED_BACK, OVERLAP
from cloud_sync.central.tables import Payment
from domain.errors import TryLater
from domain.money import Money
from domain.reservation import Status
from domain.stay import Conflict
from tests.cloud_sync.central.banks import MemoryBank
from tests.cloud_sync.central.site import Driver, Site
from tests.cloud_sync.central.street import END, LOT, START
from tests.parts import NOON

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def me(site: Site) -> Driver:
    """A driver whose account is in the backup that the database is set back to."""
    site.me = await site.driver()
    back_up(site)
    return site.me


def back_up(site: Site) -> None:
    site.office.close()
    shutil.copy(site.folder / "central.db", site.folder / "backup.db")
    go_on(site)


def go_on(site: Site) -> None:
    site.start()
    with suppress(AttributeError):
        site.me = site.me.with_app(site.app)


async def restore(site: Site, *, wholly_lost: bool = False) -> None:
    """Central starts on the backup, or on nothing, and everything is done that is due."""
    site.office.close()
    for end in ("", "-wal", "-shm"):
        (site.folder / f"central.db{end}").unlink(missing_ok=True)
    if not wholly_lost:
        shutil.copy(site.folder / "backup.db", site.folder / "central.db")
    go_on(site)
    await site.hear()


async def leave(site: Site, reservation_id: str, after: timedelta) -> None:
    site.watch.pass_by(START + after - site.watch().utc)
    site.street.stay(reservation_id, left_at=START + after)
    await site.hear()


async def book_and_pay(site: Site) -> str:
    reservation_id: str = (await site.me.book()).json()["reservation_id"]
    assert (await site.me.pay(reservation_id)).status_code == 201
    return reservation_id


@pytest.mark.parametrize("wholly_lost", [False, True])
async def test_what_was_paid_is_in_the_books_again_and_its_ticket_too(
    site: Site, bank: MemoryBank, me: Driver, wholly_lost: bool
) -> None:
    reservation_id = await book_and_pay(site)
    payment_id = site.payment().payment_id
    await restore(site, wholly_lost=wholly_lost)
    payment = site.payment()
    assert (payment.payment_id, payment.step, payment.captured_minor) == (payment_id, "paid", 800)
    assert site.balances() == {"bank": 800, "revenue:riverside": -800}
    (booking,) = site.bookings()
    assert (booking.reservation_id, booking.user_id, booking.vehicle_id) == (reservation_id, me.user_id, me.vehicle_id)
    assert booking.ticket == f"TICKET {reservation_id} {booking.spot_id}"
    assert bank.calls == ["authorise", "capture"]
    told = site.office.journals[LOT].latest("payment.changed/1")
    assert told is not None
    assert told.payload["paid"] == {"amount_minor": 800, "currency": "EUR"}


async def test_its_driver_sees_what_they_saw_before(site: Site, me: Driver) -> None:
    reservation_id = await book_and_pay(site)
    paths = (f"/reservations/{reservation_id}", f"/payments/{site.payment().payment_id}")
    before = [(await site.me.get(path)).json() for path in paths]
    await restore(site)
    assert [(await site.me.get(path)).json() for path in paths] == before
    assert (await site.me.pay(reservation_id)).json() == before[1], "nobody pays twice"


@pytest.mark.parametrize("wholly_lost", [False, True])
async def test_what_was_paid_back_is_not_paid_back_again(
    site: Site, bank: MemoryBank, me: Driver, wholly_lost: bool
) -> None:
    reservation_id = await book_and_pay(site)
    await leave(site, reservation_id, timedelta(hours=1))
    await restore(site, wholly_lost=wholly_lost)
    assert bank.refunds == {f"{reservation_id}:early-exit:1": 400}
    assert bank.calls.count("refund") == 1
    assert (site.payment().refunded_minor, site.payment().pending_minor) == (400, 0)
    assert site.balances() == {"bank": 400, "revenue:riverside": -400, "refunds_due": 0}


async def test_what_the_card_on_file_has_paid_is_not_charged_again(site: Site, bank: MemoryBank, me: Driver) -> None:
    reservation_id = await book_and_pay(site)
    await leave(site, reservation_id, END - START + timedelta(minutes=30))
    assert bank.charges == {f"{reservation_id}:overstay:1": 200}
    await restore(site)
    assert bank.calls.count("charge") == 1
    assert site.balances() == {"bank": 1000, "revenue:riverside": -1000, "drivers_owe": 0}


async def test_what_an_operator_paid_back_is_known_again(site: Site, bank: MemoryBank, me: Driver) -> None:
    await book_and_pay(site)
    path, euro = f"/payments/{site.payment().payment_id}/refund", {"amount_minor": 100, "currency": "EUR"}
    for reason in ("kindness", "more of it"):
        assert (await site.operator().post(path, {"reason": reason, "amount": euro})).status_code == 201
        await restore(site)
    assert sorted(bank.refunds.values()) == [100, 100]
    assert site.payment().refunded_minor == 200


async def test_an_operator_who_asks_again_after_the_restore_pays_back_once(
    site: Site, bank: MemoryBank, me: Driver
) -> None:
    await book_and_pay(site)
    path = f"/payments/{site.payment().payment_id}/refund"
    body = {"reason": "kindness", "amount": {"amount_minor": 100, "currency": "EUR"}}
    for _ in range(2):
        answer = await site.operator().post(path, body, **{"Idempotency-Key": "k1"})
        assert (answer.status_code, answer.json()["refunded"]["amount_minor"]) == (201, 100)
        await restore(site)
    assert list(bank.refunds.values()) == [100]


async def test_an_authorisation_that_central_has_forgotten_is_captured_once(
    site: Site, bank: MemoryBank, me: Driver
) -> None:
    bank.silent.add("capture")
    reservation_id = (await site.me.book()).json()["reservation_id"]
    assert (await site.me.pay(reservation_id)).status_code == 202
    bank.silent.clear()
    await restore(site)
    assert site.payment().step == "paid"
    assert bank.taken_minor() == 800


async def test_an_authorisation_for_a_hold_that_ran_out_is_given_back(site: Site, bank: MemoryBank, me: Driver) -> None:
    reservation_id = (await site.me.book()).json()["reservation_id"]
    site.street.deaf = True
    await site.me.pay(reservation_id)
    site.street.deaf = False
    site.street.step(reservation_id, Status.EXPIRED, "hold_expired")
    await restore(site)
    assert site.payment().step == "failed"
    assert [state for _, state in bank.intents.values()] == [IntentState.GONE]


async def test_a_payment_that_the_backup_has_half_done_is_finished_as_the_provider_says(
    site: Site, bank: MemoryBank
) -> None:
    site.me = await site.driver()
    bank.silent.add("capture")
    reservation_id = (await site.me.book()).json()["reservation_id"]
    await site.me.pay(reservation_id)
    back_up(site)
    bank.silent.clear()
    site.watch.pass_by(MINUTE)
    await site.work()
    site.street.step(reservation_id, Status.NO_SHOW, "no_show")  # the hub would not confirm it any more
    await restore(site)
    assert (site.payment().step, site.payment().captured_minor) == ("paid", 800)
    assert site.balances()["bank"] == 800


async def test_a_cancellation_is_settled_by_the_drivers_instant_and_once(
    site: Site, bank: MemoryBank, me: Driver
) -> None:
    reservation_id = await book_and_pay(site)
    wished_at = site.watch().utc
    assert (await site.me.cancel(reservation_id)).status_code == 200
    site.street.withdrawn(reservation_id)
    await site.hear()
    back = dict(bank.refunds)
    assert len(back) == 1
    site.watch.pass_by(timedelta(hours=1))
    await restore(site)
    assert bank.refunds == back
    (booking,) = site.bookings()
    assert (booking.state, booking.cancel_requested_at) == ("cancelled", wished_at)


async def test_more_is_due_than_was_paid_back_before(site: Site, bank: MemoryBank, me: Driver) -> None:
    """What was queued again from facts alone gives way to what the provider has done; the rest goes back too."""
    reservation_id = await book_and_pay(site)
    await leave(site, reservation_id, timedelta(hours=1))
    (cause,) = bank.refunds
    bank.refunds[cause] = 300
    bank.silent.add("record")
    await restore(site)
    bank.silent.clear()
    await compared(site)
    assert bank.refunds == {cause: 300, f"{reservation_id}:early-exit:2": 100}
    assert (site.payment().refunded_minor, site.payment().pending_minor) == (400, 0)
    assert site.balances() == {"bank": 400, "revenue:riverside": -400, "refunds_due": 0}


async def compared(site: Site) -> None:
    site.office.books.compare()
    site.watch.pass_by(timedelta(minutes=2))
    await site.work()


async def test_no_money_moves_while_the_provider_is_silent(site: Site, bank: MemoryBank, me: Driver) -> None:
    bank.silent.add("record")
    await restore(site)
    reservation_id = (await site.me.book()).json()["reservation_id"]
    answer = await site.me.pay(reservation_id)
    assert (answer.status_code, answer.json()["code"]) == (503, "books_open")
    assert bank.calls == []


async def test_nor_is_anything_paid_back(site: Site, bank: MemoryBank) -> None:
    await site.paid()
    bank.silent.add("record")
    site.restart()
    refund = {"reason": "kindness", "amount": {"amount_minor": 100, "currency": "EUR"}}
    refused = await site.operator().post(f"/payments/{site.payment().payment_id}/refund", refund)
    assert (refused.status_code, refused.json()["code"]) == (503, "books_open")
    assert "refund" not in bank.calls


async def test_who_pays_again_for_a_booking_whose_payment_was_lost_has_paid(
    site: Site, bank: MemoryBank, me: Driver
) -> None:
    """The driver's app asks before the provider's record has been read."""
    reservation_id = await book_and_pay(site)
    bank.silent.add("record")
    await restore(site)
    site.street.status[reservation_id] = Status.HELD
    site.street.step(reservation_id, Status.HELD, "held")  # the hub was set back too
    await site.hear()
    assert (await site.me.pay(reservation_id)).status_code == 503
    bank.silent.clear()
    await compared(site)
    assert (await site.me.pay(reservation_id)).json()["status"] == "succeeded"
    assert (bank.calls.count("authorise"), bank.taken_minor()) == (1, 800)
    assert site.payment().step == "paid"


async def test_what_is_not_ours_and_what_cannot_be_followed_is_left_and_told(
    site: Site, bank: MemoryBank, me: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    await book_and_pay(site)
    order, _ = next(iter(bank.intents.values()))
    bank.refunds["invoice 7"] = 100
    bank.refund_of["invoice 7"] = "pi_7"
    bank.charges["A123456789:overstay:1"] = 300
    await restore(site)
    assert site.balances() == {"bank": 800, "revenue:riverside": -800}
    differing = [record for record in caplog.records if record.message == "books.differ"]
    assert [vars(record)["cause"] for record in differing] == ["A123456789:overstay:1"]
    assert order.amount == Money(800, "EUR")


async def test_a_restart_changes_nothing(site: Site, bank: MemoryBank, me: Driver) -> None:
    reservation_id = await book_and_pay(site)
    await leave(site, reservation_id, timedelta(hours=1))
    before = site.balances(), site.movements(), site.payment(), len(bank.calls)
    site.restart()
    await site.work()
    assert (site.balances(), site.movements(), site.payment(), len(bank.calls)) == before


async def test_books_are_compared_as_soon_as_the_provider_answers(site: Site, bank: MemoryBank) -> None:
    bank.silent.add("record")
    site.restart()
    with pytest.raises(TryLater):
        site.office.books.must_be_compared()
    bank.silent.clear()
    await soon(site.office.books.run(), site)


async def soon(running: Coroutine[Any, Any, None], site: Site) -> None:
    """Let the books run until they are compared."""
    task = asyncio.ensure_future(running)
    async with asyncio.timeout(10):
        while True:
            with suppress(TryLater):
                site.office.books.must_be_compared()
                break
            await asyncio.sleep(0.01)
    task.cancel()


async def test_what_was_not_read_before_a_crash_is_read_after_it(site: Site, bank: MemoryBank, me: Driver) -> None:
    """However much was booked meanwhile: the record is read from where the books are known to be whole."""
    await book_and_pay(site)
    bank.silent.add("record")
    await restore(site)
    site.watch.pass_by(timedelta(hours=20))
    assert (await site.me.book(start=START + timedelta(days=1), end=END + timedelta(days=1))).status_code == 201
    bank.silent.clear()
    site.restart()
    assert bank.read_since < NOON
    assert site.balances() == {"bank": 800, "revenue:riverside": -800}


async def test_an_ordinary_start_reads_an_hour_of_the_record(site: Site, bank: MemoryBank) -> None:
    assert bank.read_since == NOON - LOOKED_BACK - OVERLAP
    site.watch.pass_by(timedelta(days=1))
    site.restart()
    assert bank.read_since == NOON - OVERLAP


async def test_a_late_stay_after_the_no_show_is_settled_as_before(site: Site, bank: MemoryBank, me: Driver) -> None:
    reservation_id = await book_and_pay(site)
    site.watch.pass_by(END - site.watch().utc)
    site.street.step(reservation_id, Status.NO_SHOW, "no_show")
    site.street.withdrawn(reservation_id)
    await site.hear()
    site.street.stay(reservation_id, END, START + timedelta(hours=1), Conflict.AFTER_NO_SHOW)
    await site.hear()
    before = dict(bank.refunds)
    await restore(site, wholly_lost=True)
    assert bank.refunds == before
    assert site.payment().refunded_minor == sum(before.values())


def attempts(site: Site) -> list[tuple[int, str]]:
    with site.office.database.reading() as session:
        return sorted((one.attempt, one.step) for one in session.exec(select(Payment)))


async def test_every_attempt_is_known_again(site: Site, bank: MemoryBank, me: Driver) -> None:
    reservation_id = (await site.me.book()).json()["reservation_id"]
    bank.refuses["capture"] = "card_declined"
    await site.me.pay(reservation_id)
    assert attempts(site) == [(1, "failed")]
    await restore(site)
    assert attempts(site) == [(1, "failed")]


async def test_a_record_that_contradicts_itself_keeps_central_from_nothing(
    site: Site, bank: MemoryBank, me: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    """Two payments of one id, and a booking whose window is no time."""
    await book_and_pay(site)
    order, state = next(iter(bank.intents.values()))
    bank.intents["pi_2"] = replace(order, cause="B123456789:charge:1"), state
    await restore(site, wholly_lost=True)
    assert site.balances() == {"bank": 800, "revenue:riverside": -800}
    assert caplog.messages.count("books.differ") == 1
    assert Booked.of(order.booked.metadata() | {"start_time": "noon"}) is None
