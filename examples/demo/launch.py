"""Ranks of a run on CPU, one process each: started, joined into a group of gloo, and ended."""
import os
import pathlib
import socket
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def python_path():
    """PYTHONPATH of a process that can import this file."""
    return os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))


def start(count, script, *arguments, timeout=600):
    """Runs `script` on `count` ranks; it can import this file. Raises what they printed if one of them fails, or all take too long."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", count, "--master-port", free_port(), script, *arguments]
    launcher = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env={**os.environ, "DS_ACCELERATOR": "cpu", "OMP_NUM_THREADS": "1", "PYTHONPATH": python_path()})
    try:
        out, err = launcher.communicate(timeout=timeout)
        how = f"ended with {launcher.returncode}"
    except subprocess.TimeoutExpired:
        launcher.terminate()  # It ends the ranks, too.
        out, err = launcher.communicate()
        how = f"took more than {timeout} s"
    if launcher.returncode != 0:
        # What went wrong stands before the launcher's own summary of who ended how.
        raise RuntimeError(f"{script} {how}:\n{out[-3000:]}\n{err[:6000]}\n...\n{err[-2000:]}")


def join(seed=7):
    """Makes this process one of the ranks, with DeepSpeed; what it draws at random follows `seed`."""
    import deepspeed
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    # Without this DeepSpeed compiles a shared-memory collective first: a minute, and a C++ compiler.
    deepspeed.ops.__compatible_ops__.update(dict.fromkeys(deepspeed.ops.__compatible_ops__, False))
    deepspeed.init_distributed(dist_backend="gloo", verbose=False)


def leave():
    """Ends this process as soon as all ranks have come here: threads of gloo sometimes abort one that ends in order."""
    import torch.distributed as dist

    dist.barrier()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
