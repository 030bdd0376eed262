"""Which capture format a file has, by its first bytes, and in which words it is said that it has none."""

from __future__ import annotations

from nvgre_inspect.capture import pcap, pcapng, pcapng_block
from nvgre_inspect.capture.limits import CaptureError
from nvgre_inspect.capture.walked import Format

#: Bytes that suffice.
HEAD = pcap.HEADER_LENGTH
_KNOWN_OTHERS = {
    b"snoop\0\0\0": "a Solaris snoop file",
    b"GMBU": "a Microsoft Network Monitor file",
    b"RTSS": "a Microsoft Network Monitor file",
    b"\x4d\x53\x4e\x54": "a Microsoft ETL trace",
    b"BZh": "compressed with bzip2",
    b"PK\x03\x04": "a zip archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x1f\x9d": "compressed with compress",
}


def recognise(head: bytes, file: str, name: str, inside: str = "") -> Format | None:
    """The format of a file that begins with `head`; None if it is a capture that ends within these bytes.

    `file` is what the captures table calls it, `name` what messages do, `inside` the compression that it came out of.
    Raises CaptureError for what is no capture.
    """
    if pcap.is_pcap(head):
        return pcap.PcapFormat(head[:HEAD], file) if len(head) >= HEAD else None
    if head[:4] == pcapng.MAGIC and (len(head) < 12 or pcapng_block.byte_order(head) is not None):
        return pcapng.PcapngFormat(file)
    raise CaptureError(f"{name} {_what_else(head, f' (inside {inside})' if inside else '')}")


def _what_else(head: bytes, inside: str) -> str:
    if not head:
        return f"is empty{inside}: not a capture"
    for magic, what in _KNOWN_OTHERS.items():
        if head.startswith(magic):
            return f"is {what}{inside}, which is not read here: convert it to pcap or pcapng first"
    return (
        f"is not a capture{inside}: pcap or pcapng is expected, plain or compressed with gzip, zstd, xz or lz4,"
        f" but it begins with the bytes {head[:4].hex(' ')}"
    )
