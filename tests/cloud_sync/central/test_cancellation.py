"""Cancelling, where the lot is away, a payment is under way, a process dies, or something else happens meanwhile."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from cloud_sync.central import lease
from cloud_sync.central.cancellation import Cancellations
from cloud_sync.central.hubs import Answer
from cloud_sync.link.v1.messages import CancelRequest
from cloud_sync.link.v1.wire import Envelope
from domain.errors import IllegalStep, NotFound
from domain.reservation import Status
from tests.cloud_sync.central.banks import MemoryBank
from tests.cloud_sync.central.rows import RESERVATION, booking, reservation
from tests.cloud_sync.central.site import Site
from tests.cloud_sync.central.street import COMPACT_SPOT, END, LOT, START

MINUTE = timedelta(minutes=1)


async def status(site: Site, reservation_id: str) -> str:
    """What the driver sees, alone and in their history."""
    shown: dict[str, Any] = (await site.me.get(f"/reservations/{reservation_id}")).json()
    (listed,) = (await site.me.get(f"/users/{site.me.user_id}/reservations")).json()["reservations"]
    assert listed == shown
    return str(shown["status"])


def asked(site: Site) -> list[tuple[str, Any]]:
    cancels = [message for message in site.street.requests("cancel") if isinstance(message, CancelRequest)]
    return [(message.cause, message.requested_at) for message in cancels]


def back(site: Site) -> None:
    site.street.away = site.street.deaf = site.street.mute = False
    site.office.hub_back(LOT)


async def test_a_lot_that_answers_is_200_and_cancelled(site: Site) -> None:
    reservation_id = await site.paid()
    answer = await site.me.cancel(reservation_id)
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert asked(site) == [("driver", site.watch().utc)]


@pytest.mark.parametrize("lost", ["away", "deaf", "mute"])
async def test_a_lot_that_does_not_answer_is_202_and_told_as_soon_as_it_is_back(site: Site, lost: str) -> None:
    reservation_id = await site.paid()
    wished_at = site.watch().utc
    setattr(site.street, lost, True)
    for _ in range(2):
        answer = await site.me.cancel(reservation_id)
        assert (answer.status_code, answer.json()["status"]) == (202, "cancelling")
        site.watch.pass_by(MINUTE)
    assert await status(site, reservation_id) == "cancelling"
    site.restart()
    site.me = site.me.with_app(site.app)
    back(site)
    await site.work()
    assert await status(site, reservation_id) == "cancelled"
    assert {said for _, said in asked(site)} == {wished_at}, "the instant of the first wish counts"
    assert (await site.me.cancel(reservation_id)).status_code == 200


async def test_behind_a_payment_that_is_paid_the_lot_is_asked_after_it(site: Site, bank: MemoryBank) -> None:
    site.me = await site.driver()
    reservation_id = (await site.me.book()).json()["reservation_id"]
    bank.silent.add("capture")
    await site.me.pay(reservation_id)
    answer = await site.me.cancel(reservation_id)
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelling")
    await site.work()
    assert asked(site) == []
    bank.silent.clear()
    site.watch.pass_by(2 * MINUTE)
    await site.work()
    assert await status(site, reservation_id) == "cancelled"
    assert len(asked(site)) == 1
    site.street.withdrawn(reservation_id)
    await site.hear()
    assert bank.refunds == {f"{reservation_id}:cancel:1": 400}


async def test_behind_a_payment_that_fails_the_hold_is_given_back(site: Site, bank: MemoryBank) -> None:
    site.me = await site.driver()
    reservation_id = (await site.me.book()).json()["reservation_id"]
    bank.silent.add("authorise")
    await site.me.pay(reservation_id)
    assert (await site.me.cancel(reservation_id)).status_code == 202
    bank.silent.clear()
    bank.refuses["authorise"] = "card_declined"
    site.watch.pass_by(2 * MINUTE)
    await site.work()
    assert await status(site, reservation_id) == "cancelled"
    assert site.street.status[reservation_id] is Status.CANCELLED


async def test_the_payments_end_wakes_the_wish_at_once(site: Site, bank: MemoryBank) -> None:
    site.me = await site.driver()
    reservation_id = (await site.me.book()).json()["reservation_id"]
    bank.silent.add("capture")
    await site.me.pay(reservation_id)
    for _ in range(6):  # its rests have grown long
        await site.me.cancel(reservation_id)
        site.watch.pass_by(timedelta(seconds=40))
        await site.office.following_up.start(reservation_id)
    bank.silent.clear()
    await site.office.paying.start(site.payment().payment_id)
    assert site.bookings()[0].due_at == site.watch().utc


async def test_a_car_that_came_in_is_stronger(site: Site, bank: MemoryBank) -> None:
    reservation_id = await site.paid()
    site.street.away = True
    assert (await site.me.cancel(reservation_id)).status_code == 202
    site.watch.pass_by(START - site.watch().utc)
    site.street.step(reservation_id, Status.CHECKED_IN, "entered")
    site.street.stay(reservation_id, left_at=START + timedelta(hours=1))
    await site.hear()
    assert bank.refunds == {}, "nothing is settled while the wish is pending"
    back(site)
    await site.work()
    assert await status(site, reservation_id) == "checked_in"
    assert site.bookings()[0].cancel_requested_at is None, "a wish that was refused counts for nothing later"
    assert bank.refunds == {f"{reservation_id}:early-exit:1": 400}


async def test_refused_at_once_it_is_409_with_the_lots_code(site: Site) -> None:
    reservation_id = await site.paid()
    site.street.status[reservation_id] = Status.CHECKED_IN  # central has not heard of it yet
    answer = await site.me.cancel(reservation_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "reservation_checked_in")
    assert await status(site, reservation_id) == "confirmed"
    site.street.status[reservation_id] = Status.CONFIRMED
    assert (await site.me.cancel(reservation_id)).status_code == 200, "it may be wished again"


async def test_a_wish_that_came_in_time_is_no_no_show(site: Site, bank: MemoryBank) -> None:
    """The lot was cut off, took the driver for a no-show, and hears of the wish only then."""
    reservation_id = await site.paid()
    site.street.away = True
    await site.me.cancel(reservation_id)
    site.watch.pass_by(START + 20 * MINUTE - site.watch().utc)
    site.street.step(reservation_id, Status.NO_SHOW, "no_show")
    back(site)
    await site.hear()
    assert await status(site, reservation_id) == "cancelled"
    site.street.withdrawn(reservation_id)
    await site.hear()
    assert bank.refunds == {f"{reservation_id}:cancel:1": 400}


async def test_a_no_show_that_the_lot_cancels_after_all_is_settled_when_the_gates_know_that(
    site: Site, bank: MemoryBank
) -> None:
    reservation_id = await site.paid()
    site.street.away = True
    await site.me.cancel(reservation_id)
    site.watch.pass_by(START + 20 * MINUTE - site.watch().utc)
    site.street.step(reservation_id, Status.NO_SHOW, "no_show")
    site.street.withdrawn(reservation_id)
    site.street.step(reservation_id, Status.CANCELLED, "driver")
    await site.hear()
    assert bank.refunds == {}
    site.street.withdrawn(reservation_id)
    await site.hear()
    assert bank.refunds == {f"{reservation_id}:cancel:1": 400}


async def test_a_lot_that_is_away_to_the_end_is_asked_no_more(site: Site, bank: MemoryBank) -> None:
    reservation_id = await site.paid()
    site.street.deaf = True
    await site.me.cancel(reservation_id)
    site.watch.pass_by(END - site.watch().utc)
    await site.work()
    assert await status(site, reservation_id) == "cancelled"
    assert bank.refunds == {f"{reservation_id}:cancel:1": 400}
    tries = len(asked(site))
    back(site)
    await site.work()
    assert len(asked(site)) == tries
    assert site.bookings()[0].due_at is None


@pytest.mark.parametrize("dies", ["_take", "_cancelled"])
async def test_killed_on_the_way_the_next_process_goes_on_and_pays_back_once(
    site: Site, bank: MemoryBank, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    reservation_id = await site.paid()

    def kill(*_args: object) -> None:
        raise RuntimeError("kill -9")

    with monkeypatch.context() as dying:
        dying.setattr(Cancellations, dies, kill)
        assert (await site.me.cancel(reservation_id)).status_code == 202
    site.restart()
    site.watch.pass_by(timedelta(seconds=lease.REST_S_MIN))
    await site.work()
    site.street.withdrawn(reservation_id)
    await site.hear()
    assert bank.refunds == {f"{reservation_id}:cancel:1": 400}
    assert site.balances() == {"bank": 400, f"revenue:{LOT}": -400, "refunds_due": 0}


async def test_pressing_the_button_often_asks_once(site: Site, bank: MemoryBank) -> None:
    reservation_id = await site.paid()
    answers = await asyncio.gather(*(site.me.cancel(reservation_id) for _ in range(3)))
    assert {answer.json()["status"] for answer in answers} == {"cancelled"}
    assert len(asked(site)) == 1
    site.street.withdrawn(reservation_id)
    await site.hear()
    assert bank.refunds == {f"{reservation_id}:cancel:1": 400}


async def test_a_payment_that_begins_meanwhile_is_refused(
    site: Site, bank: MemoryBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.me = await site.driver()
    reservation_id = (await site.me.book()).json()["reservation_id"]
    ask = site.street.ask
    paying = []

    async def pays_first(lot_id: str, name: str, message: Envelope, answer: type[Answer]) -> Answer:
        monkeypatch.setattr(site.street, "ask", ask)
        paying.append(await site.me.pay(reservation_id))
        return await ask(lot_id, name, message, answer)

    monkeypatch.setattr(site.street, "ask", pays_first)
    assert (await site.me.cancel(reservation_id)).json()["status"] == "cancelled"
    assert [(answer.status_code, answer.json()["code"]) for answer in paying] == [(409, "reservation_cancelling")]
    assert bank.calls == []


async def test_after_a_payment_that_failed_it_can_be_cancelled(site: Site, bank: MemoryBank) -> None:
    driver = await site.driver()
    reservation_id = (await driver.book()).json()["reservation_id"]
    bank.refuses["authorise"] = "card_declined"
    await driver.pay(reservation_id)
    assert (await driver.cancel(reservation_id)).json()["status"] == "cancelled"


async def test_the_last_moment_is_before_the_window_begins(site: Site) -> None:
    reservation_id = await site.paid()
    site.watch.pass_by(START - site.watch().utc)
    assert (await site.me.cancel(reservation_id)).json()["code"] == "window_started"
    site.watch.pass_by(-timedelta(milliseconds=1))
    assert (await site.me.cancel(reservation_id)).status_code == 200


async def test_somebody_elses_is_unknown(site: Site) -> None:
    reservation_id = await site.paid()
    other = await site.driver("other@example.com")
    assert (await other.cancel(reservation_id)).status_code == 404


async def test_a_lot_that_was_set_up_anew_has_nothing_to_cancel_and_the_money_follows_at_the_windows_end(
    site: Site, bank: MemoryBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    reservation_id = await site.paid()

    def forgot(_message: object) -> None:
        raise NotFound("reservation_unknown", "this lot has no such reservation")

    monkeypatch.setattr(site.street, "_carry_out", forgot)
    answer = await site.me.cancel(reservation_id)
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    await site.work()
    assert bank.refunds == {}
    site.watch.pass_by(END - site.watch().utc)
    await site.work()
    assert bank.refunds == {f"{reservation_id}:cancel:1": 400}


async def test_moved_while_the_wish_was_pending_and_refused_it_has_its_ticket_fetched(site: Site) -> None:
    reservation_id = await site.paid()
    site.street.deaf = True
    await site.me.cancel(reservation_id)
    site.street.move(reservation_id, COMPACT_SPOT)
    site.street.step(reservation_id, Status.CHECKED_IN, "passage")
    site.take_in()
    site.street.deaf = False
    site.watch.pass_by(timedelta(minutes=2))
    await site.work()
    assert (await status(site, reservation_id)) == "checked_in"
    ticket = await site.me.get(f"/reservations/{reservation_id}/ticket", Accept="text/plain")
    assert (ticket.status_code, ticket.text) == (200, f"TICKET {reservation_id} {COMPACT_SPOT}")


@pytest.mark.parametrize("ended", [Status.CHECKED_IN, Status.COMPLETED, Status.EXPIRED, Status.NO_SHOW])
async def test_what_has_ended_otherwise_is_refused_before_the_hub_hears_of_it(site: Site, ended: Status) -> None:
    with site.office.database.transaction() as session:
        session.add(booking())
        session.add(reservation(status=ended))
    with pytest.raises(IllegalStep):
        site.office.cancellations.request(RESERVATION)
    assert site.bookings()[0].cancel_requested_at is None


async def test_what_central_has_not_booked_it_does_not_cancel(site: Site) -> None:
    with site.office.database.transaction() as session:
        session.add(reservation())  # the hub's, from another process's database
    for unknown in (RESERVATION, "0000000002"):
        with pytest.raises(NotFound):
            site.office.cancellations.request(unknown)
