"""What was found to be compiled is not looked for again."""

from nvgre_inspect.kernels import compiled


def test_it_is_looked_for_until_it_is_found_and_then_no_more(tmp_path, monkeypatch):
    monkeypatch.delenv("NVGRE_INSPECT_NO_JIT", raising=False)
    monkeypatch.setattr(compiled, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(compiled, "_warm", set())
    assert not compiled.is_warm("walk")
    (tmp_path / "walk.walk_pcap-1.py311.nbi").touch()
    assert compiled.is_warm("walk")
    assert not compiled.is_warm("walk", "decode")
    monkeypatch.setattr(compiled, "cache_dir", lambda: tmp_path / "absent")
    assert compiled.is_warm("walk")
    assert not compiled.is_warm("decode")
    assert not compiled.is_warm()
