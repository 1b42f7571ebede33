"""Recognise the kind of a file by its first bytes (docs/decisions/0015-evidence.md)."""

from __future__ import annotations

from collections.abc import Callable

#: How many bytes from the beginning of a file are enough to recognise its kind.
ENOUGH = 4096

_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"#!AMR", "audio/amr"),
    (b"ID3", "audio/mpeg"),
    (b"PK\x03\x04", "application/zip"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/avi"}
_AUDIO_BRANDS = (b"M4A ", b"M4B ")
_IMAGE_BRANDS = (b"heic", b"heix", b"mif1", b"avif")


def _boxed(begins: bytes) -> str | None:
    """Recognise ISO base media (ISO/IEC 14496-12): pictures, sound and video of phones."""
    if begins[4:8] != b"ftyp":
        return None
    brand = begins[8:12]
    if brand in _AUDIO_BRANDS:
        return "audio/mp4"
    if brand in _IMAGE_BRANDS:
        return "image/avif" if brand == b"avif" else "image/heic"
    return "video/quicktime" if brand == b"qt  " else "video/mp4"


def _riff(begins: bytes) -> str | None:
    return _RIFF.get(begins[8:12]) if begins.startswith(b"RIFF") else None


def _mpeg_audio(begins: bytes) -> str | None:
    """Recognise a frame of MPEG audio, layer III, or of AAC (ADTS)."""
    if len(begins) < 2 or begins[0] != 0xFF:
        return None
    if begins[1] & 0xF6 == 0xF0:
        return "audio/aac"
    return "audio/mpeg" if begins[1] & 0xE6 == 0xE2 else None


def _text(begins: bytes) -> str | None:
    """Recognise UTF-8 without control characters; the last character may be cut off."""
    try:
        text = begins.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.end < len(begins) or len(begins) - error.start > 3 or len(begins) < ENOUGH:
            return None
        text = begins[: error.start].decode("utf-8")
    return "text/plain" if all(c >= " " or c in "\t\r\n\ufeff" for c in text) else None


_MORE: tuple[Callable[[bytes], str | None], ...] = (_boxed, _riff, _mpeg_audio, _text)

#: How the media types begin that fit a medium.
_FITS = {
    "photo": ("image/",),
    "audio": ("audio/", "video/"),
    "video": ("video/",),
    "text": ("text/", "application/", "image/"),
}


def media_type_of(begins: bytes) -> str | None:
    """Return the media type of a file by its first ``ENOUGH`` bytes; ``None`` if it is unknown."""
    if not begins:
        return None
    for magic, media_type in _BEGINNINGS:
        if begins.startswith(magic):
            return media_type
    return next((kind for look in _MORE if (kind := look(begins)) is not None), None)


def fits(medium: str, media_type: str) -> bool:
    """Whether a file of a media type fits a medium, as an image fits a photo."""
    return media_type.startswith(_FITS[medium])
