"""A fact: something that has happened at a unit and that other units must learn of.

Facts are chained: each carries the hash of all before it in its unit's log, so that two logs which tell the same
numbers differently are found out at the first fact that both have.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.now import Trust, rfc3339

GENESIS = "0" * 64
"""The chain value before the first fact of a log."""

_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


@dataclass(frozen=True, slots=True)
class FactRef:
    """Names one fact, everywhere and for ever: sequence numbers are gapless from 1 within a unit's epoch."""

    unit: str
    epoch: int
    seq: int

    @property
    def stay_id(self) -> str:
        """What the stay is called that began with this fact, at every unit: the same fact can never make two."""
        return f"{self.unit}/{self.epoch}/{self.seq}"


@dataclass(frozen=True, slots=True)
class Fact:
    """What happened at `unit` at the instant `at` of its own clock, believed as far as `trust` says.

    `boot` and `mono_ms` place it on the unit's monotonic clock, which no time server moves. `payload` is JSON of the
    versioned schema that `kind` names, such as `gate.passed/1`.
    """

    unit: str
    epoch: int
    seq: int
    kind: str
    at: datetime
    boot: str
    mono_ms: int
    trust: Trust
    payload: Mapping[str, Any]
    chain: str

    @property
    def ref(self) -> FactRef:
        return FactRef(self.unit, self.epoch, self.seq)


def link(previous: str, fact: Fact) -> str:
    """The chain value of `fact` after `previous`: SHA-256 over both, the fact as canonical JSON without its own."""
    body = _canonical(
        [fact.unit, fact.epoch, fact.seq, fact.kind, rfc3339(fact.at), fact.boot, fact.mono_ms, fact.trust.value,
         fact.payload]
    )  # fmt: skip
    return hashlib.sha256(f"{previous}{body}".encode()).hexdigest()
