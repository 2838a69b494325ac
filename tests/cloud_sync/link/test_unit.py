"""A unit that nobody answers, at a real broker with the access rules that we deploy."""

import asyncio
import logging
from contextlib import closing
from pathlib import Path

import pytest

from cloud_sync.link import topics, unit
from cloud_sync.link.host import this_machine
from cloud_sync.link.journal import Journal
from cloud_sync.link.mqtt import Link
from cloud_sync.link.settings import Broker
from cloud_sync.link.store import Store
from cloud_sync.link.unit import Unit
from domain.now import Trust
from tests.parts import ENTRY, EXIT, BrokerSite, connection_of, linked, soon


async def said(caplog: pytest.LogCaptureFixture, event: str) -> logging.LogRecord:
    while True:
        for record in caplog.records:
            if record.message == event:
                return record
        await asyncio.sleep(0.01)


def connected(folder: Path, broker: Broker) -> tuple[Store, Unit, Link]:
    store = Store(folder / "gate.db")
    journal = Journal(store, ENTRY, "boot")
    gate = Unit(journal, this_machine(Trust.NTP), topics.gate_status(ENTRY), lambda _detail: None)
    link = gate.connect(broker, parent="the hub")
    assert isinstance(link, Link)
    return store, gate, link


async def test_it_is_said_once_with_what_to_look_at(
    tmp_path: Path, lot_broker: BrokerSite, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the name of another gate all is well for the broker, and what is this one's is denied without a word."""
    monkeypatch.setattr(unit, "ANSWER_S", 0.01)
    store, gate, link = connected(tmp_path, lot_broker.seen_by(EXIT))
    with closing(store):
        async with linked(link):
            warning = await soon(said(caplog, "tenure.unanswered"))
            waited, again = gate._waiting, connection_of(link)
            link.rename("another")
            await soon(again.wait())
            assert gate._waiting is waited, "nobody waits to say it a second time"
    why = vars(warning)["why"]
    assert why.startswith(f"connected to the broker as {EXIT}, but the hub does not answer {ENTRY}: is it running,")
    assert [record.message for record in caplog.records].count("tenure.unanswered") == 1


async def test_nothing_is_said_of_a_unit_that_is_not_connected_or_was_granted(
    tmp_path: Path, lot_broker: BrokerSite, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    broker = lot_broker.seen_by(ENTRY)
    store, gate, link = connected(tmp_path, broker)
    with closing(store):
        async with linked(link):
            waiting = gate._waiting
            assert waiting is not None
            assert not waiting.cancelled()
        assert waiting.cancelled()
        async with linked(link):
            assert gate._waiting is not waiting
            gate.tenure.granted(gate.run, 1)
            gate._nobody_answers("the hub", broker)  # its time has come
    assert [record.message for record in caplog.records if record.message.startswith("tenure")] == ["tenure.granted"]
