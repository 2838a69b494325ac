"""`gatehouse bench gate` with a handful of cars; how fast it is is nobody's business here."""

from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.link.journal import Journal
from cloud_sync.link.log import Position
from cloud_sync.link.seal import Seal
from cloud_sync.link.store import Store
from cloud_sync.link.ticket import TicketKey
from domain.errors import OperatorError
from domain.fact import GENESIS, link
from simulator.bench import gate_core
from simulator.bench.gate import Scale, gate
from simulator.bench.gate_disk import ENTRY, LOT, Booking, book, clock, lay_down
from simulator.bench.gate_disk import Scale as DiskScale

pytestmark = pytest.mark.long

AIMS = {
    "decision_p99_ms": (2, "lower"),
    "credential_to_relay_p99_ms": (10, "lower"),
    "paid_to_usable_p99_ms": (300, "lower"),
    "loop_to_relay_p95_ms": (500, "lower"),
    "start_to_ready_ms": (3_000, "lower"),
    "rss_mb": (400, "lower"),
    "rss_growth_mb": (5, "lower"),
    "flush_facts_per_s": (2_000, "higher"),
}
DISK = DiskScale(bookings=60, spots=20, facts=700, told=40)
FEW = Scale(DiskScale(300, 60, 4_000, 120), decisions=6, cars=6, street=2, starts=1, flushes=2, passages=20, payments=1)
SEAL = Seal(bytes(range(32)))
KEY = TicketKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))


@pytest.fixture
def bookings(tmp_path: Path) -> list[Booking]:
    now = clock()
    made = book(tmp_path / "hub.db", SEAL, KEY, DISK, now)
    lay_down(tmp_path / "gate.db", tmp_path / "hub.db", ENTRY, made, SEAL, DISK, now, lambda _: None)
    return made


async def test_every_figure_with_its_aim(tmp_path: Path) -> None:
    said: list[str] = []
    figures = await gate(tmp_path, said.append, FEW)
    assert {figure.name: (figure.aim, figure.better) for figure in figures} == AIMS
    assert all(figure.value > 0 for figure in figures if figure.name != "rss_growth_mb")
    assert said


def test_the_disk_is_as_a_gate_would_have_written_it(tmp_path: Path, bookings: list[Booking]) -> None:
    """Gapless and chained, with all of the hub's log; the hub has heard all but the last of it."""
    with closing(Store(tmp_path / "gate.db")) as store, closing(Store(tmp_path / "hub.db")) as hub:
        journal, of_hub = Journal(store, ENTRY, "b"), Journal(hub, LOT, "b")
        own, chain = journal.after(Position(), 10_000), GENESIS
        for seq, fact in enumerate(own, 1):
            chain = link(chain, fact)
            assert (fact.seq, fact.chain) == (seq, chain)
        theirs = of_hub.after(Position(), 10_000)
        assert journal.kept(LOT, Position(), 10_000) == theirs
        assert len(own) + len(theirs) == DISK.facts
        assert of_hub.cursor(ENTRY).position == Position(1, len(own) - DISK.told) == journal.acknowledged(LOT)
    assert len({booking.number.plate.folded for booking in bookings}) == DISK.bookings


def test_a_car_that_is_not_let_in_is_an_error_and_no_figure(tmp_path: Path, bookings: list[Booking]) -> None:
    later = bookings[-DISK.spots :]
    with pytest.raises(OperatorError, match="was not let in by plate"):
        gate_core.measure(tmp_path / "gate.db", later, SEAL, decisions=0, cars=1)
