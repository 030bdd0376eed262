"""The command line over every capture in samples/: the columns that matter, and the exit code.

`pytest tests/golden --update` renews what is expected; read the difference before you commit it.
"""

import contextlib
import io
from pathlib import Path

import pytest

from nvgre_inspect import config
from nvgre_inspect.cli.main import main

HERE = Path(__file__).parent
SAMPLES = HERE.parents[1] / "samples"
CAPTURES = sorted(path.name for path in SAMPLES.iterdir() if path.suffix in (".pcap", ".pcapng"))

#: Command lines run over each capture. No times: they say nothing that the other columns would not.
VIEWS = (
    ("captures", "--fields", "interface,linktype,packets,bytes,unsupported"),
    ("tenants", "--fields", "encap,vsid,flows,endpoints,tunnels,packets,bytes,wire_bytes,retransmission_pct,anomalies"),
    ("tunnels", "--fields", "tunnel,encap,pa_src,pa_dst,vsids,flows,flow_ids,packets,fragments,icmp_errors,anomalies"),
    (
        "flows",
        "--fields",
        "flow,stack,vlan,protocol,src_ip,src_port,dst_ip,dst_port,state,packets,bytes,retransmissions,out_of_order,"
        "lost_segments,duplicates,zero_windows,resets,reverse_flow",
    ),
    ("findings", "--fields", "code,encap,vsid,tunnel,count,frames"),
    ("packets", "-c", "25", "--fields", "number,flow,vsid,flow_id,protocol,length,info"),
)


@pytest.fixture(autouse=True)
def _same_everywhere(monkeypatch, tmp_path):
    """File names without folders, and nobody's configuration file."""
    (tmp_path / "config.toml").write_text("")
    monkeypatch.setenv(config.ENVIRONMENT, str(tmp_path / "config.toml"))
    monkeypatch.chdir(SAMPLES)


def transcript(capture, views):
    """Each command line, what it printed (words behind `!`), and its exit code if that is not 0."""
    parts = []
    for command, *options in views:
        words = [command, capture, *options] if command == "summary" else [command, capture, "--csv", *options]
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(words)
        out.seek(0)
        said = "".join(f"! {line}\n" for line in err.getvalue().splitlines())
        parts.append(f"$ {' '.join(words)}\n{out.read()}{said}{f'exit code {code}' + chr(10) if code else ''}")
    return "\n".join(parts)


def check(path, text, update):
    if update:
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path.name} is missing: pytest tests/golden --update"
    assert text.splitlines() == path.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("capture", CAPTURES)
def test_tables(capture, request):
    text = transcript(capture, VIEWS)
    check(HERE / "expected" / f"{capture}.txt", text, request.config.getoption("--update"))


@pytest.mark.parametrize("capture", ["fabric.pcapng", "overlapping-tenants.pcap"])
def test_summary(capture, request):
    text = transcript(capture, [("summary",)])
    check(HERE / "expected" / f"{capture}.summary.txt", text, request.config.getoption("--update"))


def test_nothing_is_expected_of_captures_that_are_gone():
    names = {path.name.removesuffix(".txt").removesuffix(".summary") for path in (HERE / "expected").iterdir()}
    assert names == set(CAPTURES)
