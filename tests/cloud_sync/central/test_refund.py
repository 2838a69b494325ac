"""Refunds by hand, over HTTP: by operators, in parts, never more than there is."""

import threading
from typing import Any

import httpx
import pytest

from cloud_sync.central.api import payments
from domain.money import Money
from tests.cloud_sync.central.banks import MemoryBank
from tests.cloud_sync.central.site import Site
from tests.parts import PATIENCE_S


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


async def test_the_same_key_pays_back_once(site: Site, bank: MemoryBank) -> None:
    reservation_id = await site.paid()
    answers = [await refund(site, 300, **{"Idempotency-Key": "k1"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert bank.refunds == {f"{reservation_id}:manual:1": 300}


async def test_a_provider_that_does_not_answer_is_202_and_asked_again(
    site: Site, bank: MemoryBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.paid()
    monkeypatch.setattr(payments, "PATIENCE_S", 0)
    asked, answered = bank.refund, threading.Event()

    def slowly(intent_id: str, amount: Money, cause: str) -> str:
        answered.wait(PATIENCE_S)
        return asked(intent_id, amount, cause)

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
