"""Filters of libpcap (pcap-filter(7)), compiled to instructions of the classic BPF machine.

`compile_filter` needs neither rights nor an interface. What is attached to a socket of Linux is compiled once more for
that very interface (`compile_for_interface`): the kernel takes VLAN tags out of frames before filters see them, and
libpcap then asks the kernel about tags instead of looking at the bytes, which it does for live handles only. So a
filter here selects what tcpdump and dumpcap select with it.

Limits: for cooked sockets only what the kernel knows of a link-layer header can be asked (`for_cooked_socket`).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from dissectors import offsets
from nvgre_inspect.capture.limits import CaptureError

if TYPE_CHECKING:
    from types import ModuleType

#: code, jump if true, jump if false, constant.
Instruction = tuple[int, int, int, int]
#: More instructions the kernel does not take (BPF_MAXINSNS).
MOST_INSTRUCTIONS: Final = 4096
_RETURN: Final = 0x06
_CLASS, _MODE = 0x07, 0xE0
_LOADS: Final = (0x00, 0x01)
_ABSOLUTE, _INDIRECT, _HEADER_LENGTH = 0x20, 0x40, 0xA0
_SIZE: Final = 0x18
#: Where the kernel shows what is not in a packet's bytes (SKF_AD_OFF and its offsets, linux/filter.h).
_EXTENSIONS: Final = 0xFFFFF000
_PROTOCOL, _PACKET_TYPE, _DEVICE_TYPE = (_EXTENSIONS + at for at in (0, 4, 28))
#: A number that libpcap's scanner refuses as soon as it comes to it: no filter can go on with it unnoticed.
_UNREADABLE: Final = "0xfffffffff"
_UNREADABLE_ERROR: Final = "overflows"


class BpfError(CaptureError):
    """libpcap does not take a filter. The message is its own, with the filter and a caret where that is known."""


@dataclass(frozen=True, slots=True)
class BpfProgram:
    """What the kernel, or libpcap, runs on each frame: returns how many bytes of it are taken, 0 for none."""

    instructions: tuple[Instruction, ...]

    def packed(self) -> bytes:
        """As an array of struct sock_filter."""
        return b"".join(struct.pack("=HBBI", *instruction) for instruction in self.instructions)


def everything(snaplen: int) -> BpfProgram:
    """Takes every frame."""
    return BpfProgram(((_RETURN, 0, 0, snaplen),))


def nothing() -> BpfProgram:
    """Takes no frame."""
    return BpfProgram(((_RETURN, 0, 0, 0),))


def compile_filter(expression: str, linktype: int, snaplen: int) -> BpfProgram:
    """The program of an expression for frames of that link type (LINKTYPE_), which takes `snaplen` bytes of each.

    Raises BpfError if libpcap does not take it, CaptureError if there is no libpcap.
    """
    cypcap = library()
    try:
        compiled = cypcap.compile(_link_layer(linktype), snaplen, expression, True, cypcap.NETMASK_UNKNOWN)
    except cypcap.Error as error:
        raise BpfError(_explained(expression, linktype, str(error.msg))) from None
    return _taken(compiled, snaplen)


def compile_for_interface(expression: str, interface: str, snaplen: int) -> BpfProgram:
    """As `compile_filter`, as tcpdump would have it on that Ethernet interface. Needs the rights to capture from it."""
    cypcap = library()
    with cypcap.create(interface) as handle:
        try:
            handle.set_snaplen(snaplen)
            handle.set_buffer_size(1 << 16)
            handle.activate()
        except cypcap.Error as error:
            raise CaptureError(f"{interface}: libpcap cannot open it, for the filter: {error.msg}") from None
        return compile_for_handle(expression, handle, snaplen)


def compile_for_handle(expression: str, handle: Any, snaplen: int) -> BpfProgram:
    """As `compile_filter`, for an open handle of cypcap."""
    cypcap = library()
    try:
        # A netmask would be looked up otherwise, which fails where there is no IPv4 address.
        return _taken(handle.compile(expression, True, cypcap.NETMASK_UNKNOWN), snaplen)
    except cypcap.Error as error:
        raise BpfError(_explained(expression, int(handle.datalink()), str(error.msg))) from None


def for_cooked_socket(program: BpfProgram, expression: str) -> BpfProgram:
    """A program for LINUX_SLL frames as one for a socket that gives packets without that header.

    Raises BpfError if it looks at what the kernel has no words for, such as an address of the link layer.
    """
    return BpfProgram(tuple(_without_header(instruction, expression) for instruction in program.instructions))


def _without_header(instruction: Instruction, expression: str) -> Instruction:
    code, true, false, at = instruction
    mode = code & _MODE
    if code & _CLASS not in _LOADS or mode not in (_ABSOLUTE, _INDIRECT, _HEADER_LENGTH) or at >= _EXTENSIONS:
        return instruction
    if at >= offsets.SLL_LEN:
        return code, true, false, at - offsets.SLL_LEN
    known = {0: _PACKET_TYPE, 2: _DEVICE_TYPE, offsets.SLL_PROTOCOL: _PROTOCOL}
    if mode != _ABSOLUTE or at not in known:
        raise BpfError(
            f"the filter {expression!r} looks at link-layer addresses, which are not there on this interface"
        )
    # The kernel's words are whole numbers, whatever their size in the header.
    return code & ~_SIZE, true, false, known[at]


def _taken(compiled: Any, snaplen: int) -> BpfProgram:
    instructions = [tuple(instruction) for instruction in compiled]
    if len(instructions) > MOST_INSTRUCTIONS:
        count = f"{len(instructions):,} instructions, where {MOST_INSTRUCTIONS:,} are the most"
        raise BpfError(f"the filter is too long for the kernel: {count}")
    # A frame that is taken is taken up to the snapshot length, which libpcap may have made larger.
    return BpfProgram(
        tuple((code, true, false, snaplen if code == _RETURN and k else k) for code, true, false, k in instructions)
    )


def library() -> ModuleType:
    """cypcap. CaptureError if it is not installed."""
    try:
        return import_module("cypcap")  # carries libpcap; few runs need it
    except ImportError:
        raise CaptureError("libpcap is needed here: pip install cypcap") from None


def _link_layer(linktype: int) -> int:
    """LINKTYPE_ numbers of files and DLT_ numbers of libpcap are the same but for a few."""
    return offsets.DLT_RAW_BSD if linktype == offsets.DLT_RAW else linktype


def file_linktype(datalink: int) -> int:
    """The LINKTYPE_ number of files for a DLT_ number of libpcap."""
    return offsets.DLT_RAW if datalink in (offsets.DLT_RAW_BSD, offsets.DLT_RAW_OPENBSD) else datalink


# --- where an expression is wrong ------------------------------------------------------------------------------------


def _explained(expression: str, linktype: int, message: str) -> str:
    """libpcap's message about an expression, with a caret where that is known."""
    at = _position(expression, linktype, message)
    message = message.removeprefix("can't parse filter expression: ")
    if at is None or "\n" in expression:
        return f"filter {expression!r}: {message}"
    return f"filter: {message}\n  {expression}\n  {' ' * at}^"


def _position(expression: str, linktype: int, message: str) -> int | None:
    if "syntax error" in message:
        return _syntax_error_at(expression, linktype)
    for word in re.findall(r"'([^']+)'|\b([0-9]+)\b", message):
        found = re.search(rf"(?<!\w){re.escape(word[0] or word[1])}(?!\w)", expression)
        if found:
            return found.start()
    return None


def _syntax_error_at(expression: str, linktype: int) -> int:
    """Where the first word stands that cannot follow those before it; the end if words are missing there.

    libpcap does not tell. So a prefix is compiled with a word behind it that its scanner refuses: if it comes that far,
    the prefix is the beginning of some filter.
    """
    words = [(found.start(), found.end()) for found in re.finditer(r"[\w.:\-]+|[<>=!&|]+|\S", expression)]
    low, high = 0, len(words)
    while low < high:
        middle = (low + high) // 2
        if _may_begin(expression[: words[middle][1]], linktype):
            low = middle + 1
        else:
            high = middle
    return words[low][0] if low < len(words) else len(expression)


def _may_begin(prefix: str, linktype: int) -> bool:
    cypcap = library()
    try:
        cypcap.compile(_link_layer(linktype), 0xFFFF, f"{prefix} {_UNREADABLE}", True, cypcap.NETMASK_UNKNOWN)
    except cypcap.Error as error:
        return _UNREADABLE_ERROR in str(error.msg)
    return True
