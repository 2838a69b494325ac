"""Paying over HTTP, with a bank in memory: what goes well, what is refused, what nobody answers."""

import asyncio
from datetime import timedelta

import pytest

from cloud_sync.central.bank import IntentState
from cloud_sync.central.saga import Step
from cloud_sync.link.log import Position
from cloud_sync.link.v1.messages import CancelRequest
from domain.reservation import Status
from tests.cloud_sync.central.banks import MemoryBank
from tests.cloud_sync.central.site import Site
from tests.cloud_sync.central.street import END, LOT
from tests.parts import NOON


async def held(site: Site) -> str:
    site.me = await site.driver()
    reservation_id: str = (await site.me.book()).json()["reservation_id"]
    return reservation_id


async def test_paid_is_confirmed_captured_booked_and_told(site: Site, bank: MemoryBank) -> None:
    reservation_id = await held(site)
    answer = await site.me.pay(reservation_id)
    assert answer.status_code == 201
    shown = answer.json()
    assert shown == {
        "payment_id": shown["payment_id"],
        "reservation_id": reservation_id,
        "status": "succeeded",
        "amount": {"amount_minor": 800, "currency": "EUR"},
        "refunded": {"amount_minor": 0, "currency": "EUR"},
        "created_at": "2026-05-14T12:00:00.000Z",
    }
    assert (await site.me.get(f"/payments/{shown['payment_id']}")).json() == shown
    reservation = (await site.me.get(f"/reservations/{reservation_id}")).json()
    assert (reservation["status"], reservation["payment_id"]) == ("confirmed", shown["payment_id"])
    assert bank.calls == ["authorise", "capture"]
    assert site.balances() == {"bank": 800, "revenue:riverside": -800}
    told = site.office.journals[LOT].after(Position(), 10)[-1]
    assert told.kind == "payment.changed/1"
    assert told.payload["paid"] == {"amount_minor": 800, "currency": "EUR"}
    assert LOT in site.nudged
    assert site.payment().method_token is None, "the card's name is forgotten once it is authorised"


async def test_paying_twice_charges_once(site: Site, bank: MemoryBank) -> None:
    reservation_id = await held(site)
    both = await asyncio.gather(site.me.pay(reservation_id), site.me.pay(reservation_id))
    later = await site.me.pay(reservation_id, "pm_card_other")
    assert len({answer.json()["payment_id"] for answer in (*both, later)}) == 1
    assert {answer.status_code for answer in (*both, later)} == {201}
    assert bank.calls == ["authorise", "capture"]


async def test_a_declined_card_is_402_and_another_may_be_tried(site: Site, bank: MemoryBank) -> None:
    reservation_id = await held(site)
    bank.refuses["authorise"] = "card_declined"
    answer = await site.me.pay(reservation_id)
    assert (answer.status_code, answer.json()["code"]) == (402, "card_declined")
    failed = await site.me.get(f"/payments/{answer.json()['payment_id']}")
    assert failed.json()["status"] == "failed"
    bank.refuses.clear()
    assert (await site.me.pay(reservation_id)).status_code == 201
    assert bank.taken_minor() == 800
    assert site.balances() == {"bank": 800, "revenue:riverside": -800}


async def test_a_hold_that_ran_out_at_the_hub_voids_the_authorisation(site: Site, bank: MemoryBank) -> None:
    reservation_id = await held(site)
    site.street.step(reservation_id, Status.EXPIRED, "hold_expired")  # central has not heard of it yet
    answer = await site.me.pay(reservation_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "reservation_expired")
    assert bank.calls == ["authorise", "void"]
    assert site.balances() == {}
    site.take_in()
    assert (await site.me.pay(reservation_id)).json()["code"] == "reservation_expired"


async def test_a_hold_that_ran_out_here_is_not_paid_for(site: Site, bank: MemoryBank) -> None:
    reservation_id = await held(site)
    site.watch.pass_by(timedelta(minutes=11))
    assert (await site.me.pay(reservation_id)).json()["code"] == "hold_expired"
    assert bank.calls == []


@pytest.mark.parametrize("lost", ["away", "deaf", "mute"])
async def test_no_answer_from_the_hub_is_processing_and_the_same_confirm_is_repeated(
    site: Site, bank: MemoryBank, lost: str
) -> None:
    reservation_id = await held(site)
    setattr(site.street, lost, True)
    answer = await site.me.pay(reservation_id)
    assert (answer.status_code, answer.json()["status"]) == (202, "processing")
    site.watch.pass_by(timedelta(minutes=2))
    await site.work()
    assert bank.calls == ["authorise"], "never guessed"
    setattr(site.street, lost, False)
    site.office.hub_back(LOT)
    await site.work()
    shown = (await site.me.get(f"/payments/{answer.json()['payment_id']}")).json()
    assert shown["status"] == "succeeded"
    assert bank.calls == ["authorise", "capture"]
    assert bank.taken_minor() == 800


async def test_a_hub_that_stays_silent_until_the_window_ends_gets_no_money(site: Site, bank: MemoryBank) -> None:
    reservation_id = await held(site)
    site.street.deaf = True
    await site.me.pay(reservation_id)
    site.watch.pass_by(timedelta(hours=5))
    await site.work()
    assert bank.calls == ["authorise", "void"]
    assert Step(site.payment().step) is Step.FAILED


async def test_a_hold_that_is_being_given_up_is_not_paid_for(site: Site, bank: MemoryBank) -> None:
    site.me = await site.driver()
    site.street.mute = True
    assert (await site.me.book()).status_code == 503
    site.take_in()
    answer = await site.me.pay(site.bookings()[0].reservation_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "hold_given_up")
    assert bank.calls == []


@pytest.mark.parametrize("call", ["authorise", "capture"])
async def test_a_silent_bank_is_asked_again(site: Site, bank: MemoryBank, call: str) -> None:
    reservation_id = await held(site)
    bank.silent.add(call)
    answer = await site.me.pay(reservation_id)
    assert (answer.status_code, answer.json()["status"]) == (202, "processing")
    bank.silent.clear()
    site.watch.pass_by(timedelta(seconds=30))
    await site.work()
    assert bank.taken_minor() == 800
    assert Step(site.payment().step) is Step.PAID


async def test_a_capture_that_is_refused_cancels_at_the_hub(site: Site, bank: MemoryBank) -> None:
    reservation_id = await held(site)
    bank.refuses["capture"] = "payment_refused"
    answer = await site.me.pay(reservation_id)
    assert answer.status_code == 402
    (cancel,) = site.street.requests("cancel")
    assert isinstance(cancel, CancelRequest)
    assert cancel.cause == "unpaid"
    site.take_in()
    assert (await site.me.get(f"/reservations/{reservation_id}")).json()["status"] == "cancelled"
    assert site.balances() == {}
    assert bank.calls == ["authorise", "capture", "void"]


async def test_a_capture_that_is_refused_with_the_car_inside_is_a_debt(
    site: Site, bank: MemoryBank, caplog: pytest.LogCaptureFixture
) -> None:
    reservation_id = await held(site)
    bank.silent.add("capture")
    await site.me.pay(reservation_id)
    site.street.step(reservation_id, Status.CHECKED_IN, "entered")
    bank.silent.clear()
    bank.refuses["capture"] = "payment_refused"
    site.watch.pass_by(timedelta(minutes=2))
    await site.work()
    assert Step(site.payment().step) is Step.FAILED
    assert caplog.messages.count("payment.debt") == 1
    assert [(row.kind, row.state) for row in site.movements()] == [("charge", "debt")]
    assert site.balances() == {"drivers_owe": 800, "revenue:riverside": -800}
    assert (await site.me.get(f"/payments/{site.payment().payment_id}")).json()["status"] == "failed"


@pytest.mark.parametrize("told_first", [False, True])
async def test_a_capture_that_is_refused_while_the_lot_is_silent_is_a_debt_once_its_car_turns_out_to_have_come(
    site: Site, bank: MemoryBank, caplog: pytest.LogCaptureFixture, told_first: bool
) -> None:
    reservation_id = await held(site)
    bank.silent.add("capture")
    await site.me.pay(reservation_id)
    bank.silent.clear()
    bank.refuses["capture"] = "payment_refused"
    site.street.away = True
    site.street.step(reservation_id, Status.CHECKED_IN, "passage")
    site.street.step(reservation_id, Status.COMPLETED, "passage")
    for told in (told_first, True):
        if told:
            site.take_in()
        site.watch.pass_by(END - NOON)
        await site.work()
    assert Step(site.payment().step) is Step.FAILED
    assert [(row.kind, row.state) for row in site.movements()] == [("charge", "debt")]
    assert site.balances() == {"drivers_owe": 800, "revenue:riverside": -800}
    assert caplog.messages.count("payment.debt") == 1


async def test_a_capture_that_is_refused_for_who_did_not_come_is_no_debt(site: Site, bank: MemoryBank) -> None:
    reservation_id = await held(site)
    bank.silent.add("capture")
    await site.me.pay(reservation_id)
    site.street.step(reservation_id, Status.NO_SHOW, "no_show")
    bank.silent.clear()
    bank.refuses["capture"] = "payment_refused"
    site.watch.pass_by(timedelta(minutes=2))
    await site.work()
    assert [(row.kind, row.state) for row in site.movements()] == [("charge", "void")]
    assert site.balances() == {}


async def test_a_bank_that_wants_to_hear_from_the_driver(site: Site, bank: MemoryBank) -> None:
    reservation_id = await held(site)
    bank.wants_driver = True
    answer = await site.me.pay(reservation_id)
    assert answer.status_code == 202
    assert (answer.json()["status"], answer.json()["client_secret"]) == ("requires_action", "secret")
    bank.set(f"pi_{reservation_id}:charge:1", IntentState.AUTHORISED)
    again = await site.me.pay(reservation_id)
    assert (again.status_code, again.json()["status"]) == (201, "succeeded")
    assert "client_secret" not in again.json()


async def test_a_driver_who_does_not_authenticate_pays_nothing(site: Site, bank: MemoryBank) -> None:
    reservation_id = await held(site)
    bank.wants_driver = True
    await site.me.pay(reservation_id)
    site.watch.pass_by(timedelta(minutes=11))
    await site.work()
    assert Step(site.payment().step) is Step.FAILED
    assert bank.calls == ["authorise", "void"]


async def test_two_processes_do_not_work_on_one_payment(site: Site, bank: MemoryBank) -> None:
    reservation_id = await held(site)
    payment_id = site.office.payments.begin(site.me.user_id, reservation_id, "pm_card_visa")
    await asyncio.gather(*(site.office.payments.work(payment_id) for _ in range(5)))
    assert bank.calls == ["authorise", "capture"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"reservation_id": "0000000000", "payment_method_token": "pm_card_visa"}, 404),
        ({"reservation_id": "nonsense", "payment_method_token": "pm_card_visa"}, 404),
        ({"reservation_id": "0000000000", "payment_method_token": "4242 4242 4242 4242"}, 422),
        ({"reservation_id": None}, 422),
        ([], 422),
    ],
)
async def test_junk_is_refused(site: Site, body: object, status: int) -> None:
    driver = await site.driver()
    answer = await driver.post("/payments", body)
    assert answer.status_code == status
    assert "4242" not in answer.text


async def test_what_is_somebody_elses_is_unknown(site: Site) -> None:
    reservation_id = await held(site)
    paid = await site.me.pay(reservation_id)
    other = await site.driver("other@example.com")
    assert (await other.pay(reservation_id)).status_code == 404
    assert (await other.get(f"/payments/{paid.json()['payment_id']}")).status_code == 404
    assert (await other.get("/payments/pay_unknown")).status_code == 404
