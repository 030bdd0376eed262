"""`policy derive` over every capture in samples/: the policy, what is said, and the exit code.

`pytest tests/golden --update` renews what is expected; read the difference before you commit it.
"""

import contextlib
import io
import sys

import pytest

from nvgre_inspect import config
from nvgre_inspect.cli.main import main
from tests.golden.test_golden import CAPTURES, HERE, SAMPLES, check

EXPECTED = HERE / "expected_policies"


@pytest.fixture(autouse=True)
def _same_everywhere(monkeypatch, tmp_path):
    """File names without folders, and names for some of what is in the captures."""
    (tmp_path / "config.toml").write_text('[names.vsid]\n5001 = "blue"\n[names.pa]\n"192.168.50.1" = "host-a"\n')
    monkeypatch.setenv(config.ENVIRONMENT, str(tmp_path / "config.toml"))
    monkeypatch.chdir(SAMPLES)


def outcome(*words):
    """Exit code, standard output, standard error."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in words])
    out.seek(0)
    return code, out.read(), err.getvalue()


@pytest.mark.parametrize("capture", CAPTURES)
def test_derive(capture, request):
    code, out, err = outcome("policy", "derive", capture)
    said = "".join(f"! {line}\n" for line in err.splitlines())
    text = f"$ policy derive {capture}\n{out}{said}" + (f"exit code {code}\n" if code else "")
    check(EXPECTED / f"{capture}.txt", text, request.config.getoption("--update"))


@pytest.mark.parametrize("capture", CAPTURES)
def test_what_was_derived_passes_the_check(capture, tmp_path):
    path = tmp_path / "policy.toml"
    code, out, _ = outcome("policy", "derive", capture, "-q", "-o", path)
    assert (code in (0, 3), out) == (True, "")
    code, out, err = outcome("policy", "check", path)
    assert (code, err) == (0, "")
    assert out.startswith(f"{path}: ")


def test_nothing_is_expected_of_captures_that_are_gone():
    assert {path.name.removesuffix(".txt") for path in EXPECTED.iterdir()} == set(CAPTURES)


def test_check_says_everything_and_fails(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text('[encapsulation]\nttl = 0\n[[host]]\npa = "192.0.2.\\u001b1"\n')
    code, out, err = outcome("policy", "check", path)
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        f"nvgre-inspect: {path}: encapsulation.ttl: has to be a whole number from 1 to 255, not 0",
        f"nvgre-inspect: {path}: host[0].mac: is missing",
        f"nvgre-inspect: {path}: host[0].pa: has to be an IPv4 or IPv6 unicast address in quotation marks, not "
        "'192.0.2.\\x1b1'",
    ]
    assert outcome("policy", "check", tmp_path / "absent.toml")[0] == 1


def test_the_template_passes_the_check(monkeypatch):
    code, text, _ = outcome("policy", "template")
    assert code == 0
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert outcome("policy", "check", "-") == (0, "-: nvgre, 2 hosts, 1 subnet, 2 addresses\n", "")


def test_nothing_to_learn_and_existing_files(tmp_path):
    path = tmp_path / "policy.toml"
    code, out, err = outcome("policy", "derive", "tcp-lab.pcap", "--encap", "vxlan", "-o", path)
    assert (code, out, path.exists()) == (1, "", False)
    assert err == "nvgre-inspect: nothing to learn: no frame carries vxlan; there are nvgre (434 frames)\n"
    path.write_text("mine")
    assert outcome("policy", "derive", "tcp-lab.pcap", "-o", path)[0] == 1
    assert path.read_text() == "mine"
    assert outcome("policy", "derive", "tcp-lab.pcap", "-o", path, "--force", "-q") == (0, "", "")
    assert path.read_text().startswith("# Learnt by nvgre-inspect from 434 frames in tcp-lab.pcap.\n")


def test_actions_are_needed_and_their_options_known():
    assert outcome("policy")[2].startswith("nvgre-inspect policy: the following arguments are required: ACTION")
    code, _, err = outcome("policy", "derive", "tcp-lab.pcap", "--encapp", "vxlan")
    assert (code, "did you mean --encap?" in err) == (2, True)
