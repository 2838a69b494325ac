"""Central's copies: what the hub's facts make of them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cloud_sync.central.tables import ReservationCopy, SpotCopy, WithdrawalCopy
from cloud_sync.link.v1.facts import AlarmRaised, SpotChanged
from domain.errors import PeerError, UnknownVersion
from domain.reservation import Status
from domain.spot import SpotKind
from tests.cloud_sync.central.site import Site
from tests.cloud_sync.central.street import LOT, SPOT


def copy_of(site: Site, reservation_id: str) -> ReservationCopy:
    with site.office.database.reading() as session:
        return session.get_one(ReservationCopy, reservation_id)


async def test_the_latest_revision_wins(site: Site) -> None:
    driver = await site.driver()
    reservation_id = (await driver.book()).json()["reservation_id"]
    site.street.step(reservation_id, Status.CONFIRMED, "paid")
    *_, held, confirmed = site.street.facts
    copies = site.office.copies(LOT)
    copies.apply(confirmed)
    copies.apply(held)
    copy = copy_of(site, reservation_id)
    assert (copy.status, copy.revision) == ("confirmed", 2)
    assert copy.created_at == site.watch().utc


async def test_a_reservation_that_central_never_asked_for_is_taken_over(site: Site) -> None:
    driver = await site.driver()
    await driver.book()
    fact = site.street.facts[-1]
    unasked = replace(fact, payload={**fact.payload, "reservation_id": "7K3MQ2XD9P"})
    site.office.copies(LOT).apply(unasked)
    assert copy_of(site, "7K3MQ2XD9P").status == "held"


def test_what_is_of_another_lot_or_unknown_is_a_peers_error(site: Site) -> None:
    foreign = site.street.tell(SpotChanged(spot_id="hillside.1-001", spot_kind=SpotKind.EV, in_service=True))
    copies = site.office.copies(LOT)
    with pytest.raises(PeerError, match="hillside"):
        copies.apply(foreign)
    with pytest.raises(UnknownVersion):
        copies.apply(replace(foreign, kind="spot.changed/2"))
    with pytest.raises(PeerError):
        copies.apply(replace(foreign, payload={}))


def test_spots_are_taken_over_and_alarms_are_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.watch.pass_by(timedelta(seconds=1))
    site.street.tell(SpotChanged(spot_id=SPOT, spot_kind=SpotKind.LARGE, in_service=False))
    site.street.tell(AlarmRaised(alarm="barrier-stuck", detail=""))
    site.take_in()
    with site.office.database.reading() as session:
        spot = session.get_one(SpotCopy, SPOT)
    assert (spot.kind, spot.in_service) == ("large", False)
    assert "lot.alarm" in caplog.messages


async def test_a_doubt_about_who_came_in_stays(site: Site) -> None:
    reservation_id = await site.paid()
    for complete in (True, False, True):
        site.street.withdrawn(reservation_id, complete=complete)
        site.take_in()
    with site.office.database.reading() as session:
        assert session.get_one(WithdrawalCopy, reservation_id).complete is False
    site.street.step(reservation_id, Status.CANCELLED, "driver")
    site.street.withdrawn(reservation_id)
    *_, older, _, newer = site.street.facts
    for fact in (newer, older):
        site.office.copies(LOT).apply(fact)
    with site.office.database.reading() as session:
        known = session.get_one(WithdrawalCopy, reservation_id)
    assert (known.revision, known.complete) == (3, True), "withdrawn anew, it is known anew"


async def test_an_older_move_than_the_copy_is_no_move(site: Site) -> None:
    reservation_id = await site.paid()
    site.street.move(reservation_id, "riverside.1-007")
    site.street.move(reservation_id, "riverside.1-008")
    *_, older, newer = site.street.facts
    copies = site.office.copies(LOT)
    copies.apply(newer)
    copies.apply(older)
    assert copy_of(site, reservation_id).spot_id == "riverside.1-008"
    assert (site.bookings()[0].spot_id, site.bookings()[0].ticket_revision_min) == ("riverside.1-008", 4)
