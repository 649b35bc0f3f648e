"""How the benchmarks measure: commands by wall and processor time, contestants in alternating order, medians of ratios."""
import multiprocessing
import os
import pathlib
import stat
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass

import numpy

HERE = pathlib.Path(__file__).resolve().parent
BIN = pathlib.Path(os.environ.get("RECAST_BIN", HERE.parent / "build" / "bin"))
ENVIRONMENT = {**os.environ, "DS_ACCELERATOR": "cpu", "OMP_NUM_THREADS": "1"}
CORES = len(os.sched_getaffinity(0))


@dataclass
class Took:
    """One run of one command."""
    seconds: float
    user: float
    system: float
    peak: float  # MiB, of the largest process
    output: str

    def processor(self):
        return self.user + self.system

    def cores(self):
        return self.processor() / self.seconds


def standalone():
    """The folder of the same programs with MLIR and LLVM inside; none where they were not built."""
    folder = BIN.parent / "standalone"
    if not (folder / "recast").exists():
        return None
    if (folder / "recast").stat().st_mtime < (BIN / "recast").stat().st_mtime:
        sys.exit(f"{folder} is older than {BIN}: build it again with `tools/dev standalone`, or delete it")
    return folder


def run(command, **options):
    """Runs a command to its end; ends the benchmark with what it says if it fails."""
    os.sync()  # What earlier runs left dirty is not billed to this one.
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = time.perf_counter()
        process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=err, env=ENVIRONMENT, **options)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        if process.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))}\n{out.read()}\n{err.read()}")
        return Took(seconds, usage.ru_utime, usage.ru_stime, usage.ru_maxrss / 1024, out.read())


def alternate(rounds, contestants, first=0):
    """Runs each of {name: action} once a round, the order reversed each round, for who runs second finds warmer
    memory. `first` is the number of the first round: odd ones run in reverse. {name: [what the action returned]}."""
    results = {name: [] for name in contestants}
    for number in range(first, first + rounds):
        for name in list(contestants)[::-1 if number % 2 else 1]:
            results[name].append(contestants[name]())
    return results


def median(values):
    return statistics.median(values)


def ratio(of, to):
    """Median of the ratios of two lists of seconds, round by round."""
    return median([a / b for a, b in zip(of, to)])


def tree_size(folder):
    """Bytes of the files in a folder, hard links counted once."""
    files = {info.st_ino: info.st_size for f in pathlib.Path(folder).rglob("*") if stat.S_ISREG((info := f.stat()).st_mode)}
    return sum(files.values())


def remove(*folders):
    """Frees what folders hold; their files stay, empty, in a folder "removed" beside them, which whoever made the work folder deletes in the
    end. ext4 without a journal does not take the inodes of files that were deleted within the last minutes again, and looking for others is billed to whoever
    creates files next: a seventh of the processor time of a conversion, ten times that of small files."""
    for folder in map(pathlib.Path, folders):
        if folder.is_symlink():  # Whose files these are is not known.
            folder.unlink()
        if not folder.exists():
            continue
        names = {}  # Of each inode: a file that has names outside is somebody else's.
        for path in folder.rglob("*"):
            if stat.S_ISREG((info := path.lstat()).st_mode):
                names.setdefault((info.st_dev, info.st_ino, info.st_nlink), []).append(path)
        for (_, _, links), paths in names.items():
            if len(paths) == links:
                os.truncate(paths[0], 0)
        aside = folder.parent / "removed"
        aside.mkdir(exist_ok=True)
        folder.rename(tempfile.mkdtemp(dir=aside) + "/" + folder.name)


def settle():
    """Waits until ext4 without a journal takes the inodes of deleted files again (see `remove`): after a command that deletes its temporary files."""
    os.sync()
    time.sleep(62)


def read_once(folder):
    """Has the page cache hold the files of a folder as readers leave them there: in large folios. Who wrote them in small steps left pages of
    4 KiB, which cost whoever reads them next a sixth of a conversion."""
    for path in filter(pathlib.Path.is_file, pathlib.Path(folder).rglob("*")):
        with open(path, "rb", buffering=0) as file:
            os.fsync(file.fileno())  # Dirty pages would stay.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            while file.read(1 << 20):
                pass


def memcpy_rate(threads):
    """GB/s read and written by that many threads that copy memory, the best of five. Measured in a process of its own:
    the peak of this one would be counted as that of every command that it starts."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_memcpy_rate, (threads,))


def _memcpy_rate(threads, mebibytes=256):
    blocks = [(numpy.ones(mebibytes << 20, numpy.uint8), numpy.zeros(mebibytes << 20, numpy.uint8)) for _ in range(threads)]
    best = 0.0
    for _ in range(5):
        workers = [threading.Thread(target=numpy.copyto, args=(to, source)) for source, to in blocks]
        start = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        best = max(best, threads * 2 * (mebibytes << 20) / (time.perf_counter() - start) / 1e9)
    return best


class Watch:
    """Looks at a folder every few milliseconds: which names appear in it and how many bytes lie below them at most."""

    def __init__(self, folder):
        self.folder, self.before = pathlib.Path(folder), set(os.listdir(folder))
        self.names, self.most = set(), 0
        self._stop = threading.Event()

    def __enter__(self):
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _look(self):
        while not self._stop.wait(0.003):
            new = set(os.listdir(self.folder)) - self.before
            self.names |= new
            sizes = {}  # By inode: files that are linked or renamed meanwhile count once.
            for name in new:
                for at, _, files in os.walk(self.folder / name):
                    for file in files:
                        try:
                            info = os.stat(os.path.join(at, file))
                            sizes[info.st_ino] = info.st_size
                        except FileNotFoundError:
                            pass
            self.most = max(self.most, sum(sizes.values()))
