"""Tickets of bookings that the lot has moved: the old one is not shown, the new one is fetched."""

from datetime import timedelta

import pytest

from cloud_sync.central import tickets
from cloud_sync.link.v1.messages import ConfirmAnswer
from domain.reservation import Status
from tests.cloud_sync.central.rows import RESERVATION, booking
from tests.cloud_sync.central.site import Site
from tests.cloud_sync.central.street import END, LOT, SPOT
from tests.parts import NOON

OTHER = "riverside.1-007"


async def ticket(site: Site, reservation_id: str) -> tuple[int, str]:
    answer = await site.me.get(f"/reservations/{reservation_id}/ticket", Accept="text/plain")
    return answer.status_code, answer.text if answer.status_code == 200 else answer.json()["code"]


async def test_a_moved_booking_gets_a_new_ticket(site: Site) -> None:
    reservation_id = await site.paid()
    assert await ticket(site, reservation_id) == (200, f"TICKET {reservation_id} {SPOT}")
    site.street.move(reservation_id, OTHER)
    site.take_in()
    assert (await site.me.get(f"/reservations/{reservation_id}")).json()["spot_id"] == OTHER
    assert await ticket(site, reservation_id) == (503, "ticket_renewing")
    await site.work()
    assert await ticket(site, reservation_id) == (200, f"TICKET {reservation_id} {OTHER}")
    row = site.bookings()[0]
    assert (row.spot_id, row.due_at) == (OTHER, None)


async def test_a_lot_that_is_away_is_asked_when_it_is_back(site: Site) -> None:
    reservation_id = await site.paid()
    site.street.move(reservation_id, OTHER)
    site.street.away = True
    await site.hear()
    assert (await ticket(site, reservation_id))[0] == 503
    site.restart()
    site.me = site.me.with_app(site.app)
    site.street.away = False
    site.office.hub_back(LOT)
    await site.work()
    assert await ticket(site, reservation_id) == (200, f"TICKET {reservation_id} {OTHER}")


async def test_a_lot_that_signs_no_more_is_not_asked_again(site: Site) -> None:
    reservation_id = await site.paid()
    site.street.move(reservation_id, OTHER)
    site.street.status[reservation_id] = Status.EXPIRED
    await site.hear()
    assert site.bookings()[0].due_at is None
    assert (await ticket(site, reservation_id))[0] == 503


async def test_after_the_window_no_gate_would_take_it(site: Site) -> None:
    reservation_id = await site.paid()
    site.street.move(reservation_id, OTHER)
    site.street.deaf = True
    await site.hear()
    site.watch.pass_by(END - site.watch().utc)
    await site.work()
    assert site.bookings()[0].due_at is None


async def test_a_lot_that_answers_with_an_old_ticket_is_asked_no_longer_than_to_the_windows_end(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    reservation_id = await site.paid()
    site.street.move(reservation_id, OTHER)
    monkeypatch.setattr(site.street, "_carry_out", lambda _message: {"ticket": "OLD", "revision": 1})
    await site.hear()
    assert site.bookings()[0].due_at is not None
    site.watch.pass_by(END - site.watch().utc)
    await site.work()
    assert site.bookings()[0].due_at is None


async def test_moved_again_while_it_is_being_fetched_it_is_fetched_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    reservation_id = await site.paid()
    site.street.move(reservation_id, OTHER)
    carry_out = site.street._carry_out

    def then_moves(message: object) -> object:
        answer = carry_out(message)  # type: ignore[arg-type]
        monkeypatch.setattr(site.street, "_carry_out", carry_out)
        site.street.move(reservation_id, "riverside.1-008")
        site.take_in()
        return answer

    monkeypatch.setattr(site.street, "_carry_out", then_moves)
    await site.hear()
    site.watch.pass_by(timedelta(minutes=2))
    await site.work()
    assert await ticket(site, reservation_id) == (200, f"TICKET {reservation_id} riverside.1-008")


@pytest.mark.parametrize(("first", "second", "kept"), [(2, 3, "B"), (3, 2, "A"), (2, 2, "B")])
def test_the_newest_ticket_is_kept(first: int, second: int, kept: str) -> None:
    row = booking(RESERVATION)
    tickets.take_in(row, ConfirmAnswer(ticket="A", revision=first), NOON)
    tickets.take_in(row, ConfirmAnswer(ticket="B", revision=second), NOON)
    assert (row.ticket, row.due_at) == (kept, None)


def test_a_ticket_from_before_the_move_is_due_at_once() -> None:
    row = booking(RESERVATION, ticket_revision_min=3)
    tickets.take_in(row, ConfirmAnswer(ticket="A", revision=2), NOON)
    assert tickets.is_stale(row)
    assert row.due_at == NOON
