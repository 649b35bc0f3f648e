"""Runs that are stopped, or meet each other: all of an output or nothing."""
import shutil
import signal
import subprocess
import time

from conftest import BIN, recast
from refusals import assert_nothing_visible, run  # noqa: F401


def test_killed_at_any_moment_leaves_all_or_nothing(run, workdir):
    job = workdir / "job.ucl"
    recast("init", run, "--to", "deepspeed-universal", "--out-dir", workdir / "out", "-o", job)
    recast("plan", job, "-o", workdir / "job.rplan")
    for delay_ms in range(0, 30, 2):
        process = subprocess.Popen([BIN / "recast-run", workdir / "job.rplan", "-q"], stderr=subprocess.DEVNULL)
        time.sleep(delay_ms / 1000)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (workdir / "out" / "latest_universal").exists():
            recast("verify", workdir / "out")
            shutil.rmtree(workdir / "out")
        # The next run finds the way free, whatever the last one left.
        recast("run", workdir / "job.rplan", "--overwrite")
        recast("verify", workdir / "out")
        assert not list((workdir / "out").glob(".recast-tmp-*"))
        shutil.rmtree(workdir / "out")


def test_ctrl_c_leaves_nothing_and_says_130(run, workdir):
    job = workdir / "job.ucl"
    recast("init", run, "--to", "deepspeed-universal", "--out-dir", workdir / "out", "-o", job)
    recast("plan", job, "-o", workdir / "job.rplan")
    interrupted = 0
    for attempt in range(80):
        if interrupted >= 2:
            break
        process = subprocess.Popen([BIN / "recast-run", workdir / "job.rplan", "-q"], stderr=subprocess.PIPE, text=True)
        time.sleep(attempt % 16 / 1000)
        process.send_signal(signal.SIGINT)
        _, message = process.communicate()
        if process.returncode == 0:  # The commit had begun: it is carried to its end.
            recast("verify", workdir / "out")
        elif process.returncode == 130:
            assert "interrupted" in message
            assert_nothing_visible(workdir / "out")
            interrupted += 1
        else:
            assert process.returncode == -signal.SIGINT  # Before the handler stood.
        shutil.rmtree(workdir / "out", ignore_errors=True)
    assert interrupted > 0


def test_two_runs_into_one_output(run, workdir):
    """Whatever the timing, one of them writes and the other is refused or finds the output there."""
    for _ in range(5):
        processes = [subprocess.Popen([BIN / "recast", "convert", run, "-o", workdir / "out", "--to", "deepspeed-universal", "-q"],
                                      stderr=subprocess.PIPE, text=True) for _ in range(2)]
        codes = sorted(p.wait() for p in processes)
        assert codes == [0, 2], [p.stderr.read() for p in processes]
        recast("verify", workdir / "out")
        shutil.rmtree(workdir / "out")
