"""What the API shows where there is more than one row to show it from."""

from datetime import timedelta

import pytest

from cloud_sync.central import documents
from cloud_sync.central.booking import State
from cloud_sync.central.tables import SpotCopy
from domain.errors import NotFound, Refused, TryLater
from domain.reservation import Status
from domain.stay import Conflict
from tests.cloud_sync.central.rows import RESERVATION, booking, payment, reservation, stay
from tests.cloud_sync.central.site import Site
from tests.cloud_sync.central.street import END, START
from tests.parts import NOON

MINUTE = timedelta(minutes=1)


def add(site: Site, *rows: object) -> None:
    with site.office.database.transaction() as session:
        session.add_all(rows)


def test_a_history_is_the_newest_first_and_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"c": 0, "a": 1, "b": 1}
    add(site, *(reservation(name, created_at=NOON + made[name] * MINUTE) for name in made))
    add(site, reservation("other", user_id="usr_2", created_at=NOON + 9 * MINUTE))

    def shown(limit: int) -> list[str]:
        return [one.reservation_id for one in documents.history(site.office, "usr_1", limit).reservations]

    assert shown(10) == ["a", "b", "c"]
    assert shown(1) == ["a"]
    monkeypatch.setattr(documents, "HISTORY_MAX", 2)
    assert shown(10) == ["a", "b"]


def test_a_reservation_shows_its_last_attempt_and_the_stay_that_agrees_with_it(site: Site) -> None:
    add(site, booking(), reservation())
    add(site, payment(attempt=1, step="failed"), payment(attempt=2))
    add(
        site,
        stay("s1", reservation_id=RESERVATION, entered_at=START - MINUTE, conflict=Conflict.DOUBLE_ENTRY.value),
        stay("s2", reservation_id=RESERVATION, entered_at=START, left_at=END),
    )
    shown = documents.reservation(site.office, RESERVATION)
    assert shown.payment_id == f"pay_{RESERVATION}_2"
    assert (shown.entered_at, shown.left_at) == (START, END)


def test_a_lot_that_is_no_longer_served_is_not_shown(site: Site) -> None:
    add(site, SpotCopy(spot_id="hillside.1", lot_id="hillside", kind="ev", in_service=True))
    with pytest.raises(NotFound):
        documents.spot(site.office, "hillside.1")
    with pytest.raises(NotFound):
        documents.lot(site.office, "hillside")


def test_the_drivers_secret_is_shown_only_while_it_is_wanted(site: Site) -> None:
    add(site, booking())
    add(site, payment(step="authenticate", client_secret="secret"))
    shown, row = documents.payment(site.office, f"pay_{RESERVATION}_1")
    assert isinstance(shown, documents.ActionDocument)
    with site.office.database.transaction() as session:
        session.merge(row).step = "confirm"
    assert "client_secret" not in documents.payment(site.office, row.payment_id)[0].model_dump()


def test_a_ticket_is_what_the_hub_signed_for_the_spot_that_is_booked(site: Site) -> None:
    signed = booking("signed", ticket="TICKET", ticket_revision=2, ticket_revision_min=2)
    stale = booking("stale", ticket="TICKET", ticket_revision=2, ticket_revision_min=3)
    add(site, signed, stale, booking("none"), *(reservation(name) for name in ("signed", "stale", "none")))
    assert documents.ticket(site.office, "signed") == "TICKET"
    with pytest.raises(Refused, match="confirmed"):
        documents.ticket(site.office, "none")
    with pytest.raises(TryLater, match="ticket of this booking"):
        documents.ticket(site.office, "stale")


def test_who_comes_late_has_a_ticket_until_the_window_ends(site: Site) -> None:
    add(site, booking(ticket="TICKET"), reservation(status=Status.NO_SHOW))
    site.watch.pass_by(END - NOON - timedelta(milliseconds=1))
    assert documents.ticket(site.office, RESERVATION) == "TICKET"
    site.watch.pass_by(timedelta(milliseconds=1))
    with pytest.raises(Refused, match="no_show"):
        documents.ticket(site.office, RESERVATION)


@pytest.mark.parametrize(
    ("state", "status", "shown"),
    [
        (State.CANCELLING, Status.CONFIRMED, "cancelling"),
        (State.CANCELLING, Status.HELD, "cancelling"),
        (State.CANCELLING, Status.CHECKED_IN, "checked_in"),
        (State.CANCELLING, Status.CANCELLED, "cancelled"),
        (State.CANCELLED, Status.NO_SHOW, "cancelled"),
        (State.CANCELLED, Status.CONFIRMED, "cancelled"),
        (State.HELD, Status.NO_SHOW, "no_show"),
    ],
)
def test_the_drivers_wish_to_cancel_shows(site: Site, state: State, status: Status, shown: str) -> None:
    add(site, booking(state=state.value), reservation(status=status))
    assert documents.reservation(site.office, RESERVATION).status.value == shown
    listed = documents.history(site.office, "usr_1", 10).reservations
    assert [one.status.value for one in listed] == [shown]
