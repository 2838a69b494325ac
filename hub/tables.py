"""The hub's database. What must never be true of a lot is refused here, whatever the code above does."""

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

migrations = Migrations("hub")


@migrations()
def lot_reservations_and_stays(db: Database) -> None:
    db.conn.executescript("""
        CREATE TABLE spot (
            spot_id TEXT PRIMARY KEY, kind TEXT NOT NULL, in_service INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE gate (gate_id TEXT PRIMARY KEY, direction TEXT NOT NULL) STRICT;
        CREATE TABLE promise (  -- the lot's policy and tariff, as central sent them
            only_one INTEGER PRIMARY KEY CHECK (only_one = 1), policy TEXT NOT NULL, tariff TEXT NOT NULL
        ) STRICT;
        CREATE TABLE reservation (
            reservation_id TEXT PRIMARY KEY, revision INTEGER NOT NULL,
            status TEXT NOT NULL CHECK (status IN
                ('held', 'confirmed', 'checked_in', 'completed', 'expired', 'cancelled', 'no_show')),
            spot_id TEXT NOT NULL REFERENCES spot, user_id TEXT NOT NULL, vehicle_id TEXT NOT NULL,
            driver_name TEXT NOT NULL, vehicle_type TEXT NOT NULL, plate_box TEXT NOT NULL, plate_mark TEXT NOT NULL,
            -- Instants compare as text, so there is only one way to write one.
            start_time TEXT NOT NULL CHECK (start_time GLOB '????-??-??T??:??:??.???Z'),
            end_time TEXT NOT NULL CHECK (end_time GLOB '????-??-??T??:??:??.???Z' AND end_time > start_time),
            price_minor INTEGER NOT NULL, currency TEXT NOT NULL,
            hold_expires_at TEXT, ticket TEXT, ticket_revision INTEGER, paid_minor INTEGER NOT NULL DEFAULT 0,
            refunded_minor INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE INDEX reservation_by_spot ON reservation (spot_id, status);
        CREATE INDEX reservation_by_plate ON reservation (plate_mark);
        CREATE INDEX reservation_by_expiry ON reservation (hold_expires_at) WHERE status = 'held';
        CREATE TABLE released (  -- holds that central gave up, so that one that comes after is refused
            reservation_id TEXT PRIMARY KEY
        ) STRICT;
        CREATE TABLE stay (
            stay_id TEXT PRIMARY KEY, reservation_id TEXT REFERENCES reservation, spot_id TEXT REFERENCES spot,
            plate_mark TEXT, entered_at TEXT, left_at TEXT, conflict TEXT
        ) STRICT;
        CREATE INDEX stay_inside ON stay (spot_id) WHERE left_at IS NULL;
        CREATE INDEX stay_by_reservation ON stay (reservation_id);

        -- one-spot-one-car: two windows granted on one spot never overlap.
        CREATE TRIGGER one_spot_one_car_insert BEFORE INSERT ON reservation
        WHEN NEW.status IN ('held', 'confirmed', 'checked_in') AND EXISTS (
            SELECT 1 FROM reservation WHERE spot_id = NEW.spot_id AND reservation_id <> NEW.reservation_id
            AND status IN ('held', 'confirmed', 'checked_in')
            AND start_time < NEW.end_time AND NEW.start_time < end_time)
        BEGIN SELECT RAISE(ABORT, 'one-spot-one-car'); END;
        CREATE TRIGGER one_spot_one_car_update BEFORE UPDATE ON reservation
        WHEN NEW.status IN ('held', 'confirmed', 'checked_in') AND EXISTS (
            SELECT 1 FROM reservation WHERE spot_id = NEW.spot_id AND reservation_id <> NEW.reservation_id
            AND status IN ('held', 'confirmed', 'checked_in')
            AND start_time < NEW.end_time AND NEW.start_time < end_time)
        BEGIN SELECT RAISE(ABORT, 'one-spot-one-car'); END;
    """)
