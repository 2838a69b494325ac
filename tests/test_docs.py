"""The documentation tells of every setting, command, alarm and topic that there is."""

import inspect
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.main import get_command

import gatehouse
from cloud_sync.central.settings import CentralSettings
from cloud_sync.link import topics
from gate_firmware.settings import GateSettings
from hub.settings import HubSettings

ROOT = Path(__file__).parents[1]
DOCS = {path.name: path.read_text(encoding="utf-8") for path in [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"]}


def keys_of(model: type[BaseModel]) -> Iterator[str]:
    """The names of all keys of a configuration file, nested ones too."""
    for name, field in model.model_fields.items():
        yield name
        for kind in _models_in(field.annotation):
            yield from keys_of(kind)


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models_in(inner)


@pytest.mark.parametrize(
    ("settings", "unit"), [(GateSettings, "Gate"), (HubSettings, "Hub"), (CentralSettings, "Central")]
)
def test_every_setting_is_documented(settings: type[BaseModel], unit: str) -> None:
    """Where its unit's are, or where those of all units are."""
    sections = dict(re.findall(r"^## (\w+)(.+?)(?=^## |\Z)", DOCS["configuration.md"], re.MULTILINE | re.DOTALL))
    words = set(re.findall(r"\w+", sections["Brokers"] + sections[unit]))
    assert set(keys_of(settings)) - words == set()


def test_every_command_is_documented() -> None:
    group = get_command(gatehouse.app)
    names = set(group.commands)  # type: ignore[attr-defined]  # a Typer app of several commands is a group
    assert names
    assert [name for name in names if f"gatehouse {name}" not in DOCS["running.md"]] == []


def test_every_alarm_is_documented() -> None:
    rooms = ("hub", "gate_firmware", "hardware", "cloud_sync/link")
    sources = [path.read_text(encoding="utf-8") for room in rooms for path in (ROOT / room).glob("*.py")]
    raised = r'(?:alarm="|alarm\(\s*"|LOG_LOST = ")([a-z-]+)"'
    alarms = {alarm for source in sources for alarm in re.findall(raised, source)}
    assert {"fenced", "log-lost", "no-spot", "fact-set-aside"} <= alarms, "each way of raising one is seen"
    assert [alarm for alarm in alarms if f"`{alarm}`" not in DOCS["running.md"]] == []


def test_every_event_that_a_unit_logs_is_documented() -> None:
    rooms = ("hub", "gate_firmware", "hardware", "cloud_sync/link", "cloud_sync/central")
    sources = [path.read_text(encoding="utf-8") for room in rooms for path in (ROOT / room).glob("*.py")]
    events = {event for source in sources for event in re.findall(r'log\.\w+\(\s*"([a-z_]+\.[a-z_]+)"', source)}
    assert {"gate.camera_blind", "gate.reader_missing", "facts.pruned", "payment.debt"} <= events, (
        "each way of logging is seen"
    )
    assert [event for event in sorted(events) if f"`{event}`" not in DOCS["running.md"]] == []


def topic_patterns() -> set[str]:
    """What each function of `topics` spells, with the names of its parts in place of them."""
    parts = {"lot": ["{lot}"], "gate": ["{lot}.{gate}"], "direction": ["up", "down"]}
    spelt: set[str] = set()
    for name, spell in inspect.getmembers(topics, inspect.isfunction):
        if name.startswith("_") or spell is topics.ack_of:
            continue
        values = [parts.get(part, [f"{{{part}}}"]) for part in inspect.signature(spell).parameters]
        spelt |= {spell(*chosen) for chosen in itertools.product(*values)}
    return spelt | {topics.ack_of(topic) for topic in spelt if "/facts/" in topic}


def test_every_topic_is_documented_and_no_other() -> None:
    documented = re.findall(rf"^\| `({topics.ROOT}/[^`]+)`", DOCS["architecture.md"], re.MULTILINE)
    assert sorted(documented) == sorted(topic_patterns())


def test_every_link_leads_somewhere() -> None:
    for name, text in DOCS.items():
        folder = ROOT if name == "README.md" else ROOT / "docs"
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (folder / target).exists(), f"{name}: {target}"


def test_every_file_that_is_named_exists() -> None:
    for name, text in DOCS.items():
        for path in re.findall(
            r"`((?:domain|lpr|hardware|gate_firmware|hub|cloud_sync|simulator|deploy)/[\w./-]+)`", text
        ):
            assert (ROOT / path).exists(), f"{name}: {path}"
