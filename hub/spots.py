"""The lot's spots: which are free, by what was granted and by who is known to stand there."""

from datetime import datetime

from cloud_sync.link.store import Store
from domain.now import rfc3339
from domain.spot import FITS, SpotKind, VehicleType, as_good
from domain.window import Window


class Spots:
    """Answers from the lot's database; changes nothing."""

    def __init__(self, store: Store) -> None:
        self._sql = store.connection

    def kind_in_service(self, spot_id: str) -> SpotKind | None:
        """What the spot was laid out for; None where there is no such spot, or it is out of service."""
        row = self._sql.execute("SELECT kind FROM spot WHERE spot_id = ? AND in_service", (spot_id,)).fetchone()
        return None if row is None else SpotKind(row["kind"])

    def exists(self, spot_id: str) -> bool:
        """Whether the lot has, or had, such a spot."""
        return self._sql.execute("SELECT 1 FROM spot WHERE spot_id = ?", (spot_id,)).fetchone() is not None

    def kind(self, spot_id: str) -> SpotKind:
        """What a spot was laid out for, in service or not; an ordinary one where it is not known."""
        row = self._sql.execute("SELECT kind FROM spot WHERE spot_id = ?", (spot_id,)).fetchone()
        return SpotKind.STANDARD if row is None else SpotKind(row["kind"])

    def free_spot(self, vehicle: VehicleType, window: Window) -> str | None:
        """The tightest spot in service that fits, that nobody stands on and that nobody was granted in this window."""
        return self._first_free(FITS[vehicle], window)

    def as_good_spot(self, vehicle: VehicleType, booked: SpotKind, window: Window) -> str | None:
        """A free spot, as above, that is equal to what was booked, or better."""
        return self._first_free(as_good(vehicle, booked), window)

    def is_free(self, spot_id: str, window: Window) -> bool:
        """Whether the spot is in service, nobody was granted it in this window, nobody is known to stand there."""
        in_service = self.kind_in_service(spot_id) is not None
        return in_service and not self.is_granted(spot_id, window) and not self.is_occupied(spot_id)

    def is_occupied(self, spot_id: str) -> bool:
        """Whether a car is known to stand there."""
        sql = "SELECT 1 FROM stay WHERE spot_id = ? AND left_at IS NULL"
        return self._sql.execute(sql, (spot_id,)).fetchone() is not None

    def is_granted(self, spot_id: str, window: Window) -> bool:
        """Whether a reservation holds the spot for some of this window."""
        sql = (
            "SELECT 1 FROM reservation WHERE spot_id = ? AND status IN ('held', 'confirmed', 'checked_in')"
            " AND start_time < ? AND end_time > ?"
        )
        row = self._sql.execute(sql, (spot_id, rfc3339(window.end), rfc3339(window.start))).fetchone()
        return row is not None

    def is_kept(self, spot_id: str, start: datetime) -> bool:
        """Whether a car stands there whose window ends after `start`, although it holds the spot no more: it came late.

        Until then it is where it was sent. An overstayer is none: it ought to be gone by then.
        """
        row = self._sql.execute(
            "SELECT 1 FROM stay JOIN reservation parked USING (reservation_id) WHERE stay.spot_id = ?"
            " AND left_at IS NULL AND end_time > ?"
            " AND NOT (parked.spot_id = stay.spot_id AND status IN ('held', 'confirmed', 'checked_in'))",
            (spot_id, rfc3339(start)),
        ).fetchone()
        return row is not None

    def _first_free(self, kinds: tuple[SpotKind, ...], window: Window) -> str | None:
        rows = self._sql.execute(
            "SELECT spot_id, kind FROM spot WHERE in_service AND spot_id NOT IN"
            " (SELECT spot_id FROM stay WHERE left_at IS NULL AND spot_id IS NOT NULL) ORDER BY spot_id"
        )
        spots = [(SpotKind(row["kind"]), str(row["spot_id"])) for row in rows]
        fitting = (spot for wanted in kinds for kind, spot in spots if kind is wanted)
        return next((spot for spot in fitting if not self.is_granted(spot, window)), None)
