from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from heaven_testing.servers import family
from heaven_testing.servers.folder import data_folder
from heaven_testing.servers.guardian import Guardian, guard

SLEEP = ["sleep", "600"]

# A test run that starts a process with a child, makes a folder, and then ends in the way that its argument says.
RUN = """
import os, signal, sys
from heaven_testing.servers import guardian
from heaven_testing.servers.folder import data_folder
from heaven_testing.servers.owned import OwnedProcess
{before}
owned = OwnedProcess(["sh", "-c", "sleep 600 & echo $!; wait"])
folder = data_folder()
path = folder.__enter__()
while not owned.output.endswith("\\n"):
    pass
print(owned.process.pid, owned.output.strip(), path, flush=True)
{end}
"""


@contextmanager
def sleeper() -> Iterator[psutil.Popen]:
    """A process that leads a session, as servers do, ended at the end."""
    process = psutil.Popen(SLEEP, start_new_session=True)
    try:
        yield process
    finally:
        with suppress(psutil.NoSuchProcess):
            process.kill()
        process.wait()
        process.poll()  # the guardian in this process may have waited for it


def lives(number: int) -> bool:
    return psutil.pid_exists(number) and psutil.Process(number).status() != psutil.STATUS_ZOMBIE


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def run(end: str, before: str = "") -> tuple[int, int, Path, subprocess.CompletedProcess[str]]:
    """Run it to its end; what it started and made."""
    done = subprocess.run([sys.executable, "-c", RUN.format(end=end, before=before)], capture_output=True, text=True)
    parent, child, path = done.stdout.split()
    return int(parent), int(child), Path(path), done


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("", 0),
        ("1 / 0", 1),
        ("os._exit(4)", 4),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    ],
    ids=["end", "error", "exit", "terminated", "killed"],
)
def test_nothing_outlives_the_tests(end, code):
    """However the tests end, processes that they have started end with their children, and folders are removed."""
    parent, child, path, done = run(end)
    assert code == done.returncode
    wait_for(lambda: not (lives(parent) or lives(child) or path.exists()))


def test_an_orderly_end_waits_for_it():
    """Where the interpreter can, it ends after what it has started; nothing is printed."""
    parent, child, path, done = run("")
    assert (False, False, False, "") == (lives(parent), lives(child), path.exists(), done.stderr)


FORKED = """
if (forked := os.fork()) == 0:
    os.closerange(1, 3)
    signal.alarm(30)
    signal.pause()
with open({note!r}, "w") as file:
    file.write(str(forked))
"""


@pytest.mark.parametrize(("end", "code"), [("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL), ("", 0)])
def test_a_forked_child_does_not_keep_them_alive(tmp_path, end, code):
    """It has copies of all that was open, and may live on; what the tests started ends with the tests."""
    note = tmp_path / "forked"
    parent, child, path, done = run(FORKED.format(note=str(note)) + end)
    forked = int(note.read_text())
    try:
        wait_for(lambda: not (lives(parent) or lives(child) or path.exists()))
        assert lives(forked)
        assert (code, "") == (done.returncode, done.stderr)
    finally:
        os.kill(forked, signal.SIGKILL)


def test_a_forked_child_has_a_guardian_of_its_own():
    """What its parent guards is not its own to end, or to wait for."""
    with sleeper() as first, sleeper() as second:
        guardian = Guardian()
        guardian.forget()
        guardian.process(first.pid)
        parents = guardian._process
        guardian.forget()
        guardian.process(second.pid)
        assert parents.pid != guardian._process.pid
        guardian.close()
        assert not lives(second.pid)


def test_without_a_guardian_they_would_outlive_them():
    """The control: it is the guardian that ends them."""
    parent, child, path, _ = run("os._exit(4)", "guardian.GUARDIAN._add = lambda line: None")
    try:
        assert (True, True, True) == (lives(parent), lives(child), path.exists())
    finally:
        family.kill(psutil.Process(parent))
        path.rmdir()
    assert (False, False) == (lives(parent), lives(child))


def test_it_ends_what_it_still_guards(tmp_path):
    """What was released is left alone, and what has ended already is none of its business."""
    kept, removed, gone = (tmp_path / name for name in ("kept", "removed", "gone"))
    kept.mkdir()
    removed.mkdir()
    with sleeper() as released, sleeper() as guarded, sleeper() as ended:
        ended.kill()
        ended.wait()
        lines = [f"+process {each.pid}\n" for each in (released, guarded, ended)]
        lines += [f"+folder {each}\n" for each in (kept, removed, gone)]
        guard([*lines, f"-process {released.pid}\n", f"-folder {kept}\n", "-process 1\n", f"-process {ended.pid}\n"])
        assert (True, False) == (lives(released.pid), lives(guarded.pid))
    assert (True, False) == (kept.exists(), removed.exists())


def test_it_is_started_again_if_somebody_ends_it(tmp_path):
    """With the next thing to guard there is another one, and it knows what the first one knew."""
    guardian = Guardian()
    with sleeper() as one, sleeper() as two, sleeper() as released:
        guardian.process(one.pid)
        guardian.process(released.pid)
        first = guardian._process
        first.kill()
        first.wait()
        guardian.release(released.pid)
        guardian.process(two.pid)
        assert first is not guardian._process
        guardian.close()
        assert (False, False, True) == (lives(one.pid), lives(two.pid), lives(released.pid))


def test_one_that_has_nothing_to_guard_is_not_started():
    """Neither releasing nor closing starts one."""
    guardian = Guardian()
    guardian.release(1)
    guardian.close()
    assert guardian._process is None


def test_a_folder_is_there_for_its_block(monkeypatch):
    """It is empty, nobody else may read it, and it is gone afterwards with what was put into it."""
    short = Path(tempfile.mkdtemp(dir="/tmp"))  # pytest's own may be too long for a socket in it
    monkeypatch.setattr("tempfile.tempdir", str(short))
    with data_folder() as folder:
        assert ([], 0o700, short) == (list(folder.iterdir()), folder.stat().st_mode & 0o777, folder.parent)
        (folder / "file").touch()
    assert not folder.exists()
    short.rmdir()


def test_a_socket_fits_into_every_folder(tmp_path, monkeypatch):
    """Where temporary files have a long way to go, its folder is elsewhere: a socket's path may have 103 bytes."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("long" * 30)))
    with data_folder() as folder:
        assert len(os.fsencode(folder / "mysql.sock")) <= 103


def test_a_process_that_ends_while_it_is_looked_at_is_not_found(monkeypatch):
    """A process may end at any moment: that is no error."""
    with sleeper() as process:
        assert [process.pid] == [each.pid for each in family.family(process)]
        monkeypatch.setattr(psutil.Process, "status", ends)
        assert [] == family.family(process)


@pytest.mark.parametrize("reaped", [False, True])
def test_a_session_is_known_by_its_leader(reaped):
    """Those that are left in it are found after their leader is gone, and not those of one that has its id now."""
    with psutil.Popen(["sh", "-c", "sleep 600 & echo $!; wait"], start_new_session=True, stdout=-1) as process:
        leader, child = psutil.Process(process.pid), int(process.stdout.readline())
        later = psutil.Process(process.pid)
        later._ident = (process.pid, 0.0)  # what psutil knows a process by: its id, and when it was started
        try:
            assert ([process.pid, child], []) == (numbers(leader), numbers(later))
            if reaped:
                process.kill()
                process.wait()
                assert [child] == numbers(leader)
        finally:
            family.kill(leader)
        assert not lives(child)


def numbers(leader: psutil.Process) -> list[int]:
    return [each.pid for each in family.family(leader)]


def test_members_that_can_not_be_killed_do_not_hang_it(monkeypatch):
    """After a while it gives up."""
    monkeypatch.setattr(family, "KILLED", 0.1)
    with sleeper() as process, monkeypatch.context() as patched:
        patched.setattr(psutil.Process, "kill", ends)
        family.kill(process)
        assert lives(process.pid)


def ends(process: psutil.Process) -> None:
    raise psutil.NoSuchProcess(process.pid)
