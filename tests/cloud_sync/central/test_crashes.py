"""A crash between any two lines of a payment or a refund, against localstripe: the provider's record has each once."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.central.idempotency import Idempotency
from cloud_sync.central.movement import Movements
from cloud_sync.central.payment import Payments
from cloud_sync.central.refund import Refunds
from cloud_sync.central.saga import Step
from domain.reservation import Status
from tests.cloud_sync.central.banks import BankProcess, FreshStripe
from tests.cloud_sync.central.site import Driver, Site
from tests.cloud_sync.central.street import END, START, StreetSide, Watch

PAYING = (Payments, ("_take", "_perform", "_store"))
MOVING = (Movements, ("_take", "_store"))
BY_HAND: tuple[tuple[type[Any], tuple[str, ...]], ...] = (
    (Idempotency, ("_claim", "_keep")),
    (Refunds, ("queue", "state")),
    MOVING,
)
KEY = {"Idempotency-Key": "k1"}
STEPS = 3
"""Of a payment that goes well: authorise, confirm, capture."""


class Killed(BaseException):
    """kill -9: no handler of an `Exception` runs any more."""


@pytest.fixture
def stripe_site(tmp_path: Path, watch: Watch, street: StreetSide, bank_process: BankProcess) -> Iterator[Site]:
    site = Site(tmp_path, watch, street, FreshStripe(bank_process.url))
    yield site
    site.office.close()


def kill_at(
    monkeypatch: pytest.MonkeyPatch, part: type[Any], names: tuple[str, ...], crossing: int
) -> Callable[[], int]:
    """Die at the given crossing into or out of these methods; returns how many were crossed."""
    crossed = 0

    def cross() -> None:
        nonlocal crossed
        crossed += 1
        if crossed == crossing + 1:
            raise Killed

    def around(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def plain(*args: Any) -> Any:
            cross()
            result = method(*args)
            cross()
            return result

        @functools.wraps(method)
        async def awaited(*args: Any) -> Any:
            cross()
            result = await method(*args)
            cross()
            return result

        return awaited if method.__name__ == "_perform" else plain

    for name in names:
        monkeypatch.setattr(part, name, around(getattr(part, name)))
    return lambda: crossed


async def paid(site: Site) -> tuple[Driver, str]:
    driver = await site.driver()
    reservation_id: str = (await driver.book()).json()["reservation_id"]
    assert (await driver.pay(reservation_id)).status_code in (201, 202)
    return driver, reservation_id


@pytest.mark.parametrize("crossing", range(6 * STEPS))
async def test_one_charge_whatever_line_it_dies_at(
    stripe_site: Site, bank_process: BankProcess, monkeypatch: pytest.MonkeyPatch, crossing: int
) -> None:
    site = stripe_site
    with monkeypatch.context() as dying:
        crossed = kill_at(dying, *PAYING, crossing)
        _, reservation_id = await paid(site)
        assert crossed() > crossing, "it died"
    site.restart()
    await site.work()
    assert Step(site.payment().step) is Step.PAID
    assert len(bank_process.posted("/v1/payment_intents", reservation_id)) == 1
    assert len(bank_process.posted("/capture", reservation_id)) == 1
    assert site.balances() == {"bank": 800, "revenue:riverside": -800}
    assert site.street.status[reservation_id] is Status.CONFIRMED
    assert site.bookings()[0].ticket


@pytest.mark.parametrize("crossing", range(4))
async def test_one_refund_whatever_line_it_dies_at(
    stripe_site: Site, bank_process: BankProcess, monkeypatch: pytest.MonkeyPatch, crossing: int
) -> None:
    site = stripe_site
    _, reservation_id = await paid(site)
    site.watch.pass_by(timedelta(hours=3))
    site.street.stay(reservation_id, left_at=START + timedelta(hours=1))
    site.take_in()
    with monkeypatch.context() as dying:
        crossed = kill_at(dying, *MOVING, crossing)
        await site.work()
        assert crossed() > crossing, "it died"
    site.restart()
    await site.work()
    (refund,) = bank_process.posted("/v1/refunds", reservation_id)
    assert refund["answer"]["amount"] == 400
    assert site.balances() == {"bank": 400, "revenue:riverside": -400, "refunds_due": 0}


@pytest.mark.parametrize(
    ("part", "names", "crossing"), [(part, names, crossing) for part, names in BY_HAND for crossing in range(4)]
)
async def test_one_refund_by_hand_for_a_key_whatever_line_it_dies_at(
    stripe_site: Site,
    bank_process: BankProcess,
    monkeypatch: pytest.MonkeyPatch,
    part: type[Any],
    names: tuple[str, ...],
    crossing: int,
) -> None:
    site = stripe_site
    _, reservation_id = await paid(site)
    path = f"/payments/{site.payment().payment_id}/refund"
    body = {"reason": "goodwill", "amount": {"amount_minor": 300, "currency": "EUR"}}
    with monkeypatch.context() as dying:
        dying.setattr(Idempotency, "_forget", lambda *_: None)
        crossed = kill_at(dying, part, names, crossing)
        with contextlib.suppress(Killed):
            await site.operator().post(path, body, **KEY)
        assert crossed() > crossing, "it died"
    site.restart()
    await site.work()
    answer = await site.operator().post(path, body, **KEY)
    assert answer.status_code in (201, 202)
    assert site.payment().refunded_minor == 300
    (refund,) = bank_process.posted("/v1/refunds", reservation_id)
    assert refund["answer"]["amount"] == 300
    assert site.balances() == {"bank": 500, "revenue:riverside": -500, "refunds_due": 0}


@pytest.mark.parametrize("crossing", range(4))
async def test_one_charge_to_the_card_on_file_whatever_line_it_dies_at(
    stripe_site: Site, bank_process: BankProcess, monkeypatch: pytest.MonkeyPatch, crossing: int
) -> None:
    site = stripe_site
    _, reservation_id = await paid(site)
    site.watch.pass_by(timedelta(hours=5))
    site.street.stay(reservation_id, left_at=END + timedelta(minutes=20))
    site.take_in()
    with monkeypatch.context() as dying:
        crossed = kill_at(dying, *MOVING, crossing)
        await site.work()
        assert crossed() > crossing, "it died"
    site.restart()
    await site.work()
    (charged,) = bank_process.posted("/v1/payment_intents", f"{reservation_id}:overstay")
    assert (charged["answer"]["amount"], charged["answer"]["status"]) == (200, "succeeded")
    assert site.balances() == {"bank": 1_000, "revenue:riverside": -1_000, "drivers_owe": 0}


async def test_the_crossings_are_all_there_are(stripe_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a step that is added to the saga is not forgotten above."""
    crossed = kill_at(monkeypatch, *PAYING, 10_000)
    await paid(stripe_site)
    assert crossed() == 6 * STEPS + 2, "the last crossings find nothing left to take"
