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


@migrations()
def no_shows_withdrawals_and_moves(db: Database) -> None:
    db.conn.executescript("""
        ALTER TABLE reservation ADD COLUMN confirmed_at TEXT;
        -- Who is late is late from expected_at. No comment may stand inside: SQLite keeps it as the column's type.
        ALTER TABLE reservation ADD COLUMN expected_at TEXT
            GENERATED ALWAYS AS (max(start_time, coalesce(confirmed_at, start_time))) VIRTUAL;
        ALTER TABLE reservation ADD COLUMN no_show_at TEXT;
        ALTER TABLE reservation ADD COLUMN booked_kind TEXT NOT NULL DEFAULT 'standard';
        UPDATE reservation SET booked_kind = (SELECT kind FROM spot WHERE spot.spot_id = reservation.spot_id);
        ALTER TABLE reservation ADD COLUMN moved_from TEXT REFERENCES spot;
        ALTER TABLE reservation ADD COLUMN moved_at TEXT;
        ALTER TABLE reservation ADD COLUMN no_spot_told INTEGER NOT NULL DEFAULT 0;
        CREATE INDEX reservation_expected ON reservation (expected_at) WHERE status = 'confirmed';
        CREATE INDEX reservation_to_start ON reservation (start_time) WHERE status = 'confirmed';
        CREATE INDEX reservation_moved ON reservation (moved_at) WHERE moved_at IS NOT NULL;
        CREATE INDEX reservation_missed ON reservation (no_show_at) WHERE status = 'no_show';

        ALTER TABLE stay ADD COLUMN evidence TEXT NOT NULL DEFAULT 'none';
        ALTER TABLE stay ADD COLUMN ticket_id TEXT;
        ALTER TABLE stay ADD COLUMN overstay_told INTEGER NOT NULL DEFAULT 0;
        CREATE INDEX stay_conflicts ON stay (coalesce(entered_at, left_at)) WHERE conflict IS NOT NULL;

        CREATE TABLE withdrawal (  -- a right that was taken back; settled once it is known who came in on it
            reservation_id TEXT PRIMARY KEY REFERENCES reservation, revision INTEGER NOT NULL,
            settle_by TEXT NOT NULL, complete INTEGER NOT NULL, settled_at TEXT
        ) STRICT;
        CREATE INDEX withdrawal_open ON withdrawal (settle_by) WHERE settled_at IS NULL;
        CREATE TABLE withdrawal_awaits (  -- entry gates that have not answered, and the epoch that each was in
            reservation_id TEXT NOT NULL REFERENCES withdrawal, gate_id TEXT NOT NULL, epoch INTEGER,
            PRIMARY KEY (reservation_id, gate_id)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX withdrawal_awaits_gate ON withdrawal_awaits (gate_id);
    """)


@migrations()
def when_stays_were_told(db: Database) -> None:
    db.conn.executescript("""
        ALTER TABLE stay ADD COLUMN told_at TEXT;  -- by the hub's own clock, also of what a gate tells late
        UPDATE stay SET told_at = coalesce(left_at, entered_at);
        DROP INDEX stay_conflicts;
        CREATE INDEX stay_conflicts ON stay (told_at) WHERE conflict IS NOT NULL;
    """)


@migrations()
def what_can_be_taken_back(db: Database) -> None:
    db.conn.executescript("""
        ALTER TABLE reservation ADD COLUMN ticket_id TEXT;
        CREATE TABLE followed (  -- facts of gates whose stays were taken back: they are not to be followed again
            unit TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (unit, epoch, seq)
        ) STRICT, WITHOUT ROWID;
        ALTER TABLE withdrawal_awaits DROP COLUMN epoch;
        CREATE TABLE displaced (  -- bookings that came back and are not as they were told; by which revision they were
            reservation_id TEXT PRIMARY KEY REFERENCES reservation, revision INTEGER NOT NULL
        ) STRICT;
    """)


@migrations()
def grants_by_window(db: Database) -> None:
    """What a hold is refused by is found without reading the spot's past."""
    db.conn.executescript("""
        CREATE INDEX reservation_granted ON reservation (spot_id, start_time, end_time)
            WHERE status IN ('held', 'confirmed', 'checked_in');
        DROP INDEX reservation_by_spot;
    """)


@migrations()
def when_cancelling_was_asked_for(db: Database) -> None:
    db.conn.executescript("ALTER TABLE reservation ADD COLUMN cancel_requested_at TEXT;")


@migrations()
def listed_plates(db: Database) -> None:
    db.conn.executescript("""
        CREATE TABLE listed (  -- plates that need no booking, and plates that none helps; `told_at` by the hub's clock
            mark TEXT PRIMARY KEY, box TEXT NOT NULL, listing TEXT NOT NULL, until TEXT, by TEXT NOT NULL,
            note TEXT NOT NULL, told_at TEXT NOT NULL
        ) STRICT;
    """)


@migrations()
def who_has_no_spot(db: Database) -> None:
    """Found without reading all that are due, whenever a car goes."""
    db.conn.executescript("""
        CREATE INDEX reservation_without_spot ON reservation (reservation_id)
            WHERE status = 'confirmed' AND no_spot_told;
    """)


@migrations()
def gates_that_lost_their_logs(db: Database) -> None:
    db.conn.executescript("""
        CREATE TABLE log_lost (  -- whom a gate let in before this instant may never be known
            gate_id TEXT PRIMARY KEY, at TEXT NOT NULL
        ) STRICT;
    """)


@migrations()
def stays_by_plate(db: Database) -> None:
    """Whose stay an exit ends, and who may have come after all, is found without reading all that ever stood here."""
    db.conn.executescript("CREATE INDEX stay_by_plate ON stay (plate_mark) WHERE plate_mark IS NOT NULL;")
