"""A hub whose brokers are out of reach: its page, what is done by that, and what an operator may have wrong."""

import asyncio
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cloud_sync.link.clock_watch import ALARM_AFTER_MS
from cloud_sync.link.host import this_machine
from cloud_sync.link.process import bound_socket
from cloud_sync.link.settings import Secret
from cloud_sync.link.tenure import Standing
from cloud_sync.link.v1.facts import (
    AlarmRaised,
    Mode,
    WithdrawalSettled,
    WithdrawalVouched,
)
from cloud_sync.link.v1.messages import (
    ConfirmRequest,
)
from domain.errors import OperatorError, TryLater
from domain.ids import shown
from domain.now import Now, Trust
from hub.attendants import Attendant
from hub.service import HubService
from hub.settings import Manager
from tests.hub.riverside import NOW, at, hold_request, rid
from tests.hub.units import Clock, alone
from tests.parts import ENTRY, PATIENCE_S, running


async def test_without_any_broker_the_page_is_served_and_the_end_is_clean(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    settings = alone(tmp_path)
    hub = HubService(settings)
    async with running(hub.run()), httpx.AsyncClient() as browser:
        document = await _served(browser, settings.page.port)
        assert document["central_online"] is False
        assert {spot["state"] for spot in document["spots"]} == {"available"}
        [told] = [vars(record) for record in caplog.records if record.getMessage() == "hub.serving"]
        assert told["lot"] == settings.lot.lot_id
        assert told["page"] == f"http://127.0.0.1:{settings.page.port}"
        settings.store.floor.unlink(missing_ok=True)
    assert settings.store.floor.exists(), "written at the end as well"
    with bound_socket("127.0.0.1", settings.page.port):
        pass  # the port is free again
    HubService(settings)._store.close()  # and so is the store


def test_a_clock_that_nobody_trusts_for_long_is_an_alarm(tmp_path: Path, clock: Clock) -> None:
    hub = HubService(alone(tmp_path), replace(this_machine(Trust.NTP), clock=clock))
    for ms in (0, ALARM_AFTER_MS):
        hub._clock_watch.look(Now(ms, NOW.utc, Trust.NONE))
    told = hub.lot.journal.last_own(AlarmRaised.kind)
    hub._store.close()
    assert told is not None
    assert told.payload["alarm"] == "clock-untrusted"


async def _served(browser: httpx.AsyncClient, port: int) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                document: dict[str, Any] = (await browser.get(f"http://127.0.0.1:{port}/lot.json")).json()
            except httpx.TransportError:
                await asyncio.sleep(0)
            else:
                return document


async def test_a_page_port_that_is_taken_is_the_operators(tmp_path: Path) -> None:
    settings = alone(tmp_path)
    with bound_socket("127.0.0.1", settings.page.port), pytest.raises(OperatorError) as refused:
        await HubService(settings).run()
    assert refused.value.code == "port_taken"


async def test_a_manager_vouches_by_the_page_and_not_at_a_hub_that_was_succeeded(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "ruth.code").write_text("horse battery staple\n", encoding="utf-8")
    ruth = Manager(name="Ruth", code=Secret(file=tmp_path / "ruth.code"))
    settings = alone(tmp_path).model_copy(update={"managers": (ruth,)})
    hub = HubService(settings, replace(this_machine(Trust.NTP), clock=clock))
    hub.lot.reservations.hold(hold_request(), NOW)
    hub.lot.reservations.confirm(ConfirmRequest(reservation_id=rid(1)), NOW)
    clock.now = Now(NOW.mono_ms, at(0.9))
    hub.lot.woken(clock.now)
    hub.lot.link_is(up=True, now=clock.now.later(-60_000))
    page = f"http://127.0.0.1:{settings.page.port}"
    url = f"{page}/vouch/{shown(rid(1))}/{ENTRY}"
    async with running(hub.run()), httpx.AsyncClient() as browser:
        await _served(browser, settings.page.port)
        await browser.post(f"{page}/log-in", data={"name": "Ruth", "code": "horse battery staple"})
        with pytest.MonkeyPatch.context() as fenced:
            fenced.setattr(hub._unit.tenure, "standing", Standing.FENCED)
            assert (await browser.post(url)).status_code == 503
        assert hub.lot.journal.last_own(WithdrawalVouched.kind) is None
        assert (await browser.post(url)).headers["location"] == "/"
        assert hub.lot.journal.last_own(WithdrawalSettled.kind) is not None


async def test_attendants_are_served_without_central_but_by_no_hub_that_was_succeeded(tmp_path: Path) -> None:
    hub, anna = HubService(alone(tmp_path)), Attendant("Anna")
    with closing(hub._store):
        for code in ("gate_offline", "hub_fenced"):
            for deed in (hub.desk.open(ENTRY, anna), hub.desk.set_mode(ENTRY, Mode.HELD_OPEN, anna)):
                with pytest.raises(TryLater) as refused:
                    await deed
                assert refused.value.code == code
            hub._unit.tenure.fence(hub.lot.journal.epoch + 1)


def test_a_managers_code_that_could_be_guessed(tmp_path: Path) -> None:
    (tmp_path / "ruth.code").write_text("1234", encoding="utf-8")
    ruth = Manager(name="Ruth", code=Secret(file=tmp_path / "ruth.code"))
    with pytest.raises(OperatorError, match=r"ruth\.code: .* 12 characters"):
        HubService(alone(tmp_path).model_copy(update={"managers": (ruth,)}))


@pytest.mark.parametrize("key", ["no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
def test_a_ticket_key_that_is_none(tmp_path: Path, key: str) -> None:
    settings = alone(tmp_path)
    (tmp_path / "ticket.pem").write_text(key, encoding="ascii")
    with pytest.raises(OperatorError) as refused:
        HubService(settings)
    assert refused.value.code == "ticket_key_invalid"


def test_a_ticket_key_of_another_kind(tmp_path: Path) -> None:
    settings = alone(tmp_path)
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "ticket.pem").write_bytes(pem)
    with pytest.raises(OperatorError, match="must be Ed25519"):
        HubService(settings)
