"""`gateway`: what can be said before anything is opened."""

from __future__ import annotations

import pytest

from nvgre_inspect.cli.main import main

POLICY = """
[encapsulation]
kind = "{kind}"
[[host]]
pa = "192.0.2.77"
mac = "02:00:00:00:00:01"
[[subnet]]
vsid = 5001
[[subnet]]
vsid = 5002
"""


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(POLICY.format(kind="nvgre"))
    return str(path)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "--policy POLICY is needed"),
        (["--policy", "P"], "-i INTERFACE is needed"),
        (["--policy", "P", "-i", "eth0"], "--tap NAME is needed"),
        (["--policy", "P", "-i", "eth0", "--tap", "5001=a", "--vsid", "5002"], "--vsid is for one --tap without"),
        (["--policy", "P", "-i", "eth0", "--tap", "a", "--tap", "b", "--vsid", "5002"], "--vsid is for one --tap"),
        (["--tap", "x=a"], "'x' is not a VSID"),
        (["--tap", "5001="], "a name is needed"),
        (["--tap", "a", "--tap-mtu", "40"], "'40' is not an MTU from 68"),
        (["--tap", "a", "--interval", "-1"], "not a number of seconds"),
        (["--pa", "host"], "'host' is not an IP address"),
    ],
)
def test_usage(words, sentence, capsys):
    assert main(["gateway", *words]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("taps", "kind", "sentence"),
    [
        (["--tap", "blue0"], "nvgre", "for which subnet? --tap VSID=blue0; the policy has 5001, 5002"),
        (["--tap", "6000=blue0"], "nvgre", "the policy has no subnet 6000; it has 5001, 5002"),
        (["--tap", "5001=blue0"], "vxlan", 'a gateway speaks nvgre only, and the policy says "vxlan"'),
    ],
)
def test_policies_that_do_not_fit(taps, kind, sentence, tmp_path, capsys):
    path = tmp_path / "policy.toml"
    path.write_text(POLICY.format(kind=kind))
    assert main(["gateway", "--policy", str(path), "-i", "lo", *taps]) == 1
    assert sentence in capsys.readouterr().err


def test_a_policy_that_is_not_there(capsys, tmp_path):
    words = ["--policy", str(tmp_path / "no.toml"), "-i", "lo", "--tap", "blue0"]
    assert main(["gateway", *words]) == 1
    assert "no.toml" in capsys.readouterr().err


def test_this_machine_is_none_of_its_hosts(policy, capsys):
    assert main(["gateway", "--policy", policy, "-i", "lo", "--tap", "5001=blue0"]) == 1
    assert "no host of the policy is this machine (192.0.2.77)" in capsys.readouterr().err
