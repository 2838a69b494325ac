"""What the payment routes add to the saga: patience, and who pays."""

import asyncio
import threading

import pytest

from cloud_sync.central.api import payments
from cloud_sync.central.bank import Intent, Order
from tests.cloud_sync.central.banks import MemoryBank
from tests.cloud_sync.central.site import CARD, Site
from tests.parts import PATIENCE_S


async def test_who_waits_too_long_is_told_that_it_goes_on_and_it_does(
    site: Site, bank: MemoryBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payments, "PATIENCE_S", 0)
    answered = threading.Event()
    authorise = bank.authorise

    def slowly(order: Order) -> Intent:
        answered.wait(PATIENCE_S)
        return authorise(order)

    monkeypatch.setattr(bank, "authorise", slowly)
    driver = await site.driver()
    reservation_id = (await driver.book()).json()["reservation_id"]
    first = await driver.pay(reservation_id)
    under_way = site.office.paying.start(first.json()["payment_id"])
    again = await driver.pay(reservation_id)
    assert [(answer.status_code, answer.json()["status"]) for answer in (first, again)] == [(202, "processing")] * 2
    answered.set()
    await asyncio.wait([under_way])
    assert (await driver.pay(reservation_id)).json()["status"] == "succeeded"
    assert bank.calls == ["authorise", "capture"]


async def test_a_payment_that_an_operator_makes_is_its_drivers(site: Site, bank: MemoryBank) -> None:
    driver = await site.driver()
    desk = site.operator()
    paid = await desk.pay((await driver.book()).json()["reservation_id"])
    assert paid.status_code == 201
    path = f"/payments/{paid.json()['payment_id']}"
    assert (await driver.get(path)).json() == (await desk.get(path)).json() == paid.json()
    assert site.payment().user_id == driver.user_id


async def test_a_bug_in_the_saga_leaves_the_driver_with_processing(site: Site, bank: MemoryBank) -> None:
    driver = await site.driver()
    bank.authorise = None  # type: ignore[method-assign,assignment]  # a bug: it cannot be called
    answer = await driver.pay((await driver.book()).json()["reservation_id"])
    assert (answer.status_code, answer.json()["status"]) == (202, "processing")


async def test_a_failed_payment_is_named_with_its_refusal(site: Site, bank: MemoryBank) -> None:
    driver = await site.driver()
    bank.refuses["authorise"] = "insufficient_funds"
    refused = (await driver.pay((await driver.book()).json()["reservation_id"])).json()
    assert (refused["code"], refused["payment_id"]) == ("insufficient_funds", site.payment().payment_id)
    assert CARD not in str(refused)
