from dataclasses import replace
from datetime import UTC, datetime, timedelta

import base45
import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.link.ticket import (
    PLATE_MARK_BYTES,
    TEXT_SIGNS,
    Ticket,
    TicketKey,
    issuer_claimed,
    looks_like_ticket,
    verify,
)
from domain.errors import BadInput
from domain.spot import VehicleType
from domain.window import Window

KEY = TicketKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = TicketKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
KEYS = {KEY.key_id: KEY.public_key}
START = datetime(2026, 5, 14, 10, tzinfo=UTC)
TICKET = Ticket(
    ticket_id="tkt_9e2b51c7",
    lot_id="riverside",
    reservation_id="7K3MQ2XD9P",
    revision=2,
    spot_id="riverside.1-042",
    window=Window(START, START + timedelta(hours=2)),
    vehicle_type=VehicleType.SUV,
    plate_mark="0123456789abcdef",
)
TEXT = KEY.sign(TICKET)
QR_VERSION_10_M = 311
"""Alphanumeric signs of a QR code of 57 modules a side at error level M: read well from a phone in the rain."""


def test_a_ticket_is_read_back_whole() -> None:
    assert verify(TEXT, KEYS) == TICKET


def test_of_a_long_mark_the_ticket_carries_its_beginning() -> None:
    marked = replace(TICKET, plate_mark="ab" * 32)
    assert verify(KEY.sign(marked), KEYS).plate_mark == "ab" * PLATE_MARK_BYTES


def test_it_is_a_small_qr_code() -> None:
    assert len(TEXT) <= QR_VERSION_10_M
    assert set(TEXT) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"), "alphanumeric mode"


@pytest.mark.parametrize("offset", [timedelta(days=-3_000), timedelta(), timedelta(days=3_000)])
def test_no_clock_is_asked_when_it_is_verified(offset: timedelta) -> None:
    start = START + offset
    moved = replace(TICKET, window=Window(start, start + timedelta(hours=1)))
    assert verify(KEY.sign(moved), KEYS) == moved


def test_it_says_nothing_of_when_it_was_signed() -> None:
    issued_at = 6  # RFC 8392's claim, which the library adds by the machine's clock
    assert issued_at not in cbor2.loads(cbor2.loads(base45.b45decode(KEY.sign(TICKET))).value[2])


def test_any_of_the_published_keys_will_do() -> None:
    both = {OTHER.key_id: OTHER.public_key, **KEYS}
    assert verify(TEXT, both) == TICKET
    assert verify(OTHER.sign(TICKET), both) == TICKET


@pytest.mark.parametrize("keys", [{}, {OTHER.key_id: OTHER.public_key}, {KEY.key_id: OTHER.public_key}])
def test_another_key_does_not_verify_it(keys: dict[str, str]) -> None:
    with pytest.raises(BadInput, match="no valid ticket of this lot"):
        verify(TEXT, keys)


def test_every_altered_byte_is_found() -> None:
    """But for the header that names the key: where it does not, all keys are tried."""
    signed = bytearray(base45.b45decode(TEXT))
    key_id = signed.index(KEY.key_id.encode())
    for place in {*range(len(signed))} - {key_id - 2}:
        altered = signed.copy()
        altered[place] ^= 0x01
        with pytest.raises(BadInput):
            verify(base45.b45encode(bytes(altered)).decode(), KEYS)


@given(st.binary(max_size=300))
def test_junk_in_base45_is_no_ticket(junk: bytes) -> None:
    with pytest.raises(BadInput):
        verify(base45.b45encode(junk).decode(), KEYS)


@given(st.text(max_size=300))
def test_junk_is_no_ticket(junk: str) -> None:
    with pytest.raises(BadInput):
        verify(junk, KEYS)


@given(st.data())
def test_a_mangled_ticket_is_no_ticket_or_the_same(data: st.DataObject) -> None:
    signed = bytearray(base45.b45decode(TEXT))
    for _ in range(data.draw(st.integers(1, 5))):
        signed[data.draw(st.integers(0, len(signed) - 1))] = data.draw(st.integers(0, 255))
    mangled = bytes(signed[: data.draw(st.integers(0, len(signed)))])
    try:
        ticket = verify(base45.b45encode(mangled).decode(), KEYS)
    except BadInput:
        return
    assert ticket == TICKET


cose = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=9) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.integers(-9, 9) | st.text(max_size=3), inner),
    max_leaves=9,
)


@given(st.sampled_from([16, 17, 18, 61, 96, 97, 98]), st.lists(cose, max_size=5))
def test_cose_of_any_other_shape_is_no_ticket(tag: int, parts: list[object]) -> None:
    with pytest.raises(BadInput):
        verify(base45.b45encode(cbor2.dumps(cbor2.CBORTag(tag, parts))).decode(), KEYS)


@pytest.mark.parametrize("opening", [b"\x81", b"\xd2", b"\xa1\x01", b"\x9f"])
def test_what_is_nested_without_end_is_no_ticket(opening: bytes) -> None:
    """As much as the largest QR code carries."""
    with pytest.raises(BadInput):
        verify(base45.b45encode(opening * (2_800 // len(opening))).decode(), KEYS)


def test_a_key_is_named_by_the_beginning_of_its_public_part() -> None:
    assert KEY.public_key.startswith(KEY.key_id)
    assert len(bytes.fromhex(KEY.public_key)) == 32


class TestLooks:
    @pytest.mark.parametrize("seed", range(3))
    def test_every_ticket_looks_like_one(self, seed: int) -> None:
        assert looks_like_ticket(KEY.sign(replace(TICKET, lot_id="l" * (1 + 19 * seed))))

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "7K3MQ-2XD9P",
            "HTTPS://LOT.EXAMPLE",
            TEXT.lower(),
            TEXT + "_",
            "A" * 99,
            "A" * TEXT_SIGNS.stop,
            "Ä" * 200,
        ],
    )
    def test_what_a_sign_may_say_does_not(self, text: str) -> None:
        assert not looks_like_ticket(text)


class TestClaimedIssuer:
    def test_is_read_without_any_key(self) -> None:
        assert issuer_claimed(TEXT) == "riverside"
        assert issuer_claimed(OTHER.sign(replace(TICKET, lot_id="hillside"))) == "hillside"

    @pytest.mark.parametrize(
        "claims",
        [
            {},
            {1: 7},
            {1: "Riverside"},
            {1: "riverside/+"},
            {1: ""},
            [1, "riverside"],
            "riverside",
            None,
            {1: b"riverside"},
        ],
    )
    def test_what_could_name_no_lot_is_none(self, claims: object) -> None:
        signed = cbor2.CBORTag(18, [b"", {}, cbor2.dumps(claims), b""])
        assert issuer_claimed(base45.b45encode(cbor2.dumps(signed)).decode()) is None

    @given(st.one_of(st.text(max_size=300), st.binary(max_size=300).map(lambda junk: base45.b45encode(junk).decode())))
    def test_junk_claims_nothing(self, junk: str) -> None:
        assert issuer_claimed(junk) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=20) | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(-5, 8) | st.text(max_size=3), inner),
        max_leaves=8,
    ),
    st.sampled_from([16, 17, 18, 96, 98, 61, 1]),
)
def test_whatever_somebody_prints_is_refused_and_nothing_else(body: object, tag: int) -> None:
    """A code that breaks the parser must not stop a lane."""
    text = base45.b45encode(cbor2.dumps(cbor2.CBORTag(tag, body))).decode()
    with pytest.raises(BadInput):
        verify(text, KEYS)
    issuer_claimed(text)


@pytest.mark.parametrize("depth", [100, 300])
def test_nor_does_one_that_is_nested_deeply(depth: int) -> None:
    text = base45.b45encode(b"\xd2" + b"\x81" * depth + b"\x01").decode()
    with pytest.raises(BadInput):
        verify(text, KEYS)
    assert issuer_claimed(text) is None
