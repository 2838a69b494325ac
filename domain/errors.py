"""Every error that Gatehouse raises on purpose, by who must act.

GatehouseError
├── Refused              the caller: a request that the rules do not allow; nothing changed
│   ├── BadInput         the caller: what was sent cannot be understood
│   ├── NotFound         the caller: no such thing, or not theirs
│   └── IllegalStep      the caller: a state has no such transition
├── PeerError            the peer: it broke the protocol; set aside with an alarm, never jammed on
│   ├── UnknownVersion   the peer speaks a wire version that this unit does not
│   └── Forked           the peer's log is not the log that was seen before
├── TryLater             nobody: a part is out of reach for now, the same call may work again
└── OperatorError        the operator: configuration, a busy port, a missing key, a full disk

What is none of these is a bug of ours and is not caught.
"""


class GatehouseError(Exception):
    """Base of the tree; `code` is stable and machine-readable, the message is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Refused(GatehouseError):
    """The rules do not allow this request; nothing was changed."""


class BadInput(Refused):
    """The request cannot be understood: wrong type, a window that ends before it starts, junk in a plate."""


class NotFound(Refused):
    """No such thing, or not one that the caller may see."""


class IllegalStep(Refused):
    """The state machine has no such step from the state that the thing is in."""


class PeerError(GatehouseError):
    """Another unit sent what the protocol does not allow."""


class UnknownVersion(PeerError):
    """A message or payload of a wire version that this unit does not speak."""


class Forked(PeerError):
    """A unit's log contradicts what it sent before: restored from an old copy, or run twice."""


class TryLater(GatehouseError):
    """A part is out of reach; the same call may succeed later."""

    def __init__(self, code: str, message: str, retry_after_s: int = 5) -> None:
        super().__init__(code, message)
        self.retry_after_s = retry_after_s


class OperatorError(GatehouseError):
    """Somebody who runs this unit must act; the message says on what."""
