"""The office as a whole: what it tells the hubs when it opens, takes over, and hurries."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cloud_sync.central import lease
from cloud_sync.central.accounts import Role
from cloud_sync.central.booking import State
from cloud_sync.central.settings import CentralSettings
from cloud_sync.central.tables import Booking, CursorRow, Movement
from cloud_sync.link.log import Position
from domain.errors import OperatorError, Refused
from domain.policy import Policy
from tests.cloud_sync.central.rows import RESERVATION, booking, payment
from tests.cloud_sync.central.site import Site, write_config
from tests.cloud_sync.central.street import END, LOT
from tests.parts import NOON

SOON = NOON + timedelta(seconds=30)

MOVEMENT = Movement(
    movement_id="mov_1",
    reservation_id=RESERVATION,
    kind="manual",
    revision=1,
    payment_id=f"pay_{RESERVATION}_1",
    amount_minor=100,
    currency="EUR",
    state="pending",
    created_at=NOON,
    due_at=SOON,
)


def promises(site: Site) -> list[int]:
    """The minimum fee of each policy that the lot's hub was told of."""
    facts = site.office.journals[LOT].after(Position(), 100)
    return [fact.payload["policy"]["minimum_fee_minor"] for fact in facts if fact.kind == "policy.changed/1"]


def test_the_hub_is_told_of_a_policy_once_and_of_each_change(site: Site) -> None:
    site.restart()
    assert promises(site) == [100]
    lot = site.office.lots[LOT]
    site.office.lots[LOT] = lot.model_copy(update={"policy": replace(lot.policy, minimum_fee_minor=250)})
    site.office.open()
    site.office.open()
    assert promises(site) == [100, 250]
    site.office.lots[LOT] = lot.model_copy(update={"policy": Policy(minimum_fee_minor=100)})
    site.office.open()
    assert promises(site) == [100, 250, 100], "what is told is compared with the latest, not with any"


def test_the_only_process_takes_over_what_the_dead_one_left(site: Site) -> None:
    with site.office.database.transaction() as session:
        session.add(booking("leased", due_at=NOON))
        session.add(booking("resting", due_at=SOON))
        session.flush()
        lease.take(session, Booking, "leased", "dead", NOON)
    site.restart()
    with site.office.database.reading() as session:
        assert lease.due(session, lease.look(Booking), NOON, 10)[0] == ["leased"]


WAITS: dict[str, tuple[object, ...]] = {
    "a booking that is due": (booking(lot_id="hillside", state="cancelled", due_at=SOON),),
    "a window that has not ended": (booking(lot_id="hillside"),),
    "a payment": (booking(), payment(lot_id="hillside", due_at=SOON)),
    "a movement": (booking(), payment(lot_id="hillside", step="paid"), MOVEMENT),
}


@pytest.mark.parametrize("what", WAITS)
def test_a_lot_that_is_taken_out_while_something_of_it_is_outstanding_is_asked_for(site: Site, what: str) -> None:
    with site.office.database.transaction() as session:
        for row in WAITS[what]:
            session.add(type(row)(**row.model_dump()))  # type: ignore[attr-defined]  # a row is one database's
            session.flush()
    with pytest.raises(OperatorError, match="hillside are not finished; put the lot back") as refused:
        site.office.open()
    assert refused.value.code == "lot_missing"


def test_a_lot_of_which_nothing_is_outstanding_can_be_taken_out(site: Site) -> None:
    with site.office.database.transaction() as session:
        session.add_all([booking("given up", lot_id="hillside", state="released"), booking("used", lot_id="hillside")])
        session.flush()
        session.add(payment("used", lot_id="hillside", step="paid"))
    site.watch.pass_by(END - site.watch().utc)
    site.office.open()


def test_beside_other_processes_nothing_is_taken_over(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with site.office.database.transaction() as session:
        session.add(booking("leased", due_at=NOON))
        session.flush()
        lease.take(session, Booking, "leased", "alive", NOON)
    monkeypatch.setattr(type(site.office.database), "only_process", False)
    site.office.open()
    with site.office.database.reading() as session:
        assert lease.keep(session, Booking, "leased", "alive") is not None


def test_operators_are_made_when_it_opens_and_a_drivers_account_is_raised(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site.office.accounts.register("ada@example.com", "the old password", "Ada")
    secret = tmp_path / "operator"
    config = tmp_path / "central.toml"
    write_config(tmp_path)
    lines = config.read_text(encoding="utf-8")
    for name in ("ada", "bob"):
        lines += f'[[operators]]\nemail = "{name}@Example.com"\nname = "{name}"\npassword = {{ file = "operator" }}\n'
    config.write_text(lines, encoding="utf-8")
    site.office._operators = CentralSettings.load(config).operators
    for password in ("correct horse", "correct horse", "battery staple"):
        secret.write_text(password, encoding="utf-8")
        site.office.open()
        for name in ("ada", "bob"):
            assert site.office.accounts.log_in(f"{name}@example.com", password).role is Role.OPERATOR
    with pytest.raises(Refused):
        site.office.accounts.log_in("ada@example.com", "the old password")
    secret.write_text("short", encoding="utf-8")
    with pytest.raises(OperatorError, match=r"operator: .* 8 characters"):
        site.office.open()
    assert "battery staple" not in caplog.text


def test_a_hub_that_is_back_hurries_what_waits_for_it(site: Site) -> None:
    releasing = {"state": State.RELEASING.value, "due_at": SOON}
    with site.office.database.transaction() as session:
        session.add_all(
            [
                booking("releasing", **releasing),
                booking("cancelling", state=State.CANCELLING.value, due_at=SOON + timedelta(milliseconds=1)),
                booking("cancelled", state=State.CANCELLED.value, due_at=SOON),  # waits for its window's end
                booking("elsewhere", lot_id="hillside", **releasing),
                booking("asked", state=State.ASKED.value, due_at=SOON),  # its answer may still come
            ]
        )
        session.flush()
        session.add_all([payment("releasing", due_at=SOON), payment("elsewhere", lot_id="hillside", due_at=SOON)])
    site.office.hub_back(LOT)
    with site.office.database.reading() as session:
        assert sorted(key for worker in site.office.workers for key in worker._due(10)) == [
            "cancelling",
            "pay_releasing_1",
            "releasing",
        ]
        assert [worker._wake.is_set() for worker in site.office.workers] == [True, True, False]
        assert sorted(lease.due(session, lease.look(Booking), SOON, 10)[0][2:]) == [
            "asked",
            "cancelled",
            "elsewhere",
        ], "not hurried"


def test_the_copy_is_as_old_as_the_last_that_was_heard_or_told(site: Site) -> None:
    assert site.office.as_of("nowhere") is None
    site.watch.pass_by(timedelta(minutes=1))
    assert site.office.as_of(LOT) == NOON + timedelta(minutes=1), "its hub is there now"
    site.street.away = True
    assert site.office.as_of(LOT) == NOON, "its last fact"
    with site.office.database.transaction() as session:
        session.get_one(CursorRow, LOT).fact_at = NOON + timedelta(hours=1)
    site.street.away = False
    assert site.office.as_of(LOT) == NOON + timedelta(hours=1)
