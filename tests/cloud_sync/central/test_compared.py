"""Central's copies of a lot, as they are compared with its hub's log."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, delete, select, update

from cloud_sync.central.compared import ComparedCopies
from cloud_sync.central.tables import GateCopy, ReservationCopy, SpotCopy, StayCopy, TicketKeyCopy
from cloud_sync.link.digest import LAST
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.v1.facts import (
    PolicyChanged,
    ReservationChanged,
    SpotChanged,
    StayChanged,
    TicketKeyPublished,
    subject_of,
    values_of,
)
from cloud_sync.link.v1.messages import Part
from domain.fact import Fact
from domain.reservation import Status
from domain.spot import SpotKind
from tests.cloud_sync.central.rows import reservation, stay
from tests.cloud_sync.central.site import Site
from tests.cloud_sync.central.street import END, LOT, SPOT

KEY = TicketKeyPublished(key_id="a" * 8, public_key="a" * 64)
KINDS = ("reservation.changed/1", "stay.changed/1", "spot.changed/1", "gate.changed/1", "ticket_key.published/1")

Values = dict[str, object]


def rows(site: Site, kind: str, first: str = "", until: str = LAST) -> dict[str, Values]:
    found = ComparedCopies(site.office.database, LOT).rows(kind, first, until, site.watch().utc)
    assert found is not None
    return {subject: dict(values) for subject, values in found}


def told(site: Site, kind: str) -> dict[str, Fact]:
    """The latest fact about each subject."""
    return {(subject_of(fact) or ("",))[0]: fact for fact in site.street.facts if fact.kind == kind}


def send_anew(site: Site, snapshot: Sequence[Fact]) -> None:
    """The lot's hub sends a snapshot."""
    journal, copies = site.office.journals[LOT], site.office.copies(LOT)
    compared = ComparedCopies(site.office.database, LOT)
    receiver = Receiver(LOT, journal, copies.apply, forget=copies.forget, copy=compared)
    receiver.part(Part(at=journal.cursor(LOT).wire(), number=1, of=1), snapshot)


async def lives(site: Site) -> str:
    """A booking whose car is inside, and a lot that has a key."""
    reservation_id = await site.paid()
    site.street.tell(KEY)
    site.street.step(reservation_id, Status.CHECKED_IN, "passage")
    site.street.stay(reservation_id, None)
    site.take_in()
    return reservation_id


async def test_every_value_that_it_keeps_is_the_facts(site: Site) -> None:
    await lives(site)
    for kind in KINDS:
        copies, facts = rows(site, kind), told(site, kind)
        assert copies
        assert copies.keys() == facts.keys()
        for subject, values in copies.items():
            said = values_of(facts[subject])
            assert values == {field: said[field] for field in values}


async def test_what_only_an_answer_has_told_is_left_out(site: Site) -> None:
    driver = await site.driver()
    await driver.book()
    assert rows(site, ReservationChanged.kind) == {}
    site.take_in()
    assert len(rows(site, ReservationChanged.kind)) == 1


def test_what_is_over_is_left_out_but_not_a_car_that_is_inside(site: Site) -> None:
    with site.office.database.transaction() as session:
        session.add_all(
            [reservation("1"), reservation("2", Status.CHECKED_IN), reservation("3", end=END + timedelta(hours=1))]
        )
        session.add_all([stay("s1"), stay("s2", left_at=END), stay("s3", lot_id="hillside")])
    site.watch.pass_by(END - site.watch().utc)
    assert rows(site, ReservationChanged.kind).keys() == {"2", "3"}
    assert rows(site, StayChanged.kind).keys() == {"s1"}


def test_a_page_of_it(site: Site) -> None:
    site.take_in()
    assert rows(site, SpotChanged.kind, SPOT, f"{SPOT}1").keys() == {SPOT}
    assert rows(site, SpotChanged.kind, "", SPOT) == {}


def test_what_it_keeps_no_copy_of_is_not_compared(site: Site) -> None:
    copies = ComparedCopies(site.office.database, LOT)
    assert copies.rows(PolicyChanged.kind, "", LAST, site.watch().utc) is None


def _lose(table: Any) -> Callable[[Session], object]:
    return lambda session: session.execute(delete(table))


@pytest.mark.parametrize(
    "harm",
    [
        *[_lose(table) for table in (SpotCopy, GateCopy, TicketKeyCopy, StayCopy, ReservationCopy)],
        lambda session: session.execute(update(ReservationCopy).values(revision=99, status="cancelled")),
        lambda session: session.add(SpotCopy(spot_id=f"{LOT}.9-999", lot_id=LOT, kind="ev", in_service=True)),
        lambda session: session.add(reservation("PHANTOM", user_id="usr_9")),
        lambda session: session.add(stay("phantom")),
    ],
    ids=["spots", "gates", "keys", "stays", "reservations", "changed", "spot", "reservation", "stay"],
)
async def test_a_snapshot_puts_it_right(site: Site, harm: Callable[[Session], object]) -> None:
    await lives(site)
    before = {kind: rows(site, kind) for kind in KINDS}
    with site.office.database.transaction() as session:
        harm(session)
    assert {kind: rows(site, kind) for kind in KINDS} != before
    send_anew(site, [fact for kind in KINDS for fact in told(site, kind).values()])
    assert {kind: rows(site, kind) for kind in KINDS} == before


async def test_a_snapshot_leaves_what_is_over_and_when_a_booking_was_made(site: Site) -> None:
    reservation_id = await lives(site)
    with site.office.database.transaction() as session:
        session.add_all([reservation("OVER", user_id="usr_9", end=site.watch().utc), stay("left", left_at=END)])
        made_at = session.get_one(ReservationCopy, reservation_id).created_at
    site.watch.pass_by(timedelta(seconds=1))
    send_anew(site, [told(site, ReservationChanged.kind)[reservation_id]])
    with site.office.database.reading() as session:
        assert session.get_one(ReservationCopy, "OVER").revision == 1
        assert session.get_one(StayCopy, "left").left_at == END
        assert session.get_one(ReservationCopy, reservation_id).created_at == made_at
        assert session.exec(select(SpotCopy).where(col(SpotCopy.kind) == SpotKind.EV.value)).all() == []
