"""Refunds by hand, over HTTP: by operators, in parts, never more than there is."""

import asyncio
import threading
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from cloud_sync.central import documents
from cloud_sync.central.accounts import Caller, Role
from cloud_sync.central.api import payments
from cloud_sync.central.idempotency import KEPT_FOR
from domain.money import Money
from tests.cloud_sync.central.banks import MemoryBank
from tests.cloud_sync.central.site import Site
from tests.cloud_sync.central.street import START
from tests.parts import PATIENCE_S

KEY = {"Idempotency-Key": "k1"}


def body(amount_minor: int, currency: str = "EUR") -> dict[str, Any]:
    return {"reason": " goodwill ", "amount": {"amount_minor": amount_minor, "currency": currency}}


async def refund(site: Site, amount_minor: int, currency: str = "EUR", **headers: str) -> httpx.Response:
    path = f"/payments/{site.payment().payment_id}/refund"
    return await site.operator().post(path, body(amount_minor, currency), **headers)


async def test_in_parts_up_to_all_of_it_and_who_did_it_and_why_is_kept(site: Site, bank: MemoryBank) -> None:
    reservation_id = await site.paid()
    first, second = await refund(site, 300), await refund(site, 500)
    assert [answer.status_code for answer in (first, second)] == [201, 201]
    assert (first.json()["status"], first.json()["refunded"]["amount_minor"]) == ("partially_refunded", 300)
    assert (second.json()["status"], second.json()["refunded"]["amount_minor"]) == ("refunded", 800)
    assert bank.refunds == {f"{reservation_id}:manual:1": 300, f"{reservation_id}:manual:2": 500}
    kept = [(row.kind, row.reason, row.kept_by) for row in site.movements()]
    assert kept[1:] == [("manual", "goodwill", "usr_operator")] * 2
    assert site.balances() == {"bank": 0, "revenue:riverside": 0, "refunds_due": 0}
    over = await refund(site, 1)
    assert (over.status_code, over.json()["code"]) == (409, "refund_too_high")


async def test_all_of_it_asked_for_by_many_at_once_goes_back_once(site: Site, bank: MemoryBank) -> None:
    await site.paid()
    answers = await asyncio.gather(*(refund(site, 800) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert sum(bank.refunds.values()) == 800


async def test_the_same_key_pays_back_once(site: Site, bank: MemoryBank) -> None:
    reservation_id = await site.paid()
    answers = [await refund(site, 300, **KEY) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert bank.refunds == {f"{reservation_id}:manual:1": 300}


async def test_a_key_whose_answer_was_not_kept_pays_back_once(
    site: Site, bank: MemoryBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    reservation_id = await site.paid()

    def away(*_: object) -> None:
        raise OperationalError("SELECT", {}, OSError("no"))

    with monkeypatch.context() as gone:
        gone.setattr(documents, "payment", away)
        assert (await refund(site, 300, **KEY)).status_code == 503
    again = await refund(site, 300, **KEY)
    assert (again.status_code, again.json()["refunded"]["amount_minor"]) == (201, 300)
    assert bank.refunds == {f"{reservation_id}:manual:1": 300}


async def test_the_key_of_a_refund_is_for_that_refund_and_its_operator_for_good(site: Site, bank: MemoryBank) -> None:
    await site.paid()
    await refund(site, 300, **KEY)
    site.watch.pass_by(KEPT_FOR * 2)
    for amount_minor in (301, 800):
        answer = await refund(site, amount_minor, **KEY)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    payment_id, amount = site.payment().payment_id, Money(300, "EUR")
    queue = site.office.refunds.queue
    mine = queue(payment_id, amount, "goodwill", Caller("usr_operator", Role.OPERATOR), KEY["Idempotency-Key"])
    assert mine == site.movements()[-1].movement_id
    assert queue(payment_id, amount, "goodwill", Caller("usr_2", Role.OPERATOR), KEY["Idempotency-Key"]) != mine
    assert len(bank.refunds) == 1


async def test_a_refused_refund_makes_room_for_what_the_rules_give_back(site: Site, bank: MemoryBank) -> None:
    reservation_id = await site.paid()
    bank.silent.add("refund")
    await refund(site, 600)
    site.street.stay(reservation_id, left_at=START + timedelta(hours=1))
    await site.hear()
    assert [row.amount_minor for row in site.movements()] == [800, 600, 200]
    bank.silent.clear()
    bank.refuses["refund"] = "refund_failed"
    site.watch.pass_by(timedelta(minutes=2))
    await site.office.moving.start(site.movements()[1].movement_id)
    bank.refuses.clear()
    await site.work()
    assert bank.refunds == {f"{reservation_id}:early-exit:1": 200, f"{reservation_id}:early-exit:2": 200}
    assert site.payment().pending_minor == 0


async def test_a_provider_that_does_not_answer_is_202_and_asked_again(
    site: Site, bank: MemoryBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.paid()
    monkeypatch.setattr(payments, "PATIENCE_S", 0)
    asked, answered = bank.refund, threading.Event()

    def slowly(intent_id: str, amount: Money, cause: str, request_key: str | None) -> str:
        answered.wait(PATIENCE_S)
        return asked(intent_id, amount, cause, request_key)

    monkeypatch.setattr(bank, "refund", slowly)
    answer = await refund(site, 300)
    assert (answer.status_code, answer.json()["refunded"]["amount_minor"]) == (202, 0)
    too_high = await refund(site, 501)
    assert (too_high.status_code, too_high.json()["code"]) == (409, "refund_too_high")
    answered.set()
    await site.office.moving.start(site.movements()[-1].movement_id)
    assert site.payment().refunded_minor == 300


async def test_what_the_provider_refuses_can_be_refunded_again(site: Site, bank: MemoryBank) -> None:
    reservation_id = await site.paid()
    bank.refuses["refund"] = "refund_failed"
    answer = await refund(site, 800)
    assert (answer.status_code, answer.json()["code"]) == (409, "refund_refused")
    bank.refuses.clear()
    assert (await refund(site, 800)).status_code == 201
    assert bank.refunds == {f"{reservation_id}:manual:2": 800}


async def test_money_that_was_not_taken_is_not_paid_back(site: Site, bank: MemoryBank) -> None:
    bank.silent.add("capture")
    await site.paid()
    answer = await refund(site, 1)
    assert (answer.status_code, answer.json()["code"]) == (409, "payment_not_captured")


async def test_who_may_not_and_what_is_none(site: Site) -> None:
    await site.paid()
    path = f"/payments/{site.payment().payment_id}/refund"
    assert (await site.me.post(path, body(100))).status_code == 403
    assert (await site.operator().post("/payments/pay_unknown/refund", body(100))).status_code == 404
    assert (await refund(site, -1)).status_code == 422
    other = await refund(site, 100, "CHF")
    assert (other.status_code, other.json()["code"]) == (422, "currency_differs")
