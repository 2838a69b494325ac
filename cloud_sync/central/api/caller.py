"""Who calls, and what may be theirs."""

from datetime import datetime
from typing import Annotated, cast

from fastapi import Depends, Path, Request
from fastapi.security import OAuth2PasswordBearer
from pydantic import AfterValidator, AwareDatetime, StringConstraints

from cloud_sync.central.accounts import Caller, Role
from cloud_sync.central.office import Office
from cloud_sync.link.v1.wire import utc
from domain.errors import BadInput, NotFound, Refused
from domain.ids import parse_reservation_id

_VISIBLE = r"^[!-~]*$"
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=_VISIBLE)]
"""An id in a body or a query."""

PathName = Annotated[str, Path(max_length=100, pattern=_VISIBLE)]
"""An id in a path."""


def _in_utc(instant: datetime) -> datetime:
    try:
        return utc(instant)
    except OverflowError:
        raise ValueError("this is not within the years 1 to 9999 in UTC") from None


When = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""An instant that somebody sent, in UTC."""

_bearer = OAuth2PasswordBearer(tokenUrl="/auth/token", auto_error=False)


def _office(request: Request) -> Office:
    return cast(Office, request.app.state.office)


Desk = Annotated[Office, Depends(_office)]


def _caller(office: Desk, token: Annotated[str | None, Depends(_bearer)]) -> Caller:
    if token is None:
        raise Refused("not_authenticated", "this needs a bearer token; get one from POST /auth/token")
    return office.tokens.read(token, office.clock().utc)


Me = Annotated[Caller, Depends(_caller)]


def must_be_theirs(caller: Caller, user_id: str, what: str) -> None:
    """Raises NotFound where `user_id` is not the caller's: whether it exists is not told."""
    if not caller.may_act_for(user_id):
        raise NotFound(f"{what}_unknown", f"there is no such {what}")


def must_be_operator(caller: Caller) -> None:
    """Raises Refused."""
    if caller.role is not Role.OPERATOR:
        raise Refused("operators_only", "only operators may do this")


def named_reservation(text: str) -> str:
    """The reservation id that somebody wrote, with or without its dash. Raises NotFound for what can be none."""
    try:
        return parse_reservation_id(text)
    except BadInput as error:
        raise NotFound("reservation_unknown", "there is no such reservation") from error
