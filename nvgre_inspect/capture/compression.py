"""Compressed streams: gzip (RFC 1952), zstd (RFC 8878), xz and LZ4 frames, recognised by their first bytes.

A stream may consist of several members or frames, with zero padding after them. Whatever is wrong with it
becomes a `CorruptStreamError` after all data before the damage has been handed out.

Limits: zstd windows above 128 MiB and xz dictionaries above 256 MiB are refused, as they would have to be
allocated on the word of the file; LZ4's legacy format is not supported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, cast

#: Most output asked of a codec at a time. What a failing call had decoded already is lost with it, see
#: `salvage`.
_OUTPUT_STEP = 1 << 18
_ZSTD_WINDOW = 1 << 27
_XZ_MEMORY = 256 << 20
#: zstd gives all output of an input at once. A block is at least 4 bytes and at most 128 KiB decompressed,
#: so this much input is at most 32 MiB of output.
_ZSTD_INPUT_STEP = 1 << 10


#: When decoding again to salvage what precedes a damage, input goes in by parts of this size, and by single
#: bytes for the last stretch of output, which is longer than what one part of gzip input can become.
_SALVAGE_PART = 512
_SALVAGE_MARGIN = 1 << 20


class CorruptStreamError(Exception):
    """The compressed data is damaged or ends early; the message completes the sentence "the gzip data …"."""


class _Decoder(Protocol):
    """One member or frame; the interface of `bz2.BZ2Decompressor`."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _ZstdDecoder:
    """zstandard's decompression object under the interface of the others."""

    needs_input = True

    def __init__(self) -> None:
        import zstandard

        self._inner = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
        self._data = b""
        self._at = 0  # how much of `_data` has been decoded
        self.unused_data = b""

    @property
    def eof(self) -> bool:
        return self._inner.eof

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Decode up to `_ZSTD_INPUT_STEP` bytes of input, which bounds the output instead of `max_length`."""
        if data:
            self._data, self._at = self._data[self._at :] + data, 0
        start = self._at
        self._at = min(start + _ZSTD_INPUT_STEP, len(self._data))
        output = self._inner.decompress(self._data[start : self._at])
        self.needs_input = self._at == len(self._data)
        if self.eof:
            self.unused_data = self._inner.unused_data + self._data[self._at :]
        return output


@dataclass(frozen=True, slots=True)
class Codec:
    """A compression format: its name, how to start decoding a member, and what that may raise."""

    name: str
    new_decoder: Callable[[], _Decoder]
    errors: Callable[[], tuple[type[Exception], ...]]


def _gzip() -> _Decoder:
    from isal import igzip_lib

    decoder: _Decoder = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    return decoder


def _gzip_errors() -> tuple[type[Exception], ...]:
    from isal import igzip_lib

    # isal's type stub takes the exception class for an instance.
    return (cast("type[Exception]", igzip_lib.IsalError), ValueError)


def _xz() -> _Decoder:
    import lzma

    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


def _xz_errors() -> tuple[type[Exception], ...]:
    import lzma

    return (lzma.LZMAError,)


def _lz4() -> _Decoder:
    import lz4.frame

    decoder: _Decoder = lz4.frame.LZ4FrameDecompressor()
    return decoder


def _zstd_errors() -> tuple[type[Exception], ...]:
    import zstandard

    return (zstandard.ZstdError,)


GZIP = Codec("gzip", _gzip, _gzip_errors)
ZSTD = Codec("zstd", _ZstdDecoder, _zstd_errors)
XZ = Codec("xz", _xz, _xz_errors)
# lz4.frame raises RuntimeError for every error of the library.
LZ4 = Codec("lz4", _lz4, lambda: (RuntimeError,))

_MAGICS: list[tuple[bytes, Codec]] = [
    (b"\x1f\x8b", GZIP),
    (b"\x28\xb5\x2f\xfd", ZSTD),
    (b"\xfd7zXZ\x00", XZ),
    (b"\x04\x22\x4d\x18", LZ4),
]
#: Skippable frames, which pzstd and others write first, are common to zstd and LZ4; zstd is the likelier.
_SKIPPABLE = b"\x2a\x4d\x18"


def detect(head: bytes) -> Codec | None:
    """The compression of a file that begins with `head` (6 bytes suffice), or None."""
    for magic, codec in _MAGICS:
        if head.startswith(magic):
            return codec
    if head[1:4] == _SKIPPABLE and head[0] & 0xF0 == 0x50:
        return ZSTD
    return None


def decompress(codec: Codec, chunks: Iterator[bytes], reopen: Callable[[], Iterator[bytes]] | None) -> Iterator[bytes]:
    """Decode a stream of one or more members into pieces of bounded size.

    `chunks` are the compressed bytes. `reopen`, where the input can be read twice, gives them again from the
    start: then even the last bytes before a damage are decoded (a codec that fails keeps what it had
    decoded in that call). Raises CorruptStreamError after the last good byte.
    """
    produced = 0
    try:
        for piece in _members(codec, chunks):
            produced += len(piece)
            yield piece
    except codec.errors() as error:
        if reopen is not None:
            yield from _salvage(codec, reopen(), produced)
        detail = str(error) or type(error).__name__
        raise CorruptStreamError(f"is corrupt ({detail})") from None


def _members(codec: Codec, chunks: Iterator[bytes]) -> Iterator[bytes]:
    decoder = codec.new_decoder()
    started = False  # whether this member has seen any input
    first = True
    for chunk in chunks:
        data = chunk
        while True:
            if not started and not first:
                data = data.lstrip(b"\0")  # padding between and after members
                if data and not _could_be(codec, data):
                    raise CorruptStreamError("is followed by bytes that do not belong to it")
            if not data and not started:
                break
            started = True
            piece = decoder.decompress(data, _OUTPUT_STEP)
            if piece:
                yield piece
            if decoder.eof:
                data = decoder.unused_data or b""
                decoder, started, first = codec.new_decoder(), False, False
            elif decoder.needs_input:
                break
            else:
                data = b""
    if started:
        raise CorruptStreamError("ends early")


def _could_be(codec: Codec, data: bytes) -> bool:
    """Whether `data` (perhaps shorter than a magic number) can begin another member of `codec`."""
    if detect(data) is codec:
        return True
    return any(of is codec and len(data) < len(magic) and magic.startswith(data) for magic, of in _MAGICS)


def _salvage(codec: Codec, chunks: Iterator[bytes], produced: int) -> Iterator[bytes]:
    """What lies between `produced` bytes of output and the damage: decode again, byte by byte at the end."""
    decoded = 0

    def near_the_damage() -> bool:
        return decoded + _SALVAGE_MARGIN >= produced

    try:
        for piece in _members(codec, _in_parts(chunks, near_the_damage)):
            fresh = piece[max(0, produced - decoded) :]
            decoded += len(piece)
            if fresh:
                yield fresh
    except codec.errors():
        return
    except CorruptStreamError:
        return


def _in_parts(chunks: Iterator[bytes], single_bytes: Callable[[], bool]) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), _SALVAGE_PART):
            part = chunk[start : start + _SALVAGE_PART]
            if single_bytes():
                yield from (part[i : i + 1] for i in range(len(part)))
            else:
                yield part
