"""Central on PostgreSQL, where several processes share one database: what SQLite's single writer hides."""

import asyncio
import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from cloud_sync.central.bank import IntentState
from cloud_sync.link.v1.messages import AdmitRequest
from simulator.bench import servers
from simulator.bench.redis_postgres import Servers
from simulator.demo.supervisor import Ready
from simulator.ports import free_port
from tests.cloud_sync.central.banks import MemoryBank
from tests.cloud_sync.central.site import PLATE, Site
from tests.cloud_sync.central.street import END, EXIT_GATE, GATE, START, StreetSide, Watch


@pytest.fixture(scope="module")
def cluster() -> Iterator[Servers]:
    """A PostgreSQL server of our own."""
    cluster = Servers(free_port(), 0, secrets.token_hex(16))
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: S103  it never runs as root, and has to find its data
        unit = servers.postgres(Path(folder), cluster)
        with subprocess.Popen(unit.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                asyncio.run(until(unit.ready))
                yield cluster
            finally:
                process.terminate()


async def until(ready: Ready) -> None:
    async with asyncio.timeout(30):
        while not await ready():  # noqa: ASYNC110  another process, which says nothing by itself
            await asyncio.sleep(0.05)


@pytest.fixture
def processes(
    cluster: Servers,
    tmp_path: Path,
    watch: Watch,
    street: StreetSide,
    bank: MemoryBank,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[Site, Site]]:
    """Two processes of central on one new database."""
    name = f"central_{secrets.token_hex(4)}"
    with psycopg.connect(cluster.postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = f"postgresql+psycopg://bench@127.0.0.1:{cluster.postgres_port}/{name}"
    monkeypatch.setenv("GATEHOUSE_DATABASE__URL", url)
    monkeypatch.setenv("PGPASSWORD", cluster.password)
    with ExitStack() as stack:
        sites = []
        for number in range(2):
            folder = tmp_path / str(number)
            folder.mkdir()
            sites.append(Site(folder, watch, street, bank))
            stack.callback(sites[-1].office.close)
        yield sites[0], sites[1]


async def both(processes: tuple[Site, Site], what: str) -> None:
    await asyncio.gather(*(getattr(site, what)() for site in processes))


async def test_from_booking_to_refund(processes: tuple[Site, Site], bank: MemoryBank) -> None:
    site, other = processes
    reservation_id = await site.paid()
    site.watch.pass_by((START - site.watch().utc) / 2)
    site.street.stay(reservation_id, left_at=START + (END - START) / 2)
    await other.hear()
    assert bank.refunds == {f"{reservation_id}:early-exit:1": 400}
    assert site.balances() == other.balances() == {"bank": 400, "revenue:riverside": -400, "refunds_due": 0}


async def test_a_plate_finds_the_booking_that_its_driver_comes_on_and_leaves_on(processes: tuple[Site, Site]) -> None:
    site, other = processes
    reservation_id = await site.paid()
    coming = {"gate_id": GATE, "license_plate": PLATE}
    assert (await site.me.post("/gate/check-in", coming)).status_code == 200
    site.street.stay(reservation_id, None)
    await other.hear()
    leaving = {"gate_id": EXIT_GATE, "license_plate": PLATE}
    assert (await site.me.post("/gate/check-out", leaving)).status_code == 200
    asked = site.street.requests("admit")
    assert [one.reservation_id for one in asked if isinstance(one, AdmitRequest)] == [reservation_id] * 2


async def test_refunds_by_hand_that_come_to_both_at_once_go_back_as_far_as_there_is_money(
    processes: tuple[Site, Site], bank: MemoryBank
) -> None:
    site, other = processes
    await site.paid()  # 8.00
    path = f"/payments/{site.payment().payment_id}/refund"
    operators = [site.operator(), other.operator()]
    for amount_minor, statuses in ((300, [201, 201]), (200, [201, 409])):
        body = {"reason": "goodwill", "amount": {"amount_minor": amount_minor, "currency": "EUR"}}
        answers = await asyncio.gather(*(operator.post(path, body) for operator in operators))
        assert sorted(answer.status_code for answer in answers) == statuses
    assert sum(bank.refunds.values()) == 800
    assert site.balances() == {"bank": 0, "revenue:riverside": 0, "refunds_due": 0}


async def test_facts_that_come_to_both_are_applied_once(processes: tuple[Site, Site], bank: MemoryBank) -> None:
    site, _ = processes
    reservation_id = await site.paid()
    for _ in range(5):
        site.street.stay(reservation_id, left_at=START + (END - START) / 2)
        await asyncio.gather(*(asyncio.to_thread(one.take_in) for one in processes))
    await both(processes, "work")
    assert bank.calls.count("refund") == 1
    assert site.balances() == {"bank": 400, "revenue:riverside": -400, "refunds_due": 0}


async def test_payments_that_are_due_are_worked_on_by_one(processes: tuple[Site, Site], bank: MemoryBank) -> None:
    site, _ = processes
    bank.silent.add("capture")
    await site.paid()
    bank.silent.clear()
    site.watch.pass_by(2 * (START - site.watch().utc) / 4)
    bank.calls.clear()
    await both(processes, "work")
    assert bank.calls == ["capture"]
    assert site.balances() == {"bank": 800, "revenue:riverside": -800}


async def test_books_that_both_compare_at_once_are_completed_once(
    processes: tuple[Site, Site], bank: MemoryBank
) -> None:
    site, _ = processes
    await site.paid()
    order, _ = next(iter(bank.intents.values()))
    with site.office.database.transaction() as session:
        for table in ("ledger", "movements", "payments", "bookings"):
            session.connection().exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608  the names above
    await asyncio.gather(*(asyncio.to_thread(one.office.books.compare) for one in processes))
    assert site.payment().payment_id == order.booked.payment_id
    assert site.balances() == {"bank": 800, "revenue:riverside": -800}
    assert [state for _, state in bank.intents.values()] == [IntentState.CAPTURED]
