import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.link.seal import KEY_BYTES, Seal
from domain.errors import OperatorError, PeerError
from domain.plate import Plate, SealedPlate

KEY, OTHER_KEY = bytes(range(KEY_BYTES)), bytes(KEY_BYTES)
SEAL = Seal(KEY)

plates = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=2, max_size=10).map(Plate)


@given(plates)
def test_what_is_sealed_opens_again(plate: Plate) -> None:
    assert SEAL.open(SEAL.seal(plate)) == plate


@given(plates)
def test_nothing_of_it_is_to_be_seen(plate: Plate) -> None:
    sealed = SEAL.seal(plate)
    text = plate.open.encode()
    for part in (bytes.fromhex(sealed.box), bytes.fromhex(sealed.mark)):
        assert len(text) < 4 or text not in part
    assert plate.open not in repr(sealed) or len(text) < 5  # four hexadecimal signs may come by chance
    assert len(bytes.fromhex(sealed.box)) == 12 + len(text) + 16


def test_two_boxes_of_one_plate_have_nothing_in_common_but_their_mark() -> None:
    one, other = SEAL.seal(Plate("BAB1234")), SEAL.seal(Plate("BAB1234"))
    assert one.box != other.box
    assert one.mark == other.mark


@given(plates, plates)
def test_marks_are_equal_exactly_for_plates_that_people_mix_up(one: Plate, other: Plate) -> None:
    assert (SEAL.mark(one) == SEAL.mark(other)) is (one.folded == other.folded)


def test_o_and_0_i_and_1_have_one_mark() -> None:
    assert SEAL.mark(Plate("BOI10")) == SEAL.mark(Plate("B0110")) == SEAL.seal(Plate("BO1IO")).mark


def test_a_mark_is_of_no_use_under_another_key() -> None:
    assert Seal(OTHER_KEY).mark(Plate("BAB1234")) != SEAL.mark(Plate("BAB1234"))


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(PeerError, match="does not open with this lot's plate key"):
        Seal(OTHER_KEY).open(SEAL.seal(Plate("BAB1234")))


def test_every_altered_bit_is_found() -> None:
    sealed = SEAL.seal(Plate("BAB1234"))
    box = bytes.fromhex(sealed.box)
    for bit in range(8 * len(box)):
        altered = bytearray(box)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(PeerError):
            SEAL.open(SealedPlate(altered.hex(), sealed.mark))


@pytest.mark.parametrize("box", ["", "00", "no hexadecimal", "00" * 12, "00" * 28, "é"])
def test_junk_is_the_peers_fault(box: str) -> None:
    with pytest.raises(PeerError):
        SEAL.open(SealedPlate(box, "00"))


@pytest.mark.parametrize("key", [b"", b"short", bytes(KEY_BYTES + 1)])
def test_a_key_of_another_length_is_the_operators_to_correct(key: bytes) -> None:
    with pytest.raises(OperatorError, match="32 bytes"):
        Seal(key)


def test_a_key_comes_in_hexadecimal_and_an_error_does_not_repeat_it() -> None:
    sealed = SEAL.seal(Plate("BAB1234"))
    assert Seal.from_hex(KEY.hex()).open(sealed) == Plate("BAB1234")
    for wrong in ("secret", "5ec7e7"):
        with pytest.raises(OperatorError, match=r"32 bytes .*openssl rand -hex 32") as refused:
            Seal.from_hex(wrong)
        assert wrong not in str(refused.value)


def test_bytes_open_with_the_same_key_and_salt_only() -> None:
    seal, other = Seal(bytes(range(32))), Seal(bytes(32))
    sealed = seal.seal_bytes(b"a picture", b"salt")
    assert b"picture" not in sealed
    assert seal.open_bytes(sealed, b"salt") == b"a picture"
    broken = [(seal, sealed, b"pepper"), (other, sealed, b"salt"), (seal, sealed[:-1], b"salt"), (seal, b"", b"salt")]
    for by, what, salt in broken:
        with pytest.raises(PeerError):
            by.open_bytes(what, salt)
