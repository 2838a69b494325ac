"""Whether the hub hears this gate. That the link is up says only that the broker does."""

from collections.abc import Callable

from cloud_sync.link import topics
from cloud_sync.link.carrier import Carrier
from cloud_sync.link.pipe import FactSender
from cloud_sync.link.v1.messages import UnitStatus
from domain.errors import PeerError


class HubPresence:
    """The hub as its retained status and its answers show it."""

    def __init__(self, link: Carrier, lot_id: str, sender: FactSender, changed: Callable[[], None]) -> None:
        """`sender` brings the hub this gate's log; `changed` is called whenever it may have come, or gone."""
        self._link = link
        self._lot_id = lot_id
        self._sender = sender
        self._changed = changed
        self._status: UnitStatus | None = None
        link.subscribe(topics.lot_status(lot_id), self._heard)
        link.when_connected(changed)
        link.when_lost(self._lost)
        sender.when_met = changed

    @property
    def connected(self) -> bool:
        """Whether the hub is on the link, and has answered this gate since the link came up."""
        is_there = self._status is not None and self._status.online
        return self._link.connected and is_there and self._sender.met

    async def _heard(self, topic: str, payload: bytes) -> None:
        """Take the hub's status in. One of a lower epoch is a ghost's, and ignored."""
        status = UnitStatus.decode(payload)
        if status.unit != self._lot_id:
            raise PeerError("status_foreign", f"{status.unit} speaks on {topic}")
        if self._status is None or status.epoch >= self._status.epoch:
            self._status = status
            self._changed()

    def _lost(self) -> None:
        self._status = None
        self._changed()
