"""Users: who they are, and the bearer tokens that say so."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from threading import BoundedSemaphore, Lock
from uuid import uuid4

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from cloud_sync.central.database import Database
from cloud_sync.central.tables import User
from cloud_sync.link.clock import Clock
from domain.errors import OperatorError, Refused
from domain.now import Now
from domain.tries import Tries

HASHED_AT_ONCE_MAX = 2
"""Passwords hashed at once: each takes 64 MiB and a core for some 50 ms (argon2-cffi's defaults, RFC 9106)."""

PASSWORD_LENGTH_MIN = 8

TRIES_MAX, LOCKED_S = 5, 60
"""After each wrong password for an address none is taken for it for a while, and after so many in a row for so long:
short enough that whoever knocks on purpose does not keep its owner out for long."""

ADDRESSES_MAX = 10_000
"""Addresses with wrong tries that a process keeps in mind; beyond that the one that was tried the longest ago goes."""

SECRET_LENGTH_MIN = 32
"""RFC 7518 section 3.2: a key for HS256 is no shorter than its hash."""

_ALGORITHM = "HS256"
_AUDIENCE = "gatehouse"


class Role(Enum):
    DRIVER = "driver"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from."""

    user_id: str
    role: Role

    def may_act_for(self, user_id: str) -> bool:
        return self.user_id == user_id or self.role is Role.OPERATOR


class Accounts:
    """Registers users and checks their passwords."""

    def __init__(self, database: Database, clock: Clock, hasher: PasswordHasher | None = None) -> None:
        self._database = database
        self._clock = clock
        self._hasher = hasher or PasswordHasher()
        self._hashing = BoundedSemaphore(HASHED_AT_ONCE_MAX)
        self._nobodys = self._hasher.hash(uuid4().hex)
        self._tried = _Tried()

    def register(self, email: str, password: str, name: str) -> str:
        """A new driver's user id. Raises Refused where the address has an account."""
        user = self._new(email, password, name, Role.DRIVER)
        try:
            with self._database.transaction() as session:
                session.add(user)
        except IntegrityError:
            raise Refused("email_taken", "there is an account with this e-mail address; log in") from None
        return user.user_id

    def appoint(self, email: str, password: str, name: str) -> None:
        """Make an operator with this password, of the account with this address or of a new one."""
        with self._database.transaction() as session:
            known = session.exec(select(User).where(User.email == email.casefold()).with_for_update()).first()
            if known is None:
                session.add(self._new(email, password, name, Role.OPERATOR))
                return
            known.role, known.name = Role.OPERATOR.value, name
            if not self._is_theirs(known.password_hash, password):
                known.password_hash = self._hash(password)

    def log_in(self, email: str, password: str) -> Caller:
        """Who has this password. Raises Refused for a wrong one and for an unknown address, in the same time, and
        TryLater (`too_many_tries`) for a while after."""
        self._tried.check(email, self._clock())
        with self._database.reading() as session:
            user = session.exec(select(User).where(User.email == email.casefold())).first()
        right = self._is_theirs(self._nobodys if user is None else user.password_hash, password)
        if user is None or not right:
            self._tried.wrong(email, self._clock())
            raise Refused("credentials_wrong", "the e-mail address or the password is wrong")
        self._tried.right(email)
        return Caller(user.user_id, Role(user.role))

    def _new(self, email: str, password: str, name: str, role: Role) -> User:
        return User(
            user_id=f"usr_{uuid4().hex}",
            email=email.casefold(),
            name=name,
            password_hash=self._hash(password),
            role=role.value,
            created_at=self._clock().utc,
        )

    def _hash(self, password: str) -> str:
        with self._hashing:
            return self._hasher.hash(password)

    def _is_theirs(self, password_hash: str, password: str) -> bool:
        with self._hashing:
            try:
                return self._hasher.verify(password_hash, password)
            except (VerifyMismatchError, InvalidHashError):
                return False


class _Tried:
    """Wrong passwords in a row, by address; whether there is an account makes no difference. Safe in any thread."""

    def __init__(self) -> None:
        self._tries: dict[str, Tries] = {}  # the one that was tried last at the end
        self._lock = Lock()

    def check(self, email: str, now: Now) -> None:
        """Raises TryLater while nothing is taken."""
        with self._lock:
            if (tries := self._tries.get(email.casefold())) is not None:
                tries.check(now)

    def wrong(self, email: str, now: Now) -> None:
        with self._lock:
            known = self._tries.pop(email.casefold(), None)
            tries = self._tries[email.casefold()] = known or Tries("passwords", tries_max=TRIES_MAX, locked_s=LOCKED_S)
            tries.wrong(now)
            if len(self._tries) > ADDRESSES_MAX:
                del self._tries[next(iter(self._tries))]

    def right(self, email: str) -> None:
        with self._lock:
            self._tries.pop(email.casefold(), None)


class Tokens:
    """Bearer tokens: JWT (RFC 7519), signed with HMAC-SHA-256."""

    def __init__(self, secret: str, life_s: int) -> None:
        if len(secret) < SECRET_LENGTH_MIN:
            raise OperatorError("token_secret_short", f"the token secret needs {SECRET_LENGTH_MIN} characters at least")
        self._secret = secret
        self.life_s = life_s

    def issue(self, caller: Caller, now: datetime) -> str:
        claims = {
            "sub": caller.user_id,
            "role": caller.role.value,
            "aud": _AUDIENCE,
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(seconds=self.life_s)).timestamp()),
        }
        return jwt.encode(claims, self._secret, _ALGORITHM)

    def read(self, token: str, now: datetime) -> Caller:
        """Who `token` was issued to. Raises Refused where it was not issued here, or has run out."""
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                # The time is compared below, with the clock that came in.
                options={"require": ["sub", "role", "exp"], "verify_exp": False, "verify_iat": False},
            )
            caller = Caller(claims["sub"], Role(claims["role"]))
            ends = datetime.fromtimestamp(claims["exp"], UTC)
        except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError):
            raise Refused("token_invalid", "this bearer token is not valid; log in again") from None
        if now >= ends:
            raise Refused("token_expired", "this bearer token has run out; log in again")
        return caller
