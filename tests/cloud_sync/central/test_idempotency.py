"""Idempotency-Key: answered once, the same for a day, never for another request."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from cloud_sync.central.idempotency import Idempotency
from cloud_sync.central.tables import IdempotencyRecord, User
from tests.cloud_sync.central.site import Driver, Site
from tests.cloud_sync.central.street import END, START

KEY = {"Idempotency-Key": "6f1c"}


async def book(driver: Driver, **change: str) -> tuple[int, dict[str, object], str | None]:
    answer = await driver.post("/reservations", {**driver.wish(), **change}, **KEY)
    return answer.status_code, answer.json(), answer.headers.get("idempotent-replayed")


async def test_the_same_request_gets_the_same_answer(site: Site) -> None:
    driver = await site.driver()
    status, body, replayed = await book(driver)
    assert (status, replayed) == (201, None)
    await driver.cancel(str(body["reservation_id"]))
    assert await book(driver) == (201, body, "true"), "the first answer, whatever happened since"
    assert len(site.street.requests("hold")) == 1


async def test_another_request_with_the_same_key_is_refused(site: Site) -> None:
    driver = await site.driver()
    await book(driver)
    status, body, _ = await book(driver, start_time=END.isoformat(), end_time=(END + (END - START)).isoformat())
    assert (status, body["code"]) == (422, "idempotency_key_reused")
    other = await driver.post("/payments", driver.wish(), **KEY)
    assert other.json()["code"] == "idempotency_key_reused"


async def test_a_key_is_one_users_own(site: Site) -> None:
    driver, other = await site.driver(), await site.driver("other@example.com")
    await book(driver)
    status, body, _ = await book(other)
    assert (status, body["code"]) == (409, "spot_taken")
    assert (await book(other))[2] == "true", "a refusal is an answer too"


async def test_an_answer_that_invites_a_retry_is_not_kept(site: Site) -> None:
    driver = await site.driver()
    site.street.away = True
    assert (await book(driver))[0] == 503
    site.street.away = False
    assert (await book(driver))[0] == 201


async def test_a_key_is_forgotten_after_a_day(site: Site) -> None:
    driver = await site.driver()
    for _ in range(2):
        assert (await driver.post("/payments", {}, **KEY)).status_code == 422
    site.watch.pass_by(timedelta(hours=25))
    await driver.http.post("/users", json={}, headers={"Idempotency-Key": "other"})
    with site.office.database.reading() as session:
        assert [record.key for record in session.exec(select(IdempotencyRecord))] == ["other"]


async def test_while_it_is_answered_the_same_request_waits_its_turn(site: Site) -> None:
    driver = await site.driver()
    ask = site.street.ask

    async def meanwhile(*args: object) -> object:
        status, body, _ = await book(driver)
        assert (status, body["code"]) == (409, "idempotency_under_way")
        return await ask(*args)  # type: ignore[arg-type]

    site.street.ask = meanwhile  # type: ignore[method-assign,assignment]
    assert (await book(driver))[0] == 201


async def test_after_a_crash_the_request_may_be_made_again(site: Site) -> None:
    driver = await site.driver()
    await book(driver)
    with site.office.database.transaction() as session:
        session.exec(select(IdempotencyRecord)).one().status = None  # as if it had died before it answered
    assert (await book(driver))[0] == 409
    site.watch.pass_by(timedelta(minutes=2))
    assert (await book(driver))[::2] == (201, None)
    with site.office.database.transaction() as session:
        session.exec(select(IdempotencyRecord)).one().status = None
    site.office.open()
    assert (await book(driver))[0] == 201, "the only process knows that nobody else answers"


async def test_registering_twice_with_a_key_makes_one_user(site: Site) -> None:
    http = (await site.driver()).http
    new = {"email": "new@example.com", "password": "correct horse", "name": "Nia"}
    first, again = [await http.post("/users", json=new, headers=KEY) for _ in range(2)]
    assert first.json() == again.json()
    with site.office.database.reading() as session:
        assert len(session.exec(select(User)).all()) == 2


def away(*_: object) -> None:
    raise OperationalError("SELECT", {}, OSError("no"))


async def test_without_a_database_a_request_with_a_key_is_to_be_made_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = await site.driver()
    with monkeypatch.context() as gone:
        gone.setattr(Idempotency, "_claim", away)
        answer = await driver.post("/reservations", driver.wish(), **KEY)
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert answer.headers["retry-after"]
    assert (await book(driver))[0] == 201


@pytest.mark.parametrize(("change", "lot_is_away", "status"), [("_keep", False, 201), ("_forget", True, 503)])
async def test_an_answer_that_cannot_be_kept_is_given_all_the_same(
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    change: str,
    lot_is_away: bool,
    status: int,
) -> None:
    driver = await site.driver()
    site.street.away = lot_is_away
    monkeypatch.setattr(Idempotency, change, away)
    assert (await book(driver))[0] == status
    assert caplog.messages.count("idempotency.not_stored") == 1
    assert (await book(driver))[1]["code"] == "idempotency_under_way"


@pytest.mark.parametrize("key", ["", "x" * 256, "a b"])
async def test_a_key_that_is_none_is_refused(site: Site, key: str) -> None:
    driver = await site.driver()
    answer = await driver.post("/reservations", driver.wish(), **{"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_invalid")


async def test_a_body_that_broke_off_is_not_kept_as_asked(site: Site) -> None:
    driver = await site.driver()
    messages = iter([{"type": "http.request", "body": b'{"spot_id": ', "more_body": True}, {"type": "http.disconnect"}])
    answered: list[object] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: object) -> None:
        answered.append(message)

    headers = [(name.lower().encode(), value.encode()) for name, value in {**driver.headers, **KEY}.items()]
    scope = {"type": "http", "method": "POST", "path": "/reservations", "headers": headers, "query_string": b""}
    await site.app(scope, receive, send)
    assert answered == []
    assert (await book(driver))[0] == 201
