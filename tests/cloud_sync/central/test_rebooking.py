"""Hub and central are both set back to before a booking that was paid for: it is kept, or its money goes back."""

import shutil
from datetime import timedelta

import pytest

from cloud_sync.central.tables import Vehicle
from cloud_sync.central.tickets import FORGOTTEN_TRIES_MAX
from domain.reservation import Status
from tests.cloud_sync.central.banks import MemoryBank
from tests.cloud_sync.central.site import Site
from tests.cloud_sync.central.street import END, SPOT

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def forgotten(site: Site) -> str:
    """The id of a booking that the provider alone knows of; its driver's account is older."""
    site.me = await site.driver()
    site.office.close()
    shutil.copy(site.folder / "central.db", site.folder / "backup.db")
    site.start()
    site.me = site.me.with_app(site.app)
    reservation_id: str = (await site.me.book()).json()["reservation_id"]
    assert (await site.me.pay(reservation_id)).status_code == 201
    site.office.close()
    shutil.copy(site.folder / "backup.db", site.folder / "central.db")
    site.street.forget(reservation_id)
    site.start()
    site.me = site.me.with_app(site.app)
    return reservation_id


async def wait(site: Site, tries: int = FORGOTTEN_TRIES_MAX + 2) -> None:
    for _ in range(tries):
        await site.hear()
        site.watch.pass_by(MINUTE)


async def test_it_is_booked_again_under_the_same_id(site: Site, bank: MemoryBank, forgotten: str) -> None:
    await wait(site)
    await site.hear()
    assert site.street.status[forgotten] is Status.CONFIRMED
    shown = (await site.me.get(f"/reservations/{forgotten}")).json()
    assert (shown["status"], shown["spot_id"], shown["price"]["amount_minor"]) == ("confirmed", SPOT, 800)
    assert site.bookings()[0].ticket == f"TICKET {forgotten} {SPOT}"
    assert (bank.calls.count("authorise"), bank.refunds) == (1, {})


async def test_but_not_before_its_hub_may_have_it_back(site: Site, forgotten: str) -> None:
    await wait(site, FORGOTTEN_TRIES_MAX)
    assert [name for name, _ in site.street.asked].count("hold") == 1, "by its driver, before all was lost"


@pytest.mark.parametrize("why", ["spot_taken", "vehicle_lost", "window_past"])
async def test_all_of_the_money_goes_back_where_it_cannot_be_had(
    site: Site, bank: MemoryBank, forgotten: str, why: str
) -> None:
    match why:
        case "spot_taken":
            assert (await (await site.driver("other@example.com")).book()).status_code == 201
        case "vehicle_lost":
            with site.office.database.transaction() as session:
                session.delete(session.get_one(Vehicle, site.me.vehicle_id))
        case "window_past":
            site.street.away = True
            await site.hear()
            site.watch.pass_by(END - site.watch().utc)
            await site.hear()
            assert bank.refunds == {}, "the lot may have it"
            site.street.away = False
    await wait(site)
    assert bank.refunds == {f"{forgotten}:cancel:1": 800}
    assert (await site.me.get(f"/reservations/{forgotten}")).json()["status"] == "cancelled"
    assert all(booking.due_at is None for booking in site.bookings())


async def test_its_hub_gets_it_back_in_time(site: Site, bank: MemoryBank, forgotten: str) -> None:
    """From a gate, or from its ticket: who booked it, the lot does not know then."""
    await wait(site, 3)
    other = await site.driver("other@example.com")
    answer = await other.book()
    hold = site.street.holds.pop(answer.json()["reservation_id"])
    site.street.holds[forgotten] = hold.model_copy(
        update={"user_id": "", "vehicle_id": "", "reservation_id": forgotten}
    )
    site.street.step(forgotten, Status.CONFIRMED, "ticket")
    await wait(site, 3)
    shown = (await site.me.get(f"/reservations/{forgotten}")).json()
    assert (shown["status"], shown["user_id"], shown["vehicle_id"]) == (
        "confirmed",
        site.me.user_id,
        site.me.vehicle_id,
    )
    assert site.bookings()[0].ticket is not None
    assert bank.refunds == {}
