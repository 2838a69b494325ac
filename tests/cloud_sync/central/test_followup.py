"""What a booking that is due is due for, and what becomes of it when that has changed meanwhile."""

from datetime import timedelta
from typing import Any

import pytest

from cloud_sync.central import followup
from cloud_sync.central.booking import State
from cloud_sync.central.followup import Deed, deed
from cloud_sync.central.tables import Booking
from tests.cloud_sync.central.rows import RESERVATION, booking, reservation
from tests.cloud_sync.central.site import Site
from tests.cloud_sync.central.street import END
from tests.parts import NOON

STALE: dict[str, Any] = {"ticket": "TICKET", "ticket_revision": 2, "ticket_revision_min": 3}


@pytest.mark.parametrize(
    ("state", "ticket", "due_for"),
    [
        (State.ASKED, {}, Deed.RELEASE),
        (State.RELEASING, {}, Deed.RELEASE),
        (State.CANCELLING, {}, Deed.CANCEL),
        (State.CANCELLING, STALE, Deed.CANCEL),
        (State.HELD, STALE, Deed.TICKET),
        (State.HELD, {}, Deed.SETTLE),
        (State.CANCELLED, STALE, Deed.SETTLE),
    ],
)
def test_by_its_state_and_its_ticket(state: State, ticket: dict[str, Any], due_for: Deed) -> None:
    assert deed(booking(state=state.value, **ticket)) is due_for


TAKEN_FOR = {
    Deed.RELEASE: booking(state=State.ASKED.value),
    Deed.CANCEL: booking(state=State.CANCELLING.value),
    Deed.TICKET: booking(**STALE),
    Deed.SETTLE: booking(),
}


@pytest.mark.parametrize("taken_for", Deed)
@pytest.mark.parametrize("state", [State.ASKED, State.CANCELLING, State.HELD, State.CANCELLED])
async def test_what_was_looked_at_too_early_is_looked_at_again(
    site: Site, monkeypatch: pytest.MonkeyPatch, taken_for: Deed, state: State
) -> None:
    """Between the look at the row and its lease, somebody else has changed it."""
    with site.office.database.transaction() as session:
        session.add(booking(state=state.value, due_at=NOON, cancel_requested_at=NOON))
        session.add(reservation())
    if taken_for is deed(site.bookings()[0]):
        return
    with monkeypatch.context() as early:
        early.setattr(followup.FollowUp, "_look", lambda *_: TAKEN_FOR[taken_for])
        await site.office.following_up.start(RESERVATION)
    row = site.bookings()[0]
    assert (row.due_at, row.lease_owner) == (NOON, None), "nothing was done, and it is due as before"
    assert site.street.asked == []


async def test_a_row_that_is_not_due_is_left_alone(site: Site) -> None:
    with site.office.database.transaction() as session:
        session.add(booking(state=State.CANCELLED.value, due_at=END))
        session.add(reservation())
    await site.office.following_up.start(RESERVATION)
    assert site.bookings()[0].due_at == END
    site.watch.pass_by(END - NOON + timedelta(seconds=1))
    await site.work()
    with site.office.database.reading() as session:
        assert session.get_one(Booking, RESERVATION).due_at is None


async def test_a_row_that_has_gone_is_left_alone(site: Site) -> None:
    await site.office.following_up.start(RESERVATION)
    assert site.street.asked == []
