"""Real Mosquitto brokers on this machine, for the demo and the tests: our own configuration on a port of choice."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from domain.errors import OperatorError

DEPLOY = Path(__file__).parents[1] / "deploy" / "mosquitto"
START_S_MAX = 10.0
STOP_S_MAX = 5.0
_ASK_AGAIN_S = 0.01


def write_broker(folder: Path, port: int, users: Mapping[str, str], level: Literal["lot", "central"]) -> Path:
    """Write the configuration of a broker on 127.0.0.1 into `folder`, with `users` and their passwords; its path.

    The settings and the access rules are those of `deploy/mosquitto/`: only listener and paths are this machine's. A
    hub's user is its lot's id, a gate's its own id, central's is `central`.
    """
    if any(set(":\r\n") & set(name + password) for name, password in users.items()):
        raise ValueError("a broker's user names and passwords have no colon and no line break")
    folder.mkdir(parents=True, exist_ok=True)
    passwords, rules, config = folder / "passwords", folder / f"{level}.acl", folder / f"{level}.conf"
    passwords.unlink(missing_ok=True)
    passwords.touch(0o600)
    passwords.write_text("".join(f"{name}:{password}\n" for name, password in users.items()), encoding="utf-8")
    subprocess.run(  # noqa: S603 our own arguments, no shell
        [_program("mosquitto_passwd"), "-U", str(passwords)], check=True, capture_output=True
    )
    rules.write_text(_access_rules(level, users), encoding="utf-8")
    ours = {
        "listener": f"{port} 127.0.0.1",
        "password_file": str(passwords),
        "acl_file": str(rules),
    }
    lines = []
    for line in (DEPLOY / f"{level}.conf").read_text(encoding="utf-8").splitlines():
        setting = line.partition(" ")[0]
        lines.append(f"{setting} {ours.pop(setting)}" if setting in ours else line)
    assert not ours, f"{level}.conf lacks {', '.join(ours)}"
    if os.geteuid() == 0:
        lines.append("user root")  # else it becomes the user mosquitto, who cannot read in `folder`
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return config


def broker_command(config: Path) -> tuple[str, ...]:
    """What starts a broker with `config`. Raises OperatorError where Mosquitto is not installed."""
    return (_program("mosquitto"), "-c", str(config))


def start(config: Path) -> subprocess.Popen[bytes]:
    """Start a broker and wait until it listens; its log is `broker.log` beside `config`.

    Raises OperatorError where the port is taken, or Mosquitto is not installed or does not start.
    """
    host, port = _listener(config)
    command = broker_command(config)
    if _listens(host, port):
        raise OperatorError("port_busy", f"the port {port} is taken; stop what listens there, or choose another")
    log = config.parent / "broker.log"
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 our own arguments, no shell
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    deadline = time.monotonic() + START_S_MAX
    while not _listens(host, port):
        if process.poll() is not None or time.monotonic() > deadline:
            stop(process)
            raise OperatorError("broker_failed", f"Mosquitto did not start with {config}; see {log}")
        time.sleep(_ASK_AGAIN_S)
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a broker, with force where it does not go by itself."""
    process.terminate()
    try:
        process.wait(STOP_S_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def running(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A broker for as long as the `with` lasts."""
    process = start(config)
    try:
        yield process
    finally:
        stop(process)


def _access_rules(level: str, users: Iterable[str]) -> str:
    rules = (DEPLOY / f"{level}.acl").read_text(encoding="utf-8")
    gate_rules = (DEPLOY / "gate.acl").read_text(encoding="utf-8")
    for lot, dot, gate in (user.partition(".") for user in users):
        if dot:
            rules += gate_rules.replace("{lot}", lot).replace("{gate}", gate)
    return rules


def _program(name: str) -> str:
    """Debian keeps brokers in /usr/sbin, which is not on everybody's path."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise OperatorError("mosquitto_missing", f"{name} is not installed; run apt-get install mosquitto")
    return found


def _listener(config: Path) -> tuple[str, int]:
    for line in config.read_text(encoding="utf-8").splitlines():
        match line.split():
            case ["listener", port, host]:
                return host, int(port)
    raise OperatorError("broker_failed", f"{config} has no line `listener PORT HOST`")


def _listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0
