"""Who has logged in on the page. It is known in memory alone: a hub that is started anew knows nobody."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from domain.now import Now
from hub.attendants import Attendant

LIFE_S = 12 * 3_600
"""How long a log-in lasts: a long shift."""

SESSIONS_MAX = 64
"""At once; one more ends the oldest."""


@dataclass(frozen=True, slots=True)
class Told:
    """What an attendant was told of what they asked of a lane; `done`: it was carried out."""

    at: datetime
    words: str
    done: bool


@dataclass(slots=True)
class Session:
    """One log-in, and what its attendant was `told` last, by the lanes' ids."""

    attendant: Attendant
    ends_ms: int
    told: dict[str, Told] = field(default_factory=dict)


class Sessions:
    """Log-ins by the tokens that browsers keep. `now` comes with every call; only its monotonic part counts."""

    def __init__(self, new_token: Callable[[], str] = lambda: secrets.token_urlsafe(32)) -> None:
        """`new_token` draws what nobody can guess."""
        self._new_token = new_token
        self._sessions: dict[str, Session] = {}

    def begin(self, attendant: Attendant, now: Now) -> str:
        """The token of a new session."""
        token = self._new_token()
        self._sessions[token] = Session(attendant, now.mono_ms + LIFE_S * 1_000)
        if len(self._sessions) > SESSIONS_MAX:
            del self._sessions[next(iter(self._sessions))]
        return token

    def of(self, token: str | None, now: Now) -> Session | None:
        """The session of a token; None for one that has ended, or never was."""
        session = self._sessions.get(token or "")
        return session if session is not None and now.mono_ms < session.ends_ms else None

    def end(self, token: str | None) -> None:
        self._sessions.pop(token or "", None)
