"""A lane that is set up the other way round than its hub has it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cloud_sync.link.v1.facts import AlarmRaised, Direction, GateChanged
from domain.errors import OperatorError
from gate_firmware import process
from gate_firmware.direction import DirectionCheck
from hub.settings import GateEntry
from lpr.reader import PlateReader
from tests.gate_firmware.gate import Gate, right
from tests.gate_firmware.test_process import alarms, breaks, drives_out, told, true
from tests.gate_firmware.test_service import gate_settings, serving, serving_as_it_is
from tests.hub.test_runs import Runs
from tests.parts import ENTRY, EXIT, BrokerSite, linked, soon

DIFFERS = "direction-differs"


def lane(direction: Direction, gate_id: str = ENTRY) -> GateChanged:
    return GateChanged(gate_id=gate_id, direction=direction)


def check_of(gate: Gate) -> DirectionCheck:
    def alarm(name: str, detail: str) -> None:
        with gate.journal.transaction():
            gate.journal.append(AlarmRaised(alarm=name, detail=detail), gate.now)

    return DirectionCheck(gate.unit, gate.direction, alarm)


def hears(gate: Gate, check: DirectionCheck, said: GateChanged) -> None:
    gate.hub_says(said)
    told = gate.journal.latest(GateChanged.kind, 1)
    check.heard(told[0])


class TestAtStart:
    def test_nobody_has_said_anything(self, entry: Gate) -> None:
        check_of(entry).at_start(entry.journal)

    def test_the_hub_says_the_same(self, entry: Gate) -> None:
        entry.hub_says(lane(Direction.EXIT), lane(Direction.ENTRY), lane(Direction.EXIT, EXIT), right())
        check_of(entry).at_start(entry.journal)

    def test_the_hub_says_another(self, entry: Gate) -> None:
        entry.hub_says(lane(Direction.ENTRY), lane(Direction.EXIT))
        words = rf"gate.direction is entry, and the hub has {ENTRY} as exit: correct one .* with exit until"
        with pytest.raises(OperatorError, match=words):
            check_of(entry).at_start(entry.journal)

    def test_an_exit_opens_whatever_the_hub_says_and_is_an_alarm(self, exit_: Gate) -> None:
        """Whoever is inside gets out, also after a typing error at the hub."""
        exit_.hub_says(lane(Direction.ENTRY, EXIT))
        check_of(exit_).at_start(exit_.journal)
        assert exit_.alarms == [DIFFERS]

    def test_what_cannot_be_understood_says_nothing(self, entry: Gate) -> None:
        entry.hub_says(lane(Direction.EXIT))
        with entry.store.transaction():
            entry.store.connection.execute("UPDATE fact SET payload = '{}' WHERE kind = ?", (GateChanged.kind,))
        check_of(entry).at_start(entry.journal)


def test_while_it_runs_it_is_an_alarm_once_until_they_agree(entry: Gate) -> None:
    check = check_of(entry)
    for direction in (Direction.ENTRY, Direction.EXIT, Direction.EXIT):
        hears(entry, check, lane(direction))
    hears(entry, check, lane(Direction.EXIT, EXIT))
    assert entry.alarms == [DIFFERS]
    assert entry.alarm_details == ["gate.direction is entry, and the hub has this gate as exit"]
    hears(entry, check, lane(Direction.ENTRY))
    hears(entry, check, lane(Direction.EXIT))
    assert entry.alarms == [DIFFERS, DIFFERS]


class TestProcess:
    """An exit at a hub whose file has it as an entry by now."""

    @pytest.fixture
    async def runs(self, tmp_path: Path, lot_broker: BrokerSite, central_broker: BrokerSite) -> AsyncIterator[Runs]:
        turned = GateEntry(name="exit-1", direction=Direction.ENTRY)
        runs = Runs(tmp_path, lot_broker, central_broker, turned)
        async with linked(runs.central.link):
            yield runs
        runs.central.store.close()

    @pytest.fixture(autouse=True)
    def _nothing_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing(*_: object, **__: object) -> PlateReader:
            raise OperatorError("engine_missing", "whoever is inside gets out without one")

        monkeypatch.setattr(process, "engine", missing)

    async def test_goes_on_until_it_is_started_anew_with_the_file_of_the_hub(
        self, runs: Runs, tmp_path: Path, lot_broker: BrokerSite
    ) -> None:
        card = tmp_path / "card"
        card.mkdir()
        async with runs.hub("hub") as hub:
            async with serving(card, Direction.EXIT, broker=lot_broker.seen_by(EXIT)) as gate:
                await soon(true(lambda: DIFFERS in alarms(told(hub, EXIT))))
                breaks(card / "gate.db")
                await drives_out(gate, 1)
                await soon(true(lambda: "store-failed" in alarms(told(hub, EXIT))))
                assert alarms(told(hub, EXIT)).count(DIFFERS) == 1
            settings = gate_settings(card, Direction.EXIT)
            turned = settings.gate.model_copy(update={"direction": Direction.ENTRY})
            async with serving_as_it_is(card, settings.model_copy(update={"gate": turned})) as gate:
                assert (await gate.street.state()).passages == 0
