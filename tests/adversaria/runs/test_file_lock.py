import errno
import fcntl
import os
import threading
import time

import pytest

from adversaria.runs.file_lock import file_lock


def test_a_lock_is_held_by_one_at_a_time_and_given_back(tmp_path):
    with file_lock(tmp_path / "a") as first, file_lock(tmp_path / "a") as second:
        assert (first, second) == ("held", "busy")
    with pytest.raises(RuntimeError), file_lock(tmp_path / "a"):
        raise RuntimeError
    with file_lock(tmp_path / "a") as state:
        assert state == "held"


def test_a_process_that_gives_signs_of_life_is_waited_for(tmp_path):
    held, release = threading.Event(), threading.Event()

    def hold():
        with file_lock(tmp_path / "a"):
            held.set()
            while not release.wait(0.05):
                os.utime(tmp_path / "a")

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    timer = threading.Timer(0.6, release.set)
    timer.start()
    start = time.monotonic()
    with file_lock(tmp_path / "a", patience=0.3) as state:
        assert state == "held"
        assert time.monotonic() - start > 0.4
    holder.join()


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch, code):
    def flock(*_):
        raise OSError(code, "flock")

    monkeypatch.setattr(fcntl, "flock", flock)
    with file_lock(tmp_path / "a", patience=60) as state:
        assert state == "unsupported"


def test_a_link_in_its_place_makes_no_file_elsewhere(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"), file_lock(tmp_path / "a"):
        pass
    assert not (tmp_path / "elsewhere").exists()
