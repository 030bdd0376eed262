"""The facade: what is read when, and what a user who is mistaken is told."""

from pathlib import Path

import pytest

import nvgre_inspect
from nvgre_inspect.session import SessionOptions, UsageError, open_session
from tests.unit.capture.capture_builders import pcap
from tests.unit.reference.frames import eth, ip4

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
FABRIC = SAMPLES / "fabric.pcapng"


def test_a_frame_before_anything_was_counted_takes_nothing_from_the_tables():
    with nvgre_inspect.open(FABRIC) as whole, nvgre_inspect.open(FABRIC) as looked_at:
        late, early = looked_at.frame(2000), looked_at.frame(7)
        assert looked_at.flows.equals(whole.flows)
        assert (late, early) == (looked_at.frame(2000), looked_at.frame(7))
        assert early.ts_ns < late.ts_ns


@pytest.mark.parametrize("number", [-1, 0, 2300])
@pytest.mark.parametrize("read", [False, True])
def test_a_frame_that_is_not_there(number, read):
    with nvgre_inspect.open(FABRIC) as session:
        if read:
            session.read()
        with pytest.raises(UsageError, match=f"no packet {number}: the last one is 2299"):
            session.frame(number)


def test_a_limit_holds_for_every_table():
    with nvgre_inspect.open(FABRIC, count=100) as session:
        assert session.captures["packets"].tolist() == [100]
        assert session.tenants["packets"].sum() == 100
        assert sum(map(len, session.packets())) == 100
        assert session.captures["last_seen"][0] == session.flows["last_seen"].max()


def test_an_interface_that_is_not_there_is_said_before_reading():
    with pytest.raises(UsageError, match=r"no interface 'eth9'.*: 0 \(no name\), 1 \(no name\)"):
        open_session([SAMPLES / "vlan.pcap", SAMPLES / "fragments.pcap"], options=SessionOptions(interface="eth9"))


def test_an_interface_that_may_still_come_is_said_after_reading():
    with nvgre_inspect.open(FABRIC, interface="eth9") as session, pytest.raises(UsageError, match="tor1-mirror"):
        session.read()


@pytest.mark.parametrize("name", ["tor1-mirror", "0"])
def test_an_interface_by_name_or_number(name):
    with nvgre_inspect.open(FABRIC, interface=name) as session:
        assert session.tenants["packets"].sum() == 2299


DISSECTOR = '''
"""IP protocol 253 (RFC 3692: for experiments), which greets."""

from dissectors.base import FieldSpec, Header
from dissectors.registry import Dissector


class Greeting(Header):
    """Four bytes."""

    TITLE = "Greeting"
    PROTOCOL = "greeting"
    FIELDS = (FieldSpec("word", "greeting.word", "Word", 0, 4),)
    __hdr__ = (("word", "I", 1),)

    def info(self):
        """A word."""
        return f"good day {self.word}"


DISSECTORS = [Dissector(Greeting, ip_protocols=[253])]
'''


def test_users_dissectors_speak_in_filters(tmp_path):
    (tmp_path / "greeting.py").write_text(DISSECTOR)
    frames = [eth(ip4((number).to_bytes(4, "big"), 253)) for number in (7, 8)]
    (tmp_path / "greetings.pcap").write_bytes(pcap(frames))
    options = {"dissectors": [tmp_path / "greeting.py"]}
    with nvgre_inspect.open(tmp_path / "greetings.pcap", **options) as session:
        assert [info for rows in session.packets('info contains "day 8"') for info in rows["info"]] == ["good day 8"]
    with nvgre_inspect.open(tmp_path / "greetings.pcap", read_filter='info contains "day 8"', **options) as session:
        assert session.flows["packets_fwd"].sum() == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"gre_key": "key64"}, "key64"),
        ({"engine": "steam"}, "steam"),
        ({"idle_timeout": -1.0}, "negative"),
        ({"idle_timeout": float("nan")}, "nan"),
        ({"decode_as": ["udp.port==x,vxlan"]}, "udp.port"),
        ({"dissectors": ["no-such-file.py"]}, "no-such-file.py"),
    ],
)
def test_options_that_make_no_sense(options, words):
    with pytest.raises(UsageError, match=words):
        nvgre_inspect.open(FABRIC, **options)


def test_no_captures():
    with pytest.raises(UsageError, match="no capture"):
        nvgre_inspect.open([])
