"""The ledger alone: postings balance, a cause counts once, no more goes back than was taken."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from cloud_sync.central import ledger
from cloud_sync.central.database import Database
from cloud_sync.central.dues import Kind
from cloud_sync.central.ledger import MovementState, queue_refund, refundable_minor
from cloud_sync.central.tables import LedgerEntry, Movement, Payment
from domain.errors import Refused
from domain.money import Money
from tests.cloud_sync.central.rows import RESERVATION, booking, payment
from tests.cloud_sync.central.street import LOT
from tests.parts import NOON

REVENUE = f"revenue:{LOT}"


def eur(amount_minor: int) -> Money:
    return Money(amount_minor, "EUR")


def tried(database: Database, attempt: int = 1, amount_minor: int = 800) -> str:
    """A payment is attempted; its id."""
    with database.transaction() as session:
        if attempt == 1:
            session.add(booking())
            session.flush()
        row = payment(attempt=attempt, amount_minor=amount_minor)
        session.add(row)
        session.flush()
        ledger.open_charge(session, row, NOON)
        return row.payment_id


def paid(database: Database, attempt: int = 1, amount_minor: int = 800) -> str:
    """The same, and the provider has taken the money."""
    payment_id = tried(database, attempt, amount_minor)
    with database.transaction() as session:
        ledger.captured(session, session.get_one(Payment, payment_id), NOON)
    return payment_id


def refund(session: Session, payment_id: str, amount: Money, kind: Kind = Kind.CANCEL, revision: int = 1) -> None:
    queue_refund(session, session.get_one(Payment, payment_id), amount, NOON, kind=kind, revision=revision)


def refunds(session: Session) -> list[Movement]:
    return list(session.exec(select(Movement).where(Movement.kind != Kind.CHARGE.value)).all())


def balances(database: Database) -> dict[str, int]:
    """Each account's balance; every posting has two sides that add up to zero."""
    accounts: dict[str, int] = {}
    postings: dict[str, list[int]] = {}
    with database.reading() as session:
        for entry in session.exec(select(LedgerEntry)):
            accounts[entry.account] = accounts.get(entry.account, 0) + entry.amount_minor
            postings.setdefault(entry.posting, []).append(entry.amount_minor)
    assert all(len(sides) == 2 and sum(sides) == 0 for sides in postings.values())
    return accounts


def test_from_the_charge_to_the_refund_every_state_balances(database: Database) -> None:
    payment_id = tried(database)
    assert balances(database) == {}, "nothing has moved yet"
    with database.transaction() as session:
        ledger.captured(session, session.get_one(Payment, payment_id), NOON)
    assert balances(database) == {"bank": 800, REVENUE: -800}
    with database.transaction() as session:
        refund(session, payment_id, eur(300))
    assert balances(database) == {"bank": 800, REVENUE: -500, "refunds_due": -300}
    with database.transaction() as session:
        (queued,) = refunds(session)
        assert (queued.due_at, queued.lease_owner) == (NOON, None), "a worker finds it at once"
        ledger.refund_paid(session, session.get_one(Payment, payment_id), queued, "re_1", NOON)
    assert balances(database) == {"bank": 500, REVENUE: -500, "refunds_due": 0}
    with database.reading() as session:
        row = session.get_one(Payment, payment_id)
        assert (row.captured_minor, row.refunded_minor, row.pending_minor) == (800, 300, 0)
        assert [(m.state, m.provider_ref) for m in refunds(session)] == [(MovementState.DONE.value, "re_1")]
        assert refundable_minor(row) == 500


def test_a_refused_refund_is_refundable_again_under_another_cause(database: Database) -> None:
    payment_id = paid(database)
    with database.transaction() as session:
        refund(session, payment_id, eur(800))
        row = session.get_one(Payment, payment_id)
        assert refundable_minor(row) == 0
        ledger.refund_refused(session, row, refunds(session)[0], NOON)
        assert refundable_minor(row) == 800
        refund(session, payment_id, eur(800))
        assert row.pending_minor == 0, "its cause is used up"
        refund(session, payment_id, eur(800), revision=2)
        assert row.pending_minor == 800
    assert balances(database) == {"bank": 800, REVENUE: 0, "refunds_due": -800}


def test_an_attempt_that_failed_leaves_no_money_and_the_next_has_a_cause_of_its_own(database: Database) -> None:
    failed = tried(database)
    with database.transaction() as session:
        row = session.get_one(Payment, failed)
        row.step = "failed"
        ledger.not_charged(session, row)
    paid(database, attempt=2)
    assert balances(database) == {"bank": 800, REVENUE: -800}
    with database.reading() as session:
        charges = session.exec(select(Movement).order_by(Movement.revision)).all()  # type: ignore[arg-type]
        assert [(str(ledger.cause_of(charge)), charge.state) for charge in charges] == [
            (f"{RESERVATION}:charge:1", "void"),
            (f"{RESERVATION}:charge:2", "done"),
        ]
        assert ledger.charge_of(session, session.get_one(Payment, failed)).state == "void"


def test_a_cause_is_queued_once_whatever_amount_comes_with_it(database: Database) -> None:
    payment_id = paid(database)
    with database.transaction() as session:
        refund(session, payment_id, eur(300))
        for again in (300, 500, 9_000):
            refund(session, payment_id, eur(again))
        assert [queued.amount_minor for queued in refunds(session)] == [300]


def test_the_database_itself_takes_a_cause_once(database: Database) -> None:
    payment_id = paid(database)
    with database.transaction() as session:
        refund(session, payment_id, eur(300))
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(update(Movement).values(kind=Kind.CANCEL.value, revision=1))
    with pytest.raises(IntegrityError), database.transaction() as session:
        ledger.open_charge(session, session.get_one(Payment, payment_id), NOON)


def test_no_more_goes_back_than_was_taken(database: Database) -> None:
    payment_id = paid(database)
    with database.transaction() as session:
        refund(session, payment_id, eur(500))
        with pytest.raises(Refused, match=r"3\.00 EUR") as refused:
            refund(session, payment_id, eur(301), Kind.EARLY_EXIT)
        assert refused.value.code == "refund_too_high"
        refund(session, payment_id, eur(300), Kind.EARLY_EXIT)
    assert balances(database) == {"bank": 800, REVENUE: 0, "refunds_due": -800}


@pytest.mark.parametrize("amount", [Money(100, "CHF"), Money(-1, "EUR")])
def test_what_is_no_refund_is_refused_and_changes_nothing(database: Database, amount: Money) -> None:
    payment_id = paid(database)
    with database.transaction() as session:
        with pytest.raises(Refused):
            refund(session, payment_id, amount)
        assert refunds(session) == []
    assert balances(database) == {"bank": 800, REVENUE: -800}


def test_before_the_capture_nothing_is_refundable(database: Database) -> None:
    payment_id = tried(database)
    with database.transaction() as session, pytest.raises(Refused, match=r"0\.00 EUR"):
        refund(session, payment_id, eur(1))


@pytest.mark.parametrize("column", ["refunded_minor", "pending_minor"])
def test_the_database_itself_refuses_to_pay_back_too_much(database: Database, column: str) -> None:
    payment_id = paid(database)
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(update(Payment).values({column: 801}))
    with database.transaction() as session:
        session.execute(update(Payment).values({column: 800}))
        assert refundable_minor(session.get_one(Payment, payment_id)) == 0


def test_nothing_to_pay_is_charged_without_a_posting_and_owes_nothing(database: Database) -> None:
    payment_id = paid(database, amount_minor=0)
    with database.transaction() as session:
        row = session.get_one(Payment, payment_id)
        assert ledger.charge_of(session, row).state == "done"
        queue_refund(session, row, eur(0), NOON + timedelta(days=1), kind=Kind.CANCEL)
        assert refunds(session) == []
    assert balances(database) == {}
