"""Users and their tokens, without HTTP."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from argon2 import PasswordHasher
from sqlmodel import select

from cloud_sync.central.accounts import SECRET_LENGTH_MIN, Accounts, Caller, Role, Tokens
from cloud_sync.central.database import Database
from cloud_sync.central.tables import User
from domain.errors import OperatorError, Refused
from tests.parts import NOON, still

SECRET = "s" * SECRET_LENGTH_MIN
DRIVER = Caller("usr_1", Role.DRIVER)
TOKENS = Tokens(SECRET, 60)


class Hasher(PasswordHasher):
    """A quick one, which notes what it verified."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:
        self.verified.append(str(hash))
        return super().verify(hash, password)


@pytest.fixture
def hasher() -> Hasher:
    return Hasher()


@pytest.fixture
def accounts(database: Database, hasher: Hasher) -> Accounts:
    return Accounts(database, still(), hasher)


def users(database: Database) -> list[User]:
    with database.reading() as session:
        return list(session.exec(select(User)).all())


def test_one_address_is_one_account_however_it_is_written(database: Database, accounts: Accounts) -> None:
    user_id = accounts.register("Dana@Example.com", "correct horse", "Dana")
    with pytest.raises(Refused) as refused:
        accounts.register("dana@EXAMPLE.com", "another horse", "Mallory")
    assert refused.value.code == "email_taken"
    (user,) = users(database)
    assert (user.user_id, user.name, user.role) == (user_id, "Dana", Role.DRIVER.value)
    assert accounts.log_in("DANA@example.com", "correct horse") == Caller(user_id, Role.DRIVER)
    with pytest.raises(Refused, match="wrong"):
        accounts.log_in("dana@example.com", "another horse")


def test_of_a_password_only_a_salted_hash_is_kept(database: Database, accounts: Accounts) -> None:
    for name in ("a", "b"):
        accounts.register(f"{name}@example.com", "correct horse", name)
    first, second = (user.password_hash for user in users(database))
    assert first != second
    assert "correct horse" not in first + second


def test_passwords_are_hashed_with_argon2_as_rfc_9106_advises(database: Database) -> None:
    accounts = Accounts(database, still())
    user_id = accounts.register("a@example.com", "correct horse", "A")
    assert users(database)[0].password_hash.startswith("$argon2id$v=19$m=65536,")
    assert accounts.log_in("a@example.com", "correct horse") == Caller(user_id, Role.DRIVER)


def test_an_unknown_address_costs_as_much_as_a_wrong_password(accounts: Accounts, hasher: Hasher) -> None:
    accounts.register("a@example.com", "correct horse", "A")
    said = []
    for email in ("a@example.com", "nobody@example.com"):
        with pytest.raises(Refused) as refused:
            accounts.log_in(email, "battery staple")
        said.append((refused.value.code, refused.value.message))
    assert said[0] == said[1]
    known, nobodys = hasher.verified
    assert known.rpartition("$")[0].rpartition("$")[0] == nobodys.rpartition("$")[0].rpartition("$")[0], "same cost"


def test_a_hash_that_is_none_lets_nobody_in(database: Database, accounts: Accounts) -> None:
    user_id = accounts.register("a@example.com", "correct horse", "A")
    with database.transaction() as session:
        session.get_one(User, user_id).password_hash = "correct horse"
    with pytest.raises(Refused, match="wrong"):
        accounts.log_in("a@example.com", "correct horse")


def test_whose_role_was_raised_is_an_operator_at_the_next_log_in(database: Database, accounts: Accounts) -> None:
    user_id = accounts.register("a@example.com", "correct horse", "A")
    with database.transaction() as session:
        session.get_one(User, user_id).role = Role.OPERATOR.value
    caller = accounts.log_in("a@example.com", "correct horse")
    assert caller == Caller(user_id, Role.OPERATOR)
    assert caller.may_act_for("usr_other")
    assert not DRIVER.may_act_for("usr_other")
    assert DRIVER.may_act_for("usr_1")


@pytest.mark.parametrize("role", Role)
def test_a_token_says_who_until_its_instant(role: Role) -> None:
    caller = Caller("usr_1", role)
    token = TOKENS.issue(caller, NOON)
    assert TOKENS.read(token, NOON + timedelta(seconds=59)) == caller
    assert TOKENS.read(token, NOON - timedelta(days=1)) == caller, "a clock that was set back locks nobody out"
    with pytest.raises(Refused) as refused:
        TOKENS.read(token, NOON + timedelta(seconds=60))
    assert refused.value.code == "token_expired"


def _claims() -> dict[str, Any]:
    return {"sub": "usr_1", "role": "driver", "aud": "gatehouse", "exp": int(NOON.timestamp()) + 60}


def test_the_claims_by_hand_are_a_token() -> None:
    """So that each of the tampered ones below fails for its own reason."""
    assert TOKENS.read(jwt.encode(_claims(), SECRET, "HS256"), NOON) == DRIVER


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "somebody-else"},
        {"aud": None},
        {"role": "owner"},
        {"role": None},
        {"role": ["operator"]},
        {"sub": None},
        {"sub": 1},
        {"exp": None},
        {"exp": "soon"},
        {"exp": 10**30},
    ],
)
def test_a_token_with_other_claims_is_none(change: dict[str, Any]) -> None:
    claims = {name: value for name, value in (_claims() | change).items() if value is not None}
    invalid(jwt.encode(claims, SECRET, "HS256"))


def _promoted(token: str) -> str:
    """The same token with another role in it, under its old signature."""
    header, _, signature = token.split(".")
    return ".".join([header, jwt.encode(_claims() | {"role": "operator"}, SECRET).split(".")[1], signature])


@pytest.mark.parametrize(
    "forge",
    [
        lambda token: jwt.encode(_claims(), "x" * SECRET_LENGTH_MIN, "HS256"),
        lambda token: jwt.encode(_claims(), "", "none"),
        lambda token: jwt.encode(_claims(), SECRET * 2, "HS512"),
        _promoted,
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token[:-4],
        lambda token: "",
        lambda token: "a.b.c",
        lambda token: "é\x00" + token,
    ],
)
def test_a_token_that_was_not_issued_here_is_none(forge: Callable[[str], str]) -> None:
    invalid(forge(TOKENS.issue(DRIVER, NOON)))


def invalid(token: str) -> None:
    with pytest.raises(Refused) as refused:
        TOKENS.read(token, NOON)
    assert refused.value.code == "token_invalid"
    assert token == "" or token not in refused.value.message


def test_a_secret_is_as_long_as_its_hash() -> None:
    with pytest.raises(OperatorError) as refused:
        Tokens(SECRET[1:], 60)
    assert refused.value.code == "token_secret_short"
