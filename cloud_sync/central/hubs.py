"""The lots' hubs, as central reaches them: which are there, and what they answer."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from pydantic import ValidationError

from cloud_sync.link import topics
from cloud_sync.link.carrier import Carrier
from cloud_sync.link.clock import Clock
from cloud_sync.link.v1.messages import UnitStatus
from cloud_sync.link.v1.wire import Envelope, Wire
from domain.errors import PeerError, Refused, TryLater

log = logging.getLogger(__name__)

RETRY_AFTER_S = 30
"""What a driver is told while a lot's hub is away."""

Answer = TypeVar("Answer", bound=Wire)


class Hubs(Protocol):
    """Asking a lot's hub."""

    def online(self, lot_id: str) -> bool:
        """Whether it is worth asking: as far as is known, the hub is on the link."""

    def heard_at(self, lot_id: str) -> datetime | None:
        """Until when the hub is known to have been on the link; now while it is, none where it was never heard."""

    async def ask(self, lot_id: str, name: str, message: Envelope, answer: type[Answer]) -> Answer:
        """The result of a request, as an `answer`.

        Raises Refused, with the hub's own code, for a definite no. Raises TryLater where it is not known whether the
        request was carried out.
        """


@dataclass(frozen=True, slots=True)
class _Seen:
    online: bool
    epoch: int
    at: datetime


class LinkedHubs:
    """`Hubs` over the MQTT link."""

    def __init__(
        self,
        link: Carrier,
        *,
        client: str,
        lots: Iterable[str],
        answer_s: float,
        clock: Clock,
        back: Callable[[str], None],
    ) -> None:
        """`client` names this process in reply topics; `back` is called with a lot whose hub has come onto the link."""
        self._link = link
        self._client = client
        self._answer_s = answer_s
        self._clock = clock
        self._back = back
        self._seen: dict[str, _Seen] = {}
        link.when_lost(self._lost)
        for lot_id in lots:
            link.subscribe(topics.lot_status(lot_id), self._status)

    def online(self, lot_id: str) -> bool:
        seen = self._seen.get(lot_id)
        return self._link.connected and seen is not None and seen.online

    def heard_at(self, lot_id: str) -> datetime | None:
        if self.online(lot_id):
            return self._clock().utc
        seen = self._seen.get(lot_id)
        return None if seen is None else seen.at

    async def ask(self, lot_id: str, name: str, message: Envelope, answer: type[Answer]) -> Answer:
        if not self.online(lot_id):
            raise hub_offline(lot_id)
        replies = topics.lot_replies(lot_id, self._client)
        try:
            reply = await self._link.request(topics.lot_requests(lot_id, name), message, replies, self._answer_s)
            succeeded = reply.epoch is not None and reply.epoch < self._seen[lot_id].epoch
            if reply.ok and not succeeded:
                return answer.model_validate(reply.result or {})
        except TryLater as error:
            why = f"the lot {lot_id} did not answer; try again in a moment"
            raise TryLater(error.code, why, error.retry_after_s) from error
        except (PeerError, ValidationError) as error:
            raise TryLater("hub_answer_invalid", f"the hub of {lot_id} answered what central cannot read") from error
        if succeeded:
            raise TryLater("hub_succeeded", f"the lot {lot_id} has another hub by now; try again in a moment")
        code, why = reply.code or "hub_refused", reply.message or f"the lot {lot_id} refused"
        raise Refused(code, why) if reply.final else TryLater(code, why)

    async def _status(self, topic: str, payload: bytes) -> None:
        lot_id = topic.split("/")[2]
        status = UnitStatus.decode(payload)
        before = self._seen.get(lot_id)
        if before is not None and status.epoch < before.epoch:
            return  # a hub that has been succeeded; the live one publishes again
        if not status.granted and before is not None and before.online and status.epoch > before.epoch:
            return  # one that has just started; it is the lot's hub once it has been granted its epoch
        if status.unit != lot_id:
            raise PeerError("status_foreign", f"{status.unit} speaks for {lot_id}")
        here = status.online or (before is not None and before.online)  # else it left before central came
        online = status.online and status.granted
        self._seen[lot_id] = _Seen(online, status.epoch, self._clock().utc if here else status.at)
        if before is None or before.online != online:
            log.info("hub.online" if online else "hub.offline", extra={"lot": lot_id, "epoch": status.epoch})
        if online:
            self._back(lot_id)

    def granted(self, lot_id: str, epoch: int) -> None:
        """A run of the lot's hub has been granted this epoch: who answers in a lower one is not believed any more."""
        seen = self._seen.get(lot_id)
        if seen is not None and seen.epoch < epoch:
            self._seen[lot_id] = _Seen(False, epoch, self._clock().utc)

    def _lost(self) -> None:
        now = self._clock().utc
        for lot_id, seen in self._seen.items():
            if seen.online:
                self._seen[lot_id] = _Seen(False, seen.epoch, now)


def hub_offline(lot_id: str) -> TryLater:
    """What a driver is told who wants something of a lot that is cut off."""
    return TryLater("hub_offline", f"the lot {lot_id} cannot be reached now; try again later", RETRY_AFTER_S)
