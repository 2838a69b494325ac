"""Central's configuration: what is taken, and what each mistake is told."""

from pathlib import Path

import pytest

from cloud_sync.central.settings import CentralSettings
from domain.errors import OperatorError
from domain.policy import Policy, Tariff
from tests.cloud_sync.central.site import write_config


def test_a_whole_configuration(tmp_path: Path) -> None:
    settings = CentralSettings.load(write_config(tmp_path))
    (lot,) = settings.lots
    assert lot.tariff == Tariff("EUR", 15, 100, 2000)
    assert lot.policy == Policy(minimum_fee_minor=100)
    assert settings.database.address().database == str(tmp_path / "central.db"), "beside the configuration"
    assert lot.plate_key.read() == "2" * 64


@pytest.mark.parametrize(
    ("line", "wrong", "named"),
    [
        ("port = 0", "port = 99999", "http.port"),
        ("port = 0", "prot = 0", "http.prot"),
        ("sqlite:///central.db", "sqlite://", "a file"),
        ("sqlite:///central.db", "postgresql://gatehouse:secret@localhost/x", "password out of the URL"),
        ("sqlite:///central.db", "nonsense", "no database URL"),
        ("step_minutes = 15", "step_minutes = 0", "1 minute"),
        ("step_minutes = 15", "step_minutes = 15, steps = 2", "unknown keys: steps"),
        ('"EUR"', '"euro"', "ISO 4217"),
        ("minimum_fee_minor = 100", "cancel_steps = [[0, 0], [3600, 50]]", "longest notice"),
        ("minimum_fee_minor = 100", "hold_s = -1", "0 or more"),
        ("http://127.0.0.1:1", "http://127.0.0.1:zz4967", "stripe.api_base"),
        ("http://127.0.0.1:1", "ftp://127.0.0.1", "stripe.api_base"),
        ("http://127.0.0.1:1", "http://", "stripe.api_base"),
        ("Europe/Berlin", "Mars/Olympus", "no such time zone"),
        ('lot_id = "riverside"', 'lot_id = "River side"', "lower-case"),
        ('lot_id = "riverside"', 'lot_id = "riverside.1"', "no dot"),
        ('[stripe]\nsecret_key = { file = "stripe" }', "[stripe]", "stripe.secret_key"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, line: str, wrong: str, named: str) -> None:
    path = write_config(tmp_path)
    text = path.read_text()
    assert line in text
    path.write_text(text.replace(line, wrong))
    with pytest.raises(OperatorError, match=named) as error:
        CentralSettings.load(path)
    assert "secret@" not in str(error.value)


def test_a_key_is_overridden_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEHOUSE_HTTP__PORT", "8123")
    assert CentralSettings.load(write_config(tmp_path)).http.port == 8123
