"""The same facts in every order: the same money in the end, and never more back than was taken."""

from collections.abc import Callable
from datetime import timedelta
from itertools import permutations

import pytest
from sqlmodel import Session, select

from cloud_sync.central import ledger
from cloud_sync.central.booking import State
from cloud_sync.central.database import Database
from cloud_sync.central.ledger import OWED
from cloud_sync.central.settlement import Settlement
from cloud_sync.central.tables import Booking, Movement, Payment, ReservationCopy, StayCopy, WithdrawalCopy
from domain.policy import Policy, Tariff
from domain.reservation import Status
from domain.stay import Conflict
from tests.cloud_sync.central.rows import booking, payment, reservation, stay
from tests.cloud_sync.central.street import LOT, START
from tests.parts import NOON

HOUR = timedelta(hours=1)
LATER = START + HOUR
Fact = Callable[[Session, str], None]


def captured(session: Session, name: str) -> None:
    row = session.get_one(Payment, f"pay_{name}_1")
    row.step = "paid"
    ledger.captured(session, row, NOON)


def becomes(status: Status) -> Fact:
    def fact(session: Session, name: str) -> None:
        session.get_one(ReservationCopy, name).status = status.value

    return fact


def wished(session: Session, name: str) -> None:
    row = session.get_one(Booking, name)
    row.state, row.cancel_requested_at = State.CANCELLED.value, NOON
    session.get_one(ReservationCopy, name).status = Status.CANCELLED.value


def settled(complete: bool) -> Fact:
    def fact(session: Session, name: str) -> None:
        session.merge(WithdrawalCopy(reservation_id=name, lot_id=LOT, revision=1, complete=complete))

    return fact


def came_and_went(conflict: Conflict | None, hours: float = 1) -> tuple[Fact, Fact]:
    said = None if conflict is None else conflict.value

    def comes(session: Session, name: str) -> None:
        if session.get(StayCopy, name) is None:
            session.add(stay(name, reservation_id=name, conflict=said))

    def goes(session: Session, name: str) -> None:
        session.merge(stay(name, reservation_id=name, conflict=said, left_at=START + hours * HOUR))

    return comes, goes


def seen_leaving(conflict: Conflict, hours: float) -> Fact:
    def goes(session: Session, name: str) -> None:
        went_out = {"entered_at": None, "left_at": START + hours * HOUR, "spot_id": None}
        session.merge(stay(name, reservation_id=name, conflict=conflict.value, **went_out))

    return goes


MISSED = (captured, becomes(Status.NO_SHOW))
CASES: dict[str, tuple[tuple[Fact, ...], int]] = {
    "left early": ((captured, *came_and_went(None)), 400),
    "left late": ((captured, *came_and_went(None, 2.5)), 1_000),
    "cancelled": ((captured, wished, settled(True)), 400),
    "cancelled, and came": ((captured, wished, settled(True), *came_and_went(Conflict.AFTER_CANCEL)), 400),
    "cancelled, and stayed": ((captured, wished, settled(True), *came_and_went(Conflict.AFTER_CANCEL, 3)), 1_200),
    "cancelled by the lot": ((captured, becomes(Status.CANCELLED)), 0),
    "did not come": ((captured, becomes(Status.NO_SHOW), settled(True)), 600),
    "did not come, for all one knows": ((captured, becomes(Status.NO_SHOW), settled(False)), 0),
    "did not come, and left": (
        (captured, becomes(Status.NO_SHOW), settled(True), seen_leaving(Conflict.EXIT_WITHOUT_ENTRY, 1)),
        0,
    ),
    "cancelled, and was seen to leave": (
        (captured, wished, settled(True), seen_leaving(Conflict.AFTER_CANCEL, 1)),
        400,
    ),
    "came late": ((captured, becomes(Status.NO_SHOW), settled(True), *came_and_went(Conflict.AFTER_NO_SHOW)), 400),
    "came late and stayed": (
        (captured, becomes(Status.NO_SHOW), settled(True), *came_and_went(Conflict.AFTER_NO_SHOW, 2.5)),
        800,
    ),
    "only seen leaving": ((*MISSED, settled(True), seen_leaving(Conflict.AFTER_NO_SHOW, 1)), 400),
    "only seen leaving, late": ((*MISSED, settled(True), seen_leaving(Conflict.AFTER_NO_SHOW, 2.5)), 600),
    "only seen leaving, before that was sure": (
        (*MISSED, settled(False), seen_leaving(Conflict.AFTER_NO_SHOW, 1)),
        0,
    ),
    "seen leaving before it was given up": ((*MISSED, settled(False), seen_leaving(Conflict.EXIT_WITHOUT_ENTRY, 0)), 0),
    "only seen leaving, and cancelled": (
        (captured, wished, settled(True), seen_leaving(Conflict.AFTER_NO_SHOW, 1)),
        400,
    ),
}
"""What is told, and what the driver has paid in the end of the 8.00 EUR that the window costs."""


@pytest.mark.parametrize("case", CASES)
def test_the_money_is_the_same_in_every_order(database: Database, case: str) -> None:
    facts, paid_minor = CASES[case]
    policies = {LOT: Policy(no_show_fee_percent=75)}
    settlement = Settlement(policies, {LOT: Tariff("EUR", 15, 100, 2_000)})
    orders = list(permutations(facts))
    names = [f"{number:010}" for number in range(len(orders))]
    with database.transaction() as session:
        for name in names:
            session.add(booking(name))
            session.flush()
            session.add_all([reservation(name), payment(name)])
            session.flush()
            ledger.open_charge(session, session.get_one(Payment, f"pay_{name}_1"), NOON)
    with database.transaction() as session:
        for name, order in zip(names, orders, strict=True):
            for fact in order:
                for _ in range(1 if order is not orders[-1] else 2):  # each may be told twice
                    if fact is not captured or session.get_one(Payment, f"pay_{name}_1").step != "paid":
                        fact(session, name)
                    session.flush()
                    settlement.settle(session, name, LATER)
                    row = session.get_one(Payment, f"pay_{name}_1")
                    assert row.refunded_minor + row.pending_minor <= row.captured_minor
    with database.reading() as session:
        assert {paid(session, name) for name in names} == {paid_minor}


def paid(session: Session, name: str) -> int:
    """What the driver has paid in all, once all that is queued was moved."""
    movements = session.exec(select(Movement).where(Movement.reservation_id == name)).all()
    charged = {"charge", *(kind.value for kind in OWED)}
    return sum(m.amount_minor if m.kind in charged else -m.amount_minor for m in movements)
