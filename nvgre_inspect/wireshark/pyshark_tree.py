"""One packet of a file by pyshark, as nested lines. Imported by `deep_worker` alone, in whose process pyshark may live.

PDML, tshark's XML, has what Wireshark shows: a `proto` for each protocol, a `field` for each line, nested as there.

Limits: a packet with more than MAX_NODES lines is cut, with a line that says so.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from typing import Any

from lxml import etree
from pyshark import FileCapture
from pyshark.capture.capture import TSharkCrashException
from pyshark.tshark.output_parser.tshark_xml import DEL_BAD_XML_CHARS, TsharkXmlParser

from nvgre_inspect.wireshark.settings import refused

MAX_NODES = 200_000
#: Deeper ones are cut: nobody reads them, and recursion has an end.
MAX_DEPTH = 100
#: Lines of tshark's stderr that are kept.
_WORDS = 100
_MORE = "… there is more, which is not shown"

#: [label, name, value, items below it]
Item = list[Any]


class PysharkError(Exception):
    """No packet came; the text says why."""


def packet_items(path: str, frame: int, tshark: str, arguments: Sequence[str]) -> list[Item]:
    """The protocols of the packet in that place (from 1) of a file, with all that is below them.

    `arguments` are tshark's. Raises PysharkError.
    """
    packet = None
    capture = _Capture(path, tshark, ["-Y", f"frame.number == {frame}", *arguments])
    # What pyshark says of the exit status is not to be relied on: asyncio may have lost it, and then reports 255.
    with contextlib.suppress(TSharkCrashException), capture:
        packet = next(iter(capture), None)
    sentence = refused("\n".join(capture.words))
    if sentence:
        raise PysharkError(sentence)
    if packet is None:
        raise PysharkError(f"tshark gave no packet{f': {capture.words[-1]}' if capture.words else ''}")
    # `geninfo` is PDML's own, `frame` is about the file that was made for tshark.
    return [item for item in _Items().below(packet[0]) if item[1] not in ("geninfo", "frame")]


class _Parser(TsharkXmlParser):  # type: ignore[misc]  # pyshark carries no types
    """Keeps what pyshark's own parser drops: which field is below which."""

    def _parse_single_packet(self, packet: bytes) -> tuple[etree._Element]:
        """The packet's element; in a tuple, since pyshark asks a packet whether it is true."""
        text = packet.decode(errors="replace").translate(DEL_BAD_XML_CHARS)
        parser = etree.XMLParser(huge_tree=True, recover=True, resolve_entities=False, no_network=True)
        return (etree.fromstring(text.encode(), parser),)


class _Capture(FileCapture):  # type: ignore[misc]  # pyshark carries no types
    """One file, read by exactly this tshark.

    The event loop is given, for without one pyshark asks asyncio for what Python 3.14 removed.
    """

    def __init__(self, path: str, tshark: str, arguments: list[str]) -> None:
        self._exact_path = tshark
        #: The lines on tshark's stderr, the newest.
        self.words: deque[str] = deque(maxlen=_WORDS)
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        super().__init__(path, keep_packets=False, custom_parameters=arguments, eventloop=loop)

    async def _handle_process_stderr_forever(self, stderr: asyncio.StreamReader) -> None:
        """pyshark's own keeps the last line only; which option is unknown may stand in one before it."""
        while line := await stderr.readline():
            self.words.append(line.decode(errors="replace").strip())

    def _get_tshark_path(self) -> str:
        """pyshark's own looks into a config.ini, and for a program that is called tshark in the folder of this one."""
        return self._exact_path

    def _setup_tshark_output_parser(self) -> _Parser:
        return _Parser()


class _Items:
    """PDML to items."""

    def __init__(self) -> None:
        self._room = MAX_NODES

    def below(self, element: etree._Element, depth: int = 0) -> list[Item]:
        """The items below an element."""
        found: list[Item] = []
        for child in element:
            if child.get("hide") == "yes" or not isinstance(child.tag, str):
                continue
            if self._room <= 0 or depth >= MAX_DEPTH:
                found.append([_MORE, "", "", []])
                break
            name = child.get("name", "")
            if name == "fake-field-wrapper":
                found.extend(self.below(child, depth))
                continue
            self._room -= 1
            value = child.get("show", "")
            found.append([child.get("showname") or value or name, name, value, self.below(child, depth + 1)])
        return found
