"""Who calls, and how ids and instants may be written."""

import pytest
from pydantic import TypeAdapter, ValidationError

from cloud_sync.central.accounts import Caller, Role
from cloud_sync.central.api.caller import Name, When, must_be_operator, must_be_theirs, named_reservation
from domain.errors import NotFound, Refused
from domain.ids import reservation_id, shown
from domain.now import rfc3339
from tests.cloud_sync.central.site import Site

DRIVER, OPERATOR = Caller("usr_1", Role.DRIVER), Caller("usr_2", Role.OPERATOR)


async def test_the_code_says_whether_a_token_is_missing_wrong_or_over(site: Site) -> None:
    driver = await site.driver()
    path = f"/users/{driver.user_id}/reservations"
    token = driver.headers["Authorization"].removeprefix("Bearer ")

    async def code(authorization: str) -> str | None:
        answer = await driver.http.get(path, headers={"Authorization": authorization} if authorization else {})
        said: str | None = answer.json().get("code")
        return said

    assert await code("") == "not_authenticated"
    assert await code(f"Basic {token}") == "not_authenticated"
    assert await code("Bearer x.y.z") == "token_invalid"
    assert await code(f"bearer {token}") is None, "RFC 9110: the scheme's name has no case"


def test_whose_it_is_not_learns_nothing_and_who_operates_may() -> None:
    must_be_theirs(DRIVER, "usr_1", "reservation")
    must_be_theirs(OPERATOR, "usr_1", "reservation")
    with pytest.raises(NotFound) as refused:
        must_be_theirs(DRIVER, "usr_2", "reservation")
    assert refused.value.code == "reservation_unknown"
    must_be_operator(OPERATOR)
    with pytest.raises(Refused) as not_allowed:
        must_be_operator(DRIVER)
    assert not_allowed.value.code == "operators_only"


def test_a_reservation_is_named_with_or_without_its_dash() -> None:
    known = reservation_id(12345)
    assert {named_reservation(text) for text in (known, shown(known), shown(known).lower())} == {known}
    with pytest.raises(NotFound):
        named_reservation(known[:-1])


@pytest.mark.parametrize("text", ["", "a b", "a\n", "\x00", "é", "a" * 101])
def test_what_can_be_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(text)


def test_an_instant_is_kept_in_utc_and_must_exist_there() -> None:
    when = TypeAdapter(When)
    assert rfc3339(when.validate_python("2026-05-14T14:00:00+02:00")) == "2026-05-14T12:00:00.000Z"
    for wrong in ("2026-05-14T14:00:00", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-00:01"):
        with pytest.raises(ValidationError):
            when.validate_python(wrong)
