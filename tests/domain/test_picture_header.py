"""The size that a picture's header tells, for every format that is read."""

import pytest

from domain.picture_header import SCANS_MAX, scans, size_px
from tests.broken_pictures import jpeg_of_scans, jpeg_turned, resized, whole

PICTURES = whole()


@pytest.mark.parametrize("kind", PICTURES)
def test_the_size_of_a_whole_picture(kind: str) -> None:
    assert size_px(PICTURES[kind]) == (120, 80)


@pytest.mark.parametrize("kind", PICTURES)
def test_believes_what_the_header_says(kind: str) -> None:
    assert size_px(resized(PICTURES[kind], 9_999, 7)) == (9_999, 7)


@pytest.mark.parametrize("kind", PICTURES)
def test_one_cut_short_before_its_size_has_none(kind: str) -> None:
    whole_picture = PICTURES[kind]
    sizes = {size_px(whole_picture[:length]) for length in range(len(whole_picture))}
    assert sizes == {None, (120, 80)}
    assert size_px(whole_picture[:14]) is None


@pytest.mark.parametrize(
    "data", [b"", b"no picture", b"GIF89a" + bytes(50), b"\xff\xd8" + b"\xff" * 50, b"BM", b"II*\0"]
)
def test_anything_else_has_none(data: bytes) -> None:
    assert size_px(data) is None


def test_a_jpeg_of_countless_segments_is_given_up() -> None:
    assert size_px(b"\xff\xd8" + b"\xff\xe0\0\2" * 2_000_000) is None


def test_a_jpeg_without_a_frame_before_its_scan_has_none() -> None:
    assert size_px(b"\xff\xd8\xff\xda\0\2" + PICTURES["jpeg"]) is None


def test_a_bmp_from_top_to_bottom_and_one_of_the_oldest_kind() -> None:
    header = b"BM" + bytes(12)
    assert size_px(header + (40).to_bytes(4, "little") + (120).to_bytes(4, "little") + b"\xb0\xff\xff\xff") == (120, 80)
    assert size_px(header + (12).to_bytes(4, "little") + b"\x78\0\x50\0") == (120, 80)


def test_a_tiff_written_the_other_way_round() -> None:
    tags = b"".join(
        tag.to_bytes(2, "big") + b"\0\4\0\0\0\1" + side.to_bytes(4, "big") for tag, side in ((256, 120), (257, 80))
    )
    assert size_px(b"MM\0*\0\0\0\x08\0\2" + tags) == (120, 80)


def test_a_tiff_with_its_directory_nowhere_has_none() -> None:
    tiff = PICTURES["tiff"]
    assert size_px(tiff[:4] + b"\xff\xff\xff\xff" + tiff[8:]) is None


@pytest.mark.parametrize(("kind", "count"), [("jpeg", 1), ("jpeg progressive", 10), ("png", 1), ("tiff", 1)])
def test_the_scans_of_a_whole_picture(kind: str, count: int) -> None:
    assert scans(PICTURES[kind]) == count


def test_a_pictures_own_small_picture_is_none_of_its_scans() -> None:
    with_thumbnail = jpeg_turned(PICTURES["jpeg"], 6).replace(b"Exif", b"\xff\xda\xff\xda")
    assert scans(with_thumbnail) == 1


@pytest.mark.parametrize(
    "between", [b"", b"\xff\x01", b"\xff\xd0", b"\xff\x00" * 50, b"\xff" * 9, b"\xff\xfe\0\2" * 20]
)
def test_scans_are_counted_up_to_one_too_many(between: bytes) -> None:
    progressive = PICTURES["jpeg progressive"]
    last = progressive.rindex(b"\xff\xda")
    spaced = progressive[:last] + between + progressive[last:]
    for count, told in ((11, 11), (SCANS_MAX, SCANS_MAX), (SCANS_MAX + 1, SCANS_MAX + 1), (5_000, SCANS_MAX + 1)):
        assert scans(jpeg_of_scans(spaced, count)) == told


def test_scans_behind_countless_segments_are_too_many() -> None:
    progressive = PICTURES["jpeg progressive"]
    last = progressive.rindex(b"\xff\xda")
    assert scans(progressive[:last] + b"\xff\xfe\0\2" * 2_000 + progressive[last:]) == SCANS_MAX + 1


def test_a_jpeg_cut_short_has_the_scans_that_are_there() -> None:
    progressive = PICTURES["jpeg progressive"]
    counts = [scans(progressive[:length]) for length in range(2, len(progressive))]
    assert counts == sorted(counts)
    assert counts[0] == 0
