"""Users, tokens and vehicles over HTTP."""

import sqlite3
from datetime import timedelta

import pytest

from cloud_sync.central.accounts import LOCKED_S, Caller, Role
from cloud_sync.central.tables import User
from tests.cloud_sync.central.site import PLATE, Site

NEW = {"email": "new@example.com", "password": "correct horse", "name": "Nia New"}


async def test_registering_and_logging_in(site: Site) -> None:
    http = (await site.driver()).http
    made = await http.post("/users", json=NEW)
    assert made.status_code == 201
    assert made.json() == {"user_id": made.json()["user_id"], "email": NEW["email"], "name": NEW["name"]}
    taken = await http.post("/users", json={**NEW, "email": "NEW@example.com"})
    assert (taken.status_code, taken.json()["code"]) == (409, "email_taken")
    token = await http.post("/auth/token", data={"username": "New@Example.com", "password": NEW["password"]})
    assert token.status_code == 200
    assert token.json().keys() == {"access_token", "token_type", "expires_in"}
    for form in ({"username": NEW["email"], "password": "wrong"}, {"username": "no@example.com", "password": "x"}):
        wrong = await http.post("/auth/token", data=form)
        assert (wrong.status_code, wrong.json()["code"]) == (401, "credentials_wrong")


@pytest.mark.parametrize("email", [NEW["email"], "nobody@example.com"])
async def test_wrong_passwords_are_slowed_down_and_locked_out(site: Site, email: str) -> None:
    http = (await site.driver()).http
    await http.post("/users", json=NEW)

    async def log_in(password: str) -> tuple[int, str | None]:
        answer = await http.post("/auth/token", data={"username": email.upper(), "password": password})
        return answer.status_code, answer.headers.get("retry-after")

    for wait_s in (1, 2, 4, 8, LOCKED_S):
        assert await log_in("wrong") == (401, None)
        assert await log_in(NEW["password"]) == (429, str(wait_s))
        site.watch.pass_by(timedelta(seconds=wait_s))
    expected = 200 if email == NEW["email"] else 401
    assert (await log_in(NEW["password"]))[0] == expected


@pytest.mark.parametrize(
    "change",
    [
        {"email": "no address"},
        {"password": "short"},
        {"name": "  "},
        {"name": "a\x00b"},
        {"name": "x" * 81},
        {"email": 7},
    ],
)
async def test_junk_in_an_account_is_refused_and_not_repeated(site: Site, change: dict[str, object]) -> None:
    http = (await site.driver()).http
    answer = await http.post("/users", json={**NEW, **change})
    assert (answer.status_code, answer.json()["code"]) == (422, "input_invalid")
    assert "short" not in answer.text


async def test_without_a_valid_token_it_is_401(site: Site) -> None:
    driver = await site.driver()
    path = f"/users/{driver.user_id}/reservations"
    for header in ({}, {"Authorization": "Bearer x.y.z"}, {"Authorization": f"Basic {driver.user_id}"}):
        answer = await driver.http.get(path, headers=header)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    site.watch.pass_by(timedelta(days=1))
    assert (await driver.get(path)).json()["code"] == "token_expired"


async def test_a_vehicle_is_one_however_often_it_is_added_and_its_plate_is_masked(site: Site) -> None:
    driver = await site.driver()
    path = f"/users/{driver.user_id}/vehicles"
    answer = await driver.post(path, {"plate": "bgh1234", "type": "ev"})
    assert (answer.status_code, answer.json()) == (
        201,
        {"vehicle_id": driver.vehicle_id, "user_id": driver.user_id, "plate": "••34", "type": "ev"},
    )
    other = await site.driver("other@example.com")
    assert other.vehicle_id != driver.vehicle_id
    assert (await other.post(path, {"plate": PLATE, "type": "ev"})).status_code == 404


@pytest.mark.parametrize("plate", ["", "!", "B-GH 1234 5678 9", "Ç 1", "'; DROP TABLE users", 5, None, "x" * 100])
async def test_junk_in_a_plate_is_refused_and_not_repeated(site: Site, plate: object) -> None:
    driver = await site.driver()
    answer = await driver.post(f"/users/{driver.user_id}/vehicles", {"plate": plate, "type": "suv"})
    assert answer.status_code == 422
    assert "DROP" not in answer.text
    assert "1234" not in answer.text


async def test_of_a_short_plate_nothing_is_shown(site: Site) -> None:
    driver = await site.driver()
    answer = await driver.post(f"/users/{driver.user_id}/vehicles", {"plate": "A1", "type": "suv"})
    assert answer.json()["plate"] == "••"


async def test_what_is_no_unicode_is_refused(site: Site) -> None:
    driver = await site.driver()
    body = '{"email": "new@example.com", "password": "a long enough \\ud800 one", "name": "New"}'
    answer = await driver.http.post("/users", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "input_invalid")


async def test_history_is_the_users_own(site: Site) -> None:
    driver, other = await site.driver(), await site.driver("other@example.com")
    booked = (await driver.book()).json()
    path = f"/users/{driver.user_id}/reservations"
    assert (await driver.get(path)).json() == {"reservations": [booked]}
    assert (await other.get(path)).status_code == 404
    assert (await driver.get(f"{path}?limit=0")).status_code == 422
    assert (await other.get(f"/reservations/{booked['reservation_id']}")).status_code == 404
    with site.office.database.transaction() as session:
        session.get_one(User, other.user_id).role = Role.OPERATOR.value
    token = site.office.tokens.issue(Caller(other.user_id, Role.OPERATOR), site.watch().utc)
    as_operator = await other.http.get(path, headers={"Authorization": f"Bearer {token}"})
    assert as_operator.json() == {"reservations": [booked]}
    other.headers = {"Authorization": f"Bearer {token}"}
    assert (await other.post("/users/usr_unknown/vehicles", {"plate": PLATE, "type": "ev"})).status_code == 404


async def test_no_plate_and_no_password_is_on_the_disk(site: Site) -> None:
    driver = await site.driver()
    body = {"plate": "HH-KL 9876", "type": "suv"}
    await driver.post(f"/users/{driver.user_id}/vehicles", body, **{"Idempotency-Key": "one"})
    await driver.book()
    site.take_in()
    with sqlite3.connect(site.folder / "central.db") as raw:
        dump = "\n".join(raw.iterdump())
    raw.close()
    for secret in ("HHKL9876", "HH-KL 9876", "BGH1234", "B-GH 1234", "correct horse"):
        assert secret not in dump
