"""Cancelling, where a process dies, a peer is slow, or something else happens at the same time."""

import asyncio
from datetime import timedelta

import pytest

from cloud_sync.central.cancellation import Cancellations
from cloud_sync.central.hubs import Answer
from cloud_sync.central.settlement import Settlement
from cloud_sync.central.tables import Booking
from cloud_sync.link.v1.messages import CancelRequest
from cloud_sync.link.v1.wire import Envelope
from domain.errors import IllegalStep, NotFound
from domain.policy import Policy
from domain.reservation import Status
from tests.cloud_sync.central.banks import MemoryBank
from tests.cloud_sync.central.rows import RESERVATION, booking, reservation
from tests.cloud_sync.central.site import Site
from tests.cloud_sync.central.street import LOT, START


async def paid(site: Site) -> str:
    site.me = await site.driver()
    reservation_id: str = (await site.me.book()).json()["reservation_id"]
    await site.me.pay(reservation_id)
    return reservation_id


async def test_the_hub_is_told_whose_wish_it_is_and_since_when(site: Site) -> None:
    reservation_id = await paid(site)
    wished_at = site.watch().utc
    site.street.deaf = True
    assert (await site.me.cancel(reservation_id)).status_code == 503
    site.street.deaf = False
    site.watch.pass_by(timedelta(minutes=5))
    assert (await site.me.cancel(reservation_id)).status_code == 200
    asked = [message for message in site.street.requests("cancel") if isinstance(message, CancelRequest)]
    assert [(message.cause, message.requested_at) for message in asked] == [("driver", wished_at)] * 2


@pytest.mark.parametrize("dies", ["_remember", "_cancelled"])
async def test_killed_on_the_way_the_driver_asks_again_and_is_paid_back_once(
    site: Site, bank: MemoryBank, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    reservation_id = await paid(site)

    def kill(*_args: object) -> None:
        raise RuntimeError("kill -9")

    with monkeypatch.context() as dying:
        dying.setattr(Cancellations, dies, kill)
        assert (await site.me.cancel(reservation_id)).status_code == 500
    site.restart()
    await site.office.cancellations.cancel(reservation_id)
    await site.work()
    assert bank.refunds == {f"{reservation_id}:cancel:1": 400}
    assert site.balances() == {"bank": 400, f"revenue:{LOT}": -400, "refunds_due": 0}


async def test_pressing_the_button_twice_pays_back_once(site: Site, bank: MemoryBank) -> None:
    reservation_id = await paid(site)
    answers = await asyncio.gather(*(site.me.cancel(reservation_id) for _ in range(3)))
    assert {answer.json()["status"] for answer in answers} == {"cancelled"}
    site.take_in()
    await site.work()
    assert bank.refunds == {f"{reservation_id}:cancel:1": 400}


async def test_a_payment_that_begins_meanwhile_is_not_captured(
    site: Site, bank: MemoryBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver's app pays while the hub is being asked to cancel."""
    site.me = await site.driver()
    reservation_id = (await site.me.book()).json()["reservation_id"]
    ask = site.street.ask
    paying = []

    async def pays_first(lot_id: str, name: str, message: Envelope, answer: type[Answer]) -> Answer:
        if name == "cancel":
            monkeypatch.setattr(site.street, "ask", ask)
            site.street.away = True  # the confirm gets no answer yet
            paying.append(await site.me.pay(reservation_id))
            site.street.away = False
        return await ask(lot_id, name, message, answer)

    monkeypatch.setattr(site.street, "ask", pays_first)
    assert (await site.me.cancel(reservation_id)).json()["status"] == "cancelled"
    assert [answer.status_code for answer in paying] == [202]
    site.take_in()
    site.watch.pass_by(timedelta(minutes=2))
    site.street.status[reservation_id] = Status.EXPIRED  # what is over is not confirmed
    await site.work()
    assert bank.calls == ["authorise", "void"]
    assert site.balances() == {}


async def test_after_a_payment_that_failed_it_can_be_cancelled(site: Site, bank: MemoryBank) -> None:
    driver = await site.driver()
    reservation_id = (await driver.book()).json()["reservation_id"]
    bank.refuses["authorise"] = "card_declined"
    await driver.pay(reservation_id)
    assert (await driver.cancel(reservation_id)).json()["status"] == "cancelled"


async def test_the_last_moment_is_before_the_window_begins(site: Site) -> None:
    reservation_id = await paid(site)
    site.watch.pass_by(START - site.watch().utc)
    assert (await site.me.cancel(reservation_id)).json()["code"] == "window_started"
    site.watch.pass_by(-timedelta(milliseconds=1))
    assert (await site.me.cancel(reservation_id)).status_code == 200


@pytest.mark.parametrize("status", [Status.CHECKED_IN, Status.COMPLETED, Status.EXPIRED, Status.NO_SHOW])
async def test_what_has_ended_otherwise_is_refused_before_the_hub_hears_of_it(site: Site, status: Status) -> None:
    with site.office.database.transaction() as session:
        session.add(booking())
        session.add(reservation(status=status))
    with pytest.raises(IllegalStep):
        await site.office.cancellations.cancel(RESERVATION)
    assert site.street.asked == []
    assert site.bookings()[0].cancel_requested_at is None


async def test_what_central_has_not_booked_it_does_not_cancel(site: Site) -> None:
    with site.office.database.transaction() as session:
        session.add(reservation())  # the hub's, from another process's database
    for unknown in (RESERVATION, "0000000002"):
        with pytest.raises(NotFound):
            await site.office.cancellations.cancel(unknown)


async def test_the_refunds_worker_hears_of_a_cancellation_only(site: Site) -> None:
    woken: list[None] = []
    cancellations = Cancellations(
        site.office.database,
        hubs=site.street,
        settlement=Settlement({LOT: Policy()}),
        clock=site.watch,
        refund_queued=lambda: woken.append(None),
    )
    reservation_id = await paid(site)
    with site.office.database.transaction() as session:
        session.get_one(Booking, reservation_id).cancel_requested_at = None
    await cancellations.cancel(reservation_id)
    await cancellations.cancel(reservation_id)  # nothing is done, nobody is woken
    assert len(woken) == 1
