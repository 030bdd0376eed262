"""Finding the command, and mistakes: a sentence, the right exit code, never a traceback."""

import pytest

from nvgre_inspect.cli import tables
from nvgre_inspect.cli.parser import build, default_command_first


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (["x.pcap"], "view"),
        (["-"], "view"),
        (["flows", "x.pcap"], "flows"),
        (["--color", "never", "flows", "x.pcap"], "flows"),
        (["-q", "flows", "x.pcap"], "flows"),
        (["-R", "flows", "x.pcap"], "view"),
        (["--sort", "-bytes", "flows", "x.pcap"], "flows"),
        (["--", "flows"], "view"),
        (["-t", "e", "./flows"], "view"),
    ],
)
def test_the_command_is_found_wherever_it_stands(words, first):
    _, commands = build()
    assert default_command_first(words, commands)[0] == first


def test_a_value_of_sort_may_begin_with_a_dash():
    _, commands = build()
    assert default_command_first(["flows", "x", "--sort", "-bytes"], commands) == ["flows", "x", "--sort=-bytes"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["flows", "x", "--fild", "a"], "nvgre-inspect flows: unknown option --fild; did you mean --fields?"),
        (["flows"], "nvgre-inspect flows: the following arguments are required: FILE"),
        (["flows", "x", "--csv", "--json"], "not allowed with argument --csv"),
        (["flows", "x", "--field", "flow"], "unknown option --field; did you mean --fields?"),
        (["flows", "x", "-c", "0"], "argument -c: '0' is not a number of packets"),
        (["flows", "x", "-c", "many"], "argument -c: 'many' is not a number of packets"),
        (["flows", "x", "--idle-timeout", "-1"], "argument --idle-timeout: '-1' is not a number of seconds"),
        (["flows", "x", "--idle-timeout", "nan"], "'nan' is not a number of seconds"),
        (["flows", "x", "--fields", "a,,b"], "'a,,b' is not a list of columns as a,b,c"),
        (["flows", "x", "-t", "z"], "argument -t: invalid choice: 'z'"),
        (["dissect", "x", "0"], "'0' is not a packet's number"),
        (["flows", "x", ""], "argument FILE: a name is needed, not an empty text"),
        (["flows", "x", "-o", ""], "argument -o: a name is needed, not an empty text"),
        (["flows", "x", "--interface", ""], "argument --interface: a name is needed, not an empty text"),
        (["flows", "x", "-o", "flows.XLSX"], "flows.XLSX: xlsx is not written; csv, json, jsonl, parquet are"),
        (["flows", "x", "-o", "flows.csv.gz"], "flows.csv.gz: gz is not written"),
        (["export", "x", "-o", "-"], "argument -o: several files are written"),
        (["dissect", "x", "1", "2"], "nvgre-inspect dissect: 2: one argument too many"),
        (["export", "x"], "the following arguments are required: -o"),
        (["completion", "fish"], "invalid choice: 'fish'"),
        (["-Y", "vsid == 1", "x"], "nvgre-inspect view: -Y FILTER selects rows of one table"),
        (["export", "x", "-o", "d", "-Y", "vsid == 1"], "-R FILTER counts only packets that match"),
        (["x", "--fields=a"], "nvgre-inspect view: --fields is an option of captures, tenants, "),
        (["flows", "x", "-json"], "unknown option -json; did you mean --json?"),
        (["flows", "x", "--bogus"], "unknown option --bogus (see"),
        (["flows", "x", "-Q"], "unknown option -Q (see"),
        (["packets", "-r", "x"], "unknown option -r; captures are named without an option (see"),
        (["flows", "x", "--path"], "nvgre-inspect flows: --path is an option of config"),
    ],
)
def test_usage_errors(run, words, message):
    result = run(*words)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "name", "message"),
    [
        ("--fields", "packets_fdw", "--fields: no column is called packets_fdw; did you mean packets_fwd?"),
        ("--sort", "-byte", "--sort: no column is called byte; did you mean bytes?"),
        ("--fields", "zzz", "--fields: no column is called zzz; there are flow, encap, vsid, stack, "),
    ],
)
def test_unknown_columns(run, overlapping, option, name, message):
    result = run("flows", overlapping, option, name)
    assert (result.code, result.out) == (2, "")
    assert message in result.err


def test_no_words_is_help(run):
    result = run()
    assert result.code == 0
    assert all(f"\n    {name} " in result.out for name in tables.COMMANDS)


@pytest.mark.parametrize("words", [["--help"], ["flows", "--help"], ["--version"]])
def test_help_and_version(run, words):
    result = run(*words)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(("usage: nvgre-inspect", "nvgre-inspect "))


def test_missing_file(run):
    result = run("flows", "nowhere.pcap")
    assert (result.code, result.out) == (1, "")
    assert result.err == "nvgre-inspect: nowhere.pcap: no such file\n"


def test_help_is_an_option(run):
    assert run("help").err == "nvgre-inspect: help: no such file; did you mean --help?\n"


def test_no_command_is_suggested_where_one_was_given(run):
    assert run("flows", "findingz").err == "nvgre-inspect: findingz: no such file\n"


@pytest.mark.parametrize("words", [["-R", "vsid == 99"], ["--interface", "0", "-R", "vsid == 99"]])
@pytest.mark.parametrize("command", [[], ["flows"]])
def test_what_left_nothing_is_named(run, overlapping, command, words):
    result = run(*command, overlapping, *words)
    named = " and ".join(word for word in ("-R", "--interface") if word in words)
    assert result.code == 0
    assert f"packets matches {named}\n" in result.out + result.err


def test_a_misspelt_command_is_a_missing_file(run):
    result = run("flwos", "x.pcap")
    assert (result.code, result.err) == (
        1,
        "nvgre-inspect: flwos: no such file; did you mean the command flows?\n",
    )


def test_not_a_capture(run, tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text("Dear Sir or Madam,\n" * 20)
    result = run("flows", path)
    assert (result.code, result.out) == (1, "")
    assert str(path) in result.err
    assert result.err.count("\n") == 1


def test_a_folder_is_no_capture(run, tmp_path):
    result = run("flows", tmp_path)
    assert (result.code, result.out) == (1, "")
    assert str(tmp_path) in result.err


def test_filter_errors_have_a_caret(run, overlapping):
    result = run("flows", overlapping, "-Y", "vsid = = 5001")
    assert (result.code, result.out) == (2, "")
    assert "^" in result.err
    assert "vsid = = 5001" in result.err


def test_a_field_of_packets_is_for_read_filters(run, overlapping):
    result = run("tenants", overlapping, "-Y", "tcp.flags.syn == 1")
    assert (result.code, result.out) == (2, "")
    assert "-R" in result.err


def test_read_filter_errors(run, overlapping):
    result = run("tenants", overlapping, "-R", "nosuchfield == 1")
    assert (result.code, result.out) == (2, "")
    assert "nosuchfield" in result.err


def test_standard_input_only_once(run):
    result = run("flows", "-", "-")
    assert (result.code, result.err) == (2, "nvgre-inspect: standard input (-) can be read only once\n")


def test_configuration_errors(run, overlapping, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("[options]\ncolour = 'never'\n")
    result = run("flows", overlapping, "--config", path)
    assert (result.code, result.out) == (2, "")
    assert "options.colour: unknown key; did you mean options.color?" in result.err


@pytest.mark.parametrize("rule", ["udp.port==8473", "udp.port==x,vxlan", "udp.port==8473,vxlna", "nonsense"])
def test_decode_as_errors(run, overlapping, rule):
    result = run("flows", overlapping, "-d", rule)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("nvgre-inspect: ")


def test_unknown_interface(run, overlapping):
    result = run("flows", overlapping, "--interface", "nosuch0")
    assert result.code in (1, 2)
    assert "nosuch0" in result.err


@pytest.mark.parametrize("source", ["1/0", "x = (", "raise LookupError", "DISSECTORS = 5", ""])
def test_a_dissector_that_fails(run, overlapping, tmp_path, source):
    path = tmp_path / "mine.py"
    path.write_text(source)
    result = run("flows", overlapping, "--dissector", path)
    assert (result.code, result.out) == (2, "")
    assert str(path) in result.err
    assert result.err.count("\n") == 1


def test_a_dissector_that_is_not_there(run, overlapping):
    result = run("flows", overlapping, "--dissector", "nowhere.py")
    assert (result.code, result.out) == (2, "")
    assert "nowhere.py" in result.err
