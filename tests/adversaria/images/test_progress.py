"""A bar for those who see it, and not a byte for a file or a pipe."""

import pytest
import rich
from rich.console import Console

from adversaria.images.progress import progress


@pytest.mark.parametrize(("seen", "quiet", "drawn"), [(True, False, True), (True, True, False), (False, False, False)])
def test_a_bar_is_drawn_where_it_is_seen(
    seen: bool, quiet: bool, drawn: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rich, "get_console", lambda: Console(force_terminal=seen))
    monkeypatch.setattr("rich.progress.get_console", rich.get_console)
    assert list(progress(iter("abc"), "spelling", 3, quiet)) == ["a", "b", "c"]
    written = capsys.readouterr().out
    assert ("spelling" in written) is drawn
    assert bool(written) is drawn
