import os
import socket
import stat
from pathlib import Path

import pytest

from domain.errors import OperatorError
from simulator.broker import DEPLOY, broker_command, running, start, write_broker
from simulator.ports import free_port

USERS = {"riverside": "one", "riverside.entry-1": "two"}


def settings(config: Path) -> dict[str, str]:
    lines = [line.partition(" ") for line in config.read_text(encoding="utf-8").splitlines()]
    return {name: value for name, _, value in lines if name and not name.startswith("#")}


@pytest.mark.parametrize("level", ["lot", "central"])
def test_all_but_listener_and_paths_is_what_is_deployed(tmp_path: Path, level: str) -> None:
    ours = settings(write_broker(tmp_path, 18_830, USERS, "lot" if level == "lot" else "central"))
    deployed = settings(DEPLOY / f"{level}.conf")
    own = {"listener", "password_file", "acl_file"}
    assert ours["listener"] == "18830 127.0.0.1"
    assert {name: value for name, value in ours.items() if name not in {*own, "user"}} == {
        name: value for name, value in deployed.items() if name not in own
    }
    assert (deployed["set_tcp_nodelay"], deployed["allow_anonymous"], deployed["persistence"]) == (
        "true",
        "false",
        "false",
    )


def test_passwords_are_stored_as_hashes_that_only_their_owner_reads(tmp_path: Path) -> None:
    write_broker(tmp_path, free_port(), USERS, "lot")
    stored = (tmp_path / "passwords").read_text(encoding="utf-8")
    assert [line.split(":")[0] for line in stored.splitlines()] == list(USERS)
    assert all(line.split(":")[1].startswith("$7$") for line in stored.splitlines())
    assert stat.S_IMODE(os.stat(tmp_path / "passwords").st_mode) == 0o600


@pytest.mark.parametrize("users", [{"a:b": "c"}, {"a": "b:c"}, {"a": "b\nroot:c"}])
def test_what_would_forge_a_line_of_the_password_file_is_a_bug(tmp_path: Path, users: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="no colon and no line break"):
        write_broker(tmp_path, 18_830, users, "lot")


def test_each_gate_has_access_rules_of_its_own(tmp_path: Path) -> None:
    write_broker(tmp_path, free_port(), {**USERS, "riverside.exit-1": "three"}, "lot")
    rules = (tmp_path / "lot.acl").read_text(encoding="utf-8")
    for gate in ("entry-1", "exit-1"):
        _, _, own = rules.partition(f"user riverside.{gate}\n")
        own = own.partition("user ")[0]
        topics = [line for line in own.splitlines() if line.startswith("topic")]
        assert len(topics) == 8
        assert all(f"/gates/{gate}/" in topic for topic in topics if "lots/riverside/status" not in topic)
    assert "{" not in rules.replace("{lot}/riverside", "").replace("{gate}/entry-2", "")


def test_it_listens_once_it_is_started_and_no_more_once_it_is_stopped(tmp_path: Path) -> None:
    port = free_port()
    config = write_broker(tmp_path, port, USERS, "lot")
    assert broker_command(config)[1:] == ("-c", str(config))
    with running(config) as process, socket.create_connection(("127.0.0.1", port), timeout=5):
        pass
    assert process.returncode == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_taken_port_is_a_clear_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OperatorError, match=f"the port {port} is taken"):
            start(write_broker(tmp_path, port, USERS, "lot"))


def test_a_broker_that_does_not_start_is_told_with_its_log(tmp_path: Path) -> None:
    config = write_broker(tmp_path, free_port(), USERS, "lot")
    with config.open("a", encoding="utf-8") as file:
        file.write("no_such_setting 1\n")
    with pytest.raises(OperatorError, match=r"did not start .* see .*broker\.log"):
        start(config)
    assert "no_such_setting" in (tmp_path / "broker.log").read_text(encoding="utf-8")


def test_without_mosquitto_the_operator_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(OperatorError, match="apt-get install mosquitto"):
        broker_command(tmp_path)
