"""A gate and the link to it, as the hub's requests find them."""

from dataclasses import dataclass

from cloud_sync.link import topics
from cloud_sync.link.v1.facts import Mode
from cloud_sync.link.v1.messages import (
    AdmitAnswer,
    AdmitRequest,
    ModeAnswer,
    ModeRequest,
    OpenRequest,
    Reply,
    UnitStatus,
)
from cloud_sync.link.v1.wire import Envelope
from domain.admission import Reason, Verdict
from domain.errors import GatehouseError
from hub.presence import Presence
from tests.hub.riverside import NOW
from tests.parts import ENTRY

WRONG = Reply(ok=False, code="challenge_wrong", message="another one by now", final=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as it went over the link."""

    topic: str
    message: AdmitRequest | OpenRequest | ModeRequest
    reply_topic: str
    timeout_s: float


class Lane:
    """Answers as it is told, and keeps what it was asked."""

    def __init__(self, presence: Presence) -> None:
        self.presence = presence
        self.asked: list[Asked] = []
        self.answers: list[Reply | GatehouseError] = []

    async def is_on_the_link(
        self, challenge: str | None = "one", *, online: bool = True, gate_id: str = ENTRY, mode: Mode | None = None
    ) -> None:
        status = UnitStatus(unit=gate_id, online=online, epoch=1, boot="b", at=NOW.utc, challenge=challenge, mode=mode)
        await self.presence.heard(topics.gate_status(gate_id), status.encode())

    async def request(self, topic: str, message: Envelope, reply_topic: str, timeout_s: float) -> Reply:
        assert isinstance(message, AdmitRequest | OpenRequest | ModeRequest)
        self.asked.append(Asked(topic, message, reply_topic, timeout_s))
        answer = self.answers.pop(0)
        if isinstance(answer, GatehouseError):
            raise answer
        if answer is WRONG and len(self.answers) == 1:
            await self.is_on_the_link("two")
        return answer

    @property
    def challenges(self) -> list[str | None]:
        return [one.message.challenge for one in self.asked]


def opened(*, reservation_id: str | None = None, spot_id: str | None = None, release: bool = False) -> Reply:
    """A gate has opened because an attendant said so."""
    answer = AdmitAnswer(
        verdict=Verdict.RELEASE if release else Verdict.ADMIT,
        reason=Reason.ATTENDANT,
        reservation_id=reservation_id,
        spot_id=spot_id,
        at=NOW.utc,
        took_ms=3,
    )
    return Reply(ok=True, result=answer.to_json())


def in_mode(mode: Mode) -> Reply:
    """A gate's lane is in this mode."""
    return Reply(ok=True, result=ModeAnswer(mode=mode, at=NOW.utc).to_json())


def refused(code: str, *, final: bool = True) -> Reply:
    """A gate has refused."""
    return Reply(ok=False, code=code, message=f"this is {code}", final=final)
