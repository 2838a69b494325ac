import pytest

from domain import errors
from domain.errors import (
    BadInput,
    Forked,
    GatehouseError,
    IllegalStep,
    NotFound,
    OperatorError,
    PeerError,
    Refused,
    TryLater,
    UnknownVersion,
)


@pytest.mark.parametrize(
    ("error", "base"),
    [
        (Refused, GatehouseError),
        (BadInput, Refused),
        (NotFound, Refused),
        (IllegalStep, Refused),
        (PeerError, GatehouseError),
        (UnknownVersion, PeerError),
        (Forked, PeerError),
        (TryLater, GatehouseError),
        (OperatorError, GatehouseError),
    ],
)
def test_the_tree_is_as_it_is_drawn(error: type[GatehouseError], base: type[GatehouseError]) -> None:
    assert error.__bases__ == (base,)
    assert error.__name__ in (errors.__doc__ or "")
    raised = error("a_code", "what, which, what next")
    assert (raised.code, raised.message, str(raised)) == ("a_code", "what, which, what next", raised.message)


def test_the_drawing_has_no_more_than_there_is() -> None:
    there = {name for name, thing in vars(errors).items() if isinstance(thing, type)}
    drawn = {
        word
        for line in (errors.__doc__ or "").splitlines()
        if "──" in line
        for word in [line.split("── ")[1].split()[0]]
    }
    assert drawn | {"GatehouseError"} == there


def test_when_to_try_again() -> None:
    assert TryLater("busy", "later").retry_after_s == 5
    assert TryLater("busy", "later", 60).retry_after_s == 60
