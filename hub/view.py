"""What the attendants' page shows, gathered from the lot's own database; each part says how fresh it is."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud_sync.link.carrier import Carrier
from cloud_sync.link.seal import Seal
from cloud_sync.link.v1.facts import AlarmRaised, GateDecided, Payload, payload_of
from domain.errors import NotFound, PeerError, Refused
from domain.fact import Fact
from domain.ids import shown
from domain.now import Now, parse_instant, rfc3339
from domain.plate import SealedPlate
from domain.stay import Conflict
from hub.book import instant_or_none
from hub.lot import Lot
from hub.missed import Missed, NoShowRow
from hub.presence import Presence

LATEST_MAX = 12
"""Decisions and alarms on the page."""

RECENT = timedelta(hours=24)
"""How long a conflict, a move or a no-show stays on the page; a conflict whose car is inside as long as that."""

RECENT_MAX = 50
"""Of each at most."""


@dataclass(frozen=True, slots=True)
class SpotCell:
    spot_id: str
    kind: str
    state: str  # available, held, reserved, occupied, overstayed, closed
    reservation: str | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class CarRow:
    spot_id: str | None
    reservation: str | None
    driver: str | None
    plate: str | None  # masked
    entered_at: datetime | None
    paid_until: datetime | None
    conflict: str | None
    stay_id: str


@dataclass(frozen=True, slots=True)
class ConflictRow:
    """A stay that no right, or not this one, allowed; also of a car that has left, or was never seen inside."""

    at: datetime
    conflict: str
    gate_id: str
    reservation: str | None
    spot_id: str | None
    plate: str | None  # masked; what the gate read, else the booked one
    inside: bool
    stay_id: str


@dataclass(frozen=True, slots=True)
class MoveRow:
    """A booking that was given another spot."""

    at: datetime
    reservation: str
    driver: str
    from_spot_id: str
    spot_id: str
    start: datetime


@dataclass(frozen=True, slots=True)
class LaneRow:
    gate_id: str
    direction: str
    online: bool | None  # None: never heard of since the hub reached the lot's broker
    since: datetime | None
    mode: str | None  # automatic, held_open, closed; None: it is not on the link, or says nothing of it


@dataclass(frozen=True, slots=True)
class DecisionRow:
    at: datetime
    gate_id: str
    verdict: str
    reason: str
    reservation: str | None
    spot_id: str | None
    took_ms: int
    by: str | None  # who of the lot has opened, where somebody has


@dataclass(frozen=True, slots=True)
class AlarmRow:
    at: datetime
    alarm: str
    detail: str


@dataclass(frozen=True, slots=True)
class ListedRow:
    """A plate on one of the lot's lists; `mark` names it without saying it."""

    mark: str
    plate: str  # masked
    listing: str
    note: str
    until: datetime | None
    by: str
    since: datetime


class LotView:
    """Reads what there is to see. Changes nothing."""

    def __init__(self, name: str, lot: Lot, seal: Seal, presence: Presence, to_central: Carrier) -> None:
        self.name = name
        self.lot_id = lot.journal.unit
        self._sql = lot.store.connection
        self._lot = lot
        self._missed = Missed(lot)
        self._seal = seal
        self._presence = presence
        self._to_central = to_central

    @property
    def central_online(self) -> bool:
        """Whether the hub reaches central's broker; without it there are no new online bookings."""
        return self._to_central.connected

    def spots(self, now: Now) -> list[SpotCell]:
        """Every spot as it is now: what stands there counts before what is booked there."""
        at = rfc3339(now.utc)
        rows = self._sql.execute(
            # With min(), SQLite takes the other columns from that row: of two cars on a spot, the one there first.
            "SELECT spot.*, min(stay.entered_at), stay.stay_id, stay.reservation_id AS parked,"
            " r.reservation_id, r.status, r.end_time, parked.end_time AS paid_until FROM spot"
            " LEFT JOIN stay ON stay.spot_id = spot.spot_id AND stay.left_at IS NULL"
            " LEFT JOIN reservation parked ON parked.reservation_id = stay.reservation_id"
            " LEFT JOIN reservation r ON r.spot_id = spot.spot_id AND r.status IN ('held', 'confirmed')"
            " AND r.start_time <= ? AND r.end_time > ? GROUP BY spot.spot_id ORDER BY spot.spot_id",
            (at, at),
        )
        cells = []
        for row in rows:
            until = row["paid_until"] if row["stay_id"] else row["end_time"]
            state = "available"
            if row["stay_id"]:
                state = "overstayed" if until and until <= at else "occupied"
            elif not row["in_service"]:
                state = "closed"
            elif row["reservation_id"]:
                state = "held" if row["status"] == "held" else "reserved"
            reservation = row["parked"] if row["stay_id"] else row["reservation_id"]
            cells.append(
                SpotCell(row["spot_id"], row["kind"], state, reservation and shown(reservation), instant_or_none(until))
            )
        return cells

    def cars(self) -> list[CarRow]:
        """Who is inside."""
        return [
            CarRow(
                spot_id=row["spot_id"],
                reservation=row["reservation_id"] and shown(row["reservation_id"]),
                driver=row["driver_name"],
                plate=self._masked(row["plate_box"], row["booked_mark"]) or self._plate_read(row["stay_id"]),
                entered_at=instant_or_none(row["entered_at"]),
                paid_until=instant_or_none(row["end_time"]),
                conflict=row["conflict"],
                stay_id=row["stay_id"],
            )
            for row in self._lot.stays.inside()
        ]

    def car(self, stay_id: str) -> CarRow:
        """One car inside. Raises NotFound where it is not, or not any more."""
        car = next((car for car in self.cars() if car.stay_id == stay_id), None)
        if car is None:
            raise NotFound("stay_unknown", "this car is not inside, or not any more")
        return car

    def exits_of(self, car: CarRow, now: Now) -> list[ConflictRow]:
        """The exits at which nobody knew whose car it was, and at which this one may have left; newest first."""
        return [
            row
            for row in self.conflicts(now)
            if row.conflict == Conflict.EXIT_WITHOUT_ENTRY.value
            and row.reservation in (None, car.reservation)
            and (car.entered_at is None or row.at >= car.entered_at)
        ]

    def lists(self, now: Now) -> list[ListedRow]:
        """The plates on the lot's lists, the latest first."""
        return [
            ListedRow(
                mark=listed.plate.mark,
                plate=self._masked(listed.plate.box, listed.plate.mark) or "?",
                listing=listed.listing.value,
                note=listed.note,
                until=listed.until,
                by=listed.by,
                since=listed.since,
            )
            for listed in self._lot.lists.now(now)
        ]

    def conflicts(self, now: Now) -> list[ConflictRow]:
        """Where rights and facts disagree still, or the lot heard lately that they had; newest first, as it heard."""
        rows = self._sql.execute(
            "SELECT stay.*, coalesce(entered_at, left_at) AS at, plate_box, reservation.plate_mark AS booked_mark,"
            " entered_at IS NOT NULL AND left_at IS NULL AS inside FROM stay LEFT JOIN reservation"
            " USING (reservation_id) WHERE conflict IS NOT NULL AND stay.rowid IN"
            # Each by its own index: an OR would go through all conflicts that ever were.
            " (SELECT rowid FROM stay WHERE conflict IS NOT NULL AND told_at > ?"
            " UNION SELECT rowid FROM stay WHERE left_at IS NULL) ORDER BY told_at DESC, stay.rowid DESC LIMIT ?",
            (rfc3339(now.utc - RECENT), RECENT_MAX),
        ).fetchall()
        return [
            ConflictRow(
                at=parse_instant(row["at"]),
                conflict=row["conflict"],
                gate_id=row["stay_id"].partition("/")[0],
                reservation=row["reservation_id"] and shown(row["reservation_id"]),
                spot_id=row["spot_id"],
                plate=self._plate_read(row["stay_id"]) or self._masked(row["plate_box"], row["booked_mark"]),
                inside=bool(row["inside"]),
                stay_id=row["stay_id"],
            )
            for row in rows
        ]

    def moves(self, now: Now) -> list[MoveRow]:
        """Which bookings were given another spot lately, newest first."""
        rows = self._sql.execute(
            "SELECT * FROM reservation WHERE moved_at > ? ORDER BY moved_at DESC LIMIT ?",
            (rfc3339(now.utc - RECENT), RECENT_MAX),
        )
        return [
            MoveRow(
                at=parse_instant(row["moved_at"]),
                reservation=shown(row["reservation_id"]),
                driver=row["driver_name"],
                from_spot_id=row["moved_from"],
                spot_id=row["spot_id"],
                start=parse_instant(row["start_time"]),
            )
            for row in rows.fetchall()
        ]

    def no_shows(self, now: Now) -> list[NoShowRow]:
        """Whose fee still waits, and whose car did not come lately (`missed.py`)."""
        return self._missed.latest(RECENT, RECENT_MAX, now)

    def vouchable(self, reservation_id: str, gate_id: str, now: Now) -> NoShowRow:
        """The no-show whose fee waits for this gate, which does not answer. Raises Refused where that is not so."""
        self._lot.check_vouch(reservation_id, gate_id, now)
        no_show = self._missed.one(reservation_id, now)
        if no_show is None:
            raise Refused("not_awaited", "this car did come, and no fee waits for this gate's answer")
        return no_show

    def lanes(self) -> list[LaneRow]:
        rows = self._sql.execute("SELECT gate_id, direction FROM gate ORDER BY gate_id").fetchall()
        return [self._lane(row["gate_id"], row["direction"]) for row in rows]

    def decisions(self) -> list[DecisionRow]:
        """The latest decisions of all lanes, newest first."""
        return [
            DecisionRow(
                fact.at,
                fact.unit,
                decided.verdict.value,
                decided.reason.value,
                decided.reservation_id and shown(decided.reservation_id),
                decided.spot_id,
                decided.took_ms,
                decided.by,
            )
            for fact in self._lot.journal.latest(GateDecided.kind, LATEST_MAX)
            if isinstance(decided := _payload(fact), GateDecided)
        ]

    def alarms(self) -> list[AlarmRow]:
        """The latest alarms of this lot, newest first; gates' alarms are in the hub's own log too."""
        return [
            AlarmRow(fact.at, alarm.alarm, alarm.detail)
            for fact in self._lot.journal.latest(AlarmRaised.kind, 2 * LATEST_MAX)
            if fact.unit == self.lot_id and isinstance(alarm := _payload(fact), AlarmRaised)
        ][:LATEST_MAX]

    def _lane(self, gate_id: str, direction: str) -> LaneRow:
        seen = self._presence.of(gate_id)
        if seen is None:
            return LaneRow(gate_id, direction, online=None, since=None, mode=None)
        status = seen.status
        mode = status.mode.value if status.online and status.mode is not None else None
        return LaneRow(gate_id, direction, status.online, seen.since, mode)

    def _plate_read(self, stay_id: str) -> str | None:
        """The plate in the fact that the stay began with, masked."""
        unit, _, number = stay_id.partition("/")
        epoch, _, seq = number.partition("/")
        row = self._sql.execute(
            "SELECT json_extract(payload, '$.plate.box'), json_extract(payload, '$.plate.mark') FROM fact"
            " WHERE unit = ? AND epoch = ? AND seq = ?",
            (unit, epoch, seq),
        ).fetchone()
        return None if row is None else self._masked(*row)

    def _masked(self, box: str | None, mark: str | None) -> str | None:
        if box is None or mark is None:
            return None
        try:
            plate = self._seal.open(SealedPlate(box, mark))
        except PeerError:  # one plate that was sealed for another lot must not take the whole page away
            return None
        return plate.masked


def _payload(fact: Fact) -> Payload | None:
    """What a fact says; None for one that could not be understood when it came."""
    try:
        return payload_of(fact)
    except PeerError:
        return None
