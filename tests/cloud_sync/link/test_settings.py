import errno
import logging
import os
from pathlib import Path

import pytest
from pydantic import Field

from cloud_sync.link.settings import Broker, ClockSection, Location, Secret, Section, UnitId, UnitSettings
from domain.errors import OperatorError


class StoreSection(Section):
    path: Location = Path("unit.db")


class LotSection(Section):
    lot_id: UnitId
    spots: int = Field(default=10, ge=1)
    countries: tuple[str, ...] = ()


class Sample(UnitSettings):
    lot: LotSection
    broker: Broker
    store: StoreSection = Field(default_factory=StoreSection)
    clock: ClockSection = ClockSection()


GOOD = """
[lot]
lot_id = "riverside"

[broker]
port = 1884
username = "riverside"
password = { file = "broker-password" }
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "hub.toml"
    path.write_text(GOOD, encoding="utf-8")
    (tmp_path / "broker-password").write_text("  hunter2\n", encoding="utf-8")
    return path


def refused(config: Path) -> OperatorError:
    with pytest.raises(OperatorError) as error:
        Sample.load(config)
    assert str(config) in error.value.message
    assert error.value.__cause__ is None, "it would show the values"
    return error.value


def test_a_file_is_read_and_paths_are_relative_to_it_also_those_that_it_does_not_name(config: Path) -> None:
    settings = Sample.load(config)
    assert (settings.lot.lot_id, settings.lot.spots) == ("riverside", 10)
    assert (settings.broker.host, settings.broker.port, settings.broker.keepalive_s) == ("127.0.0.1", 1884, 15)
    assert settings.store.path == config.parent / "unit.db"


def test_a_path_may_be_absolute(config: Path) -> None:
    config.write_text(GOOD + '[store]\npath = "/var/lib/gatehouse/hub.db"\n', encoding="utf-8")
    assert Sample.load(config).store.path == Path("/var/lib/gatehouse/hub.db")


def test_single_keys_are_overridden_from_the_environment(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEHOUSE_BROKER__PORT", "2000")
    monkeypatch.setenv("GATEHOUSE_STORE__PATH", "elsewhere.db")
    monkeypatch.setenv("GATEHOUSE_BROKER__PASSWORD__FILE", "other-password")
    settings = Sample.load(config)
    assert (settings.broker.port, settings.broker.username) == (2_000, "riverside")
    assert settings.store.path == config.parent / "elsewhere.db"
    assert settings.broker.password == Secret(file=config.parent / "other-password")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("GATEHOUSE_BROKR__PORT", r"GATEHOUSE_BROKR__PORT.*\[brokr\]"),
        ("GATEHOUSE_BROKER__PROT", r"environment's GATEHOUSE_BROKER__PROT: unknown key; did you mean port\?"),
        ("GATEHOUSE_BROKER__PORT", r"environment's GATEHOUSE_BROKER__PORT: "),
    ],
)
def test_a_wrong_key_or_value_in_the_environment_is_an_error(
    config: Path, monkeypatch: pytest.MonkeyPatch, name: str, what: str
) -> None:
    monkeypatch.setenv(name, "many")
    with pytest.raises(OperatorError, match=what):
        Sample.load(config)


def test_other_variables_are_nobodys_business(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEHOUSE", "x")
    monkeypatch.setenv("GATEHOUSE_CONFIG", "x")
    monkeypatch.setenv("PORT", "x")
    assert Sample.load(config).broker.port == 1884


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (GOOD + "\n[brokr]\nport = 1\n", "brokr"),
        (GOOD + "prot = 1\n", "broker.prot"),
        (GOOD.replace("1884", "70000"), "broker.port"),
        (GOOD.replace("1884", '"hunter2"'), "broker.port"),
        (GOOD.replace('"riverside"', '"River/Side"'), "lot.lot_id"),
        (GOOD.replace('{ file = "broker-password" }', '"hunter2"'), "broker.password"),
        ("", "lot"),
    ],
)
def test_each_wrong_key_is_named_and_its_value_is_not_repeated(config: Path, text: str, key: str) -> None:
    config.write_text(text, encoding="utf-8")
    error = refused(config)
    assert error.code == "config_invalid"
    assert f"{key}: " in error.message
    for value in ("hunter2", "70000", "River/Side"):
        assert value not in error.message


class TestHost:
    @pytest.mark.parametrize("host", ["192.0.2.2", "::1", "fe80::1%eth0", "hub", "hub.local.", "my_broker", "büro.lan"])
    def test_is_a_name_or_an_address(self, host: str) -> None:
        assert Broker(host=host).host == host

    @pytest.mark.parametrize(
        "host",
        [
            *("", " ", " 127.0.0.1", "hub local", "hub.local\n", "hub..local", ".hub", "-hub", "a" * 80),
            *("mqtt://127.0.0.1:1883", "127.0.0.1:1883", "hub:1883", "[::1]", "192.0.2.300"),
        ],
    )
    def test_is_nothing_else(self, config: Path, host: str) -> None:
        config.write_text(GOOD + f"host = {host!r}\n".replace("'", '"'), encoding="utf-8")
        assert "broker.host: must be a host name or address, without mqtt:// and port" in refused(config).message


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (GOOD + "prot = 1\n", "broker.prot: unknown key; did you mean port?"),
        (GOOD + "zzz = 1\n", "broker.zzz: unknown key"),
        ("[brokr]\n" + GOOD, "brokr: unknown key; did you mean broker?"),
        (GOOD.replace("file =", "fil ="), "broker.password.fil: unknown key; did you mean file?"),
        (GOOD + '[clock]\ntrust = "gps"\n', "clock.trust: must be 'ntp', 'rtc', 'none' or 'auto'"),
    ],
)
def test_what_was_meant_is_said(config: Path, text: str, what: str) -> None:
    config.write_text(text, encoding="utf-8")
    said = refused(config).message.removeprefix(f"{config}: ")
    assert said.removeprefix("broker.password.file: Field required; ") == what


def test_a_list_in_the_environment_is_json(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEHOUSE_LOT__COUNTRIES", "de")
    with pytest.raises(OperatorError, match=r"GATEHOUSE_LOT__COUNTRIES: must be a JSON list, such as \["):
        Sample.load(config)
    monkeypatch.setenv("GATEHOUSE_LOT__COUNTRIES", '["de", "at"]')
    assert Sample.load(config).lot.countries == ("de", "at")


def test_a_variable_that_sets_nothing_is_told_with_what_it_may_mean(
    config: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("GATEHOUSE_BROKER_PORT", "GATEHOUSE_X", "GATEHOUSE", "OTHER"):
        monkeypatch.setenv(name, "1884")
    (config.parent / "broker-password").chmod(0o600)
    Sample.load(config).tell_oddities()
    told = [(vars(record)["variable"], vars(record)["meant"]) for record in caplog.records]
    assert told == [("GATEHOUSE_BROKER_PORT", "GATEHOUSE_BROKER__PORT"), ("GATEHOUSE_X", None)]


def test_a_byte_order_mark_is_no_matter(config: Path) -> None:
    config.write_text(GOOD, encoding="utf-8-sig")
    assert Sample.load(config).broker.port == 1884


def test_bad_toml_is_named_with_its_line(config: Path) -> None:
    config.write_text("[lot]\nlot_id = riverside\n", encoding="utf-8")
    assert "line 2" in refused(config).message


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    assert refused(tmp_path / name).code == "config_missing"


def test_no_text_at_all_is_named(config: Path) -> None:
    config.write_bytes(b"\xff\xfe")
    assert refused(config).code == "config_invalid"


class TestSecret:
    def test_it_is_what_its_file_holds_without_white_space(self, config: Path) -> None:
        password = Sample.load(config).broker.password
        assert password is not None
        assert password.read() == "hunter2"
        assert "hunter2" not in repr(password)

    def test_a_systemd_credential_of_the_files_name_comes_first(
        self, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        credentials = tmp_path / "credentials"
        credentials.mkdir()
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
        password = Sample.load(config).broker.password
        assert password is not None
        assert password.read() == "hunter2", "there is no such credential"
        (credentials / "broker-password").write_text("from systemd", encoding="utf-8")
        assert password.read() == "from systemd"

    @pytest.mark.parametrize(
        ("content", "code"),
        [(None, "secret_unreadable"), (b" \n", "secret_empty"), (b"hunter2\xff", "secret_unreadable")],
    )
    def test_where_there_is_none_the_operator_is_told_which_and_not_what(
        self, tmp_path: Path, content: bytes | None, code: str
    ) -> None:
        if content is not None:
            (tmp_path / "secret").write_bytes(content)
        with pytest.raises(OperatorError) as error:
            Secret(file=tmp_path / "secret").read()
        assert error.value.code == code
        assert str(tmp_path / "secret") in error.value.message
        assert "hunter2" not in f"{error.value!r} {error.value.__cause__!r}"

    def test_a_credential_that_may_not_be_read_is_named(self, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuses(_path: Path) -> bool:
            raise PermissionError(errno.EACCES, "Permission denied")

        password = Sample.load(config).broker.password
        assert password is not None
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/gate.service")
        monkeypatch.setattr(Path, "is_file", refuses)
        with pytest.raises(OperatorError, match=r"/run/credentials/gate\.service/broker-password cannot be read"):
            password.read()

    @pytest.mark.parametrize("code", [errno.EIO, errno.ENOENT, errno.EACCES, errno.EMFILE])
    def test_is_what_it_was_where_it_cannot_be_read_any_more(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
    ) -> None:
        caplog.set_level(logging.INFO)
        secret = Secret(file=tmp_path / "secret")
        secret.file.write_text("s3cret\n", encoding="utf-8")
        assert secret.read() == "s3cret"

        def fails(_path: Path, **_: str) -> str:
            raise OSError(code, os.strerror(code))

        with monkeypatch.context() as broken:
            broken.setattr(Path, "read_text", fails)
            assert [secret.read(), secret.read()] == ["s3cret", "s3cret"]
            with pytest.raises(OperatorError, match="cannot be read"):
                Secret(file=tmp_path / "another").read()
        secret.file.write_text("another\n", encoding="utf-8")
        assert [secret.read(), secret.read()] == ["another", "another"]
        assert [record.message for record in caplog.records] == ["secret.unreadable", "secret.readable_again"]
        assert str(secret.file) in vars(caplog.records[0])["why"]

    @pytest.mark.parametrize("content", [b"", b"\xff"])
    def test_is_what_it_was_while_it_is_written_anew(self, tmp_path: Path, content: bytes) -> None:
        secret = Secret(file=tmp_path / "secret")
        secret.file.write_text("s3cret\n", encoding="utf-8")
        assert secret.read() == "s3cret"
        secret.file.write_bytes(content)
        assert secret.read() == "s3cret"

    @pytest.mark.parametrize(("mode", "told"), [(0o644, True), (0o640, False), (0o600, False)])
    def test_one_that_everybody_may_read_is_told(
        self, config: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, told: bool
    ) -> None:
        (tmp_path / "broker-password").chmod(mode)
        Sample.load(config).tell_oddities()
        files = [vars(record)["file"] for record in caplog.records if record.msg == "secret.open_to_others"]
        assert files == [tmp_path / "broker-password"] * told
        assert "hunter2" not in caplog.text

    def test_one_that_is_a_credential_is_systemds_business(
        self, config: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "broker-password").unlink()
        Sample.load(config).tell_oddities()
        assert caplog.text == ""
