"""The hub's copy of what central tells, as it is compared with central's log."""

from cloud_sync.link.digest import LAST
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.v1.facts import PaymentChanged, PolicyChanged, ReservationChanged, values_of
from cloud_sync.link.v1.messages import Part
from domain.money import Money
from domain.policy import Policy, Tariff
from hub.compared import ComparedPayments
from tests.hub.riverside import NOW, OTHER_SPOT, Riverside, at, hold_request, rid
from tests.parts import LOT

CENTRAL = f"central:{LOT}"


def rows(riverside: Riverside, kind: str, first: str = "", hours: float = 0) -> dict[str, dict[str, object]]:
    found = ComparedPayments(riverside.store).rows(kind, first, LAST, at(hours))
    assert found is not None
    return {subject: dict(values) for subject, values in found}


def paid(number: int = 1, *, hours: float = 1) -> PaymentChanged:
    return PaymentChanged(
        reservation_id=rid(number), paid=Money(1250, "EUR"), refunded=Money(200, "EUR"), end_time=at(hours)
    )


def test_every_value_that_it_keeps_is_the_facts(riverside: Riverside) -> None:
    riverside.booked()
    riverside.booked(2, hold_request(2, spot_id=OTHER_SPOT))
    said = riverside.tells(CENTRAL, PolicyChanged(policy=Policy(early_s=60), tariff=Tariff("EUR", 30, 250)))
    payment = riverside.tells(CENTRAL, paid())
    assert rows(riverside, PolicyChanged.kind) == {"": values_of(said)}
    assert rows(riverside, PaymentChanged.kind) == {rid(1): values_of(payment)}
    assert rows(riverside, PaymentChanged.kind, rid(2)) == {}
    assert rows(riverside, PaymentChanged.kind, hours=1) == {}, "it is over"


def test_nothing_is_compared_that_central_does_not_tell(riverside: Riverside) -> None:
    assert ComparedPayments(riverside.store).rows(ReservationChanged.kind, "", LAST, at(0)) is None


def test_a_snapshot_puts_it_right_and_leaves_what_is_over(riverside: Riverside) -> None:
    for number, end in ((1, 1), (2, 3)):
        riverside.booked(number, hold_request(number, start=end - 1, end=end))
    payment, _ = riverside.tells(CENTRAL, paid(1)), riverside.tells(CENTRAL, paid(2, hours=3))
    policy = riverside.tells(
        CENTRAL, PolicyChanged(policy=Policy(), tariff=Tariff("EUR", 30, 250)), NOW.later(2 * 3_600_000)
    )
    copy = ComparedPayments(riverside.store)
    receiver = Receiver(CENTRAL, riverside.journal, lambda _fact: None, forget=copy.forget, copy=copy)
    receiver.part(Part(at=riverside.journal.cursor(CENTRAL).wire(), number=1, of=1), [policy])
    assert rows(riverside, PaymentChanged.kind).keys() == {rid(1)}
    assert rows(riverside, PaymentChanged.kind)[rid(1)] == values_of(payment)
