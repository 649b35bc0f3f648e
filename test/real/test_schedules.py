"""Schedules that Recast writes, judged by those who run them: PyTorch's parser, checks, lowering and runtime, and
DeepSpeed's generators."""
import json
import os
import pathlib
import random
import re
import subprocess
import sys

import launch
import pytest
import torch
from torch.distributed.pipelining import schedules
from torch.distributed.pipelining.schedules import _Action

from conftest import ROOT, recast

HERE = pathlib.Path(__file__).resolve().parent
FILES = ROOT / "test" / "data" / "schedules"

# Kind, PyTorch's class, whether stages are placed in a V.
CLASSES = [
    ("gpipe", "ScheduleGPipe", False),
    ("1f1b", "Schedule1F1B", False),
    ("interleaved", "ScheduleInterleaved1F1B", False),
    ("looped-bfs", "ScheduleLoopedBFS", False),
    ("interleaved-zb", "ScheduleInterleavedZeroBubble", False),
    ("zb-v", "ScheduleZBVZeroBubble", True),
    ("dualpipe-v", "ScheduleDualPipeV", True),
]
KINDS = [(kind, chunks, microbatches) for kind, chunks, microbatches in [
    ("gpipe", 1, 4), ("1f1b", 1, 9), ("zb-h1", 1, 8), ("interleaved", 2, 8), ("interleaved", 3, 12),
    ("looped-bfs", 2, 5), ("interleaved-zb", 2, 8), ("zb-v", 2, 4), ("zb-v", 2, 9), ("dualpipe-v", 2, 8),
    ("dualpipe-v", 2, 11)]]


def run_ranks(script, *arguments):
    """A script of this folder that starts ranks of its own."""
    done = subprocess.run([sys.executable, HERE / script, *arguments], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": launch.python_path()})
    assert done.returncode == 0, done.stderr[-5000:]


def export(kind, ranks, chunks, microbatches, to, *options):
    """The text that `recast pipe export` writes."""
    return recast("pipe", "export", kind, "--ranks", ranks, "--chunks", chunks, "--microbatches", microbatches,
                  "--to", to, *options).out


def rows(text):
    return {rank: [_Action.from_str(cell) for cell in line.split(",")] for rank, line in enumerate(text.splitlines())}


def expanded(rows):
    """As _simulate_comms_compute takes them: without FSDP and reductions, pairs as two."""
    dropped = (schedules.UNSHARD, schedules.RESHARD, schedules.REDUCE_GRAD)
    return {rank: [sub for action in row for sub in (action.sub_actions or (action,))
                   if action.computation_type not in dropped] for rank, row in rows.items()}


def lowered_by_torch(rows, ranks, stages, microbatches, defer):
    """What PyTorch makes of compute-only rows, without a process group."""
    home = schedules._validate_schedule(rows, ranks, stages, microbatches)
    runtime = object.__new__(schedules._PipelineScheduleRuntime)
    runtime._stages, runtime._n_microbatches, runtime._num_stages = [], microbatches, stages
    runtime.pp_group_size, runtime._defer_pp_recv = ranks, defer
    runtime._prepare_schedule_with_comms(rows)
    assert runtime.stage_index_to_group_rank == home
    return runtime.pipeline_order_with_comms, home


def keeps_order(rows):
    """Whether every rank receives in the order in which others send, by which back ends match the two."""
    home = {a.stage_index: rank for rank, row in expanded(rows).items() for a in row}
    sent, received = {}, {}
    for rank, row in rows.items():
        for action in row:
            kind, stage = action.computation_type, action.stage_index
            if kind in (schedules.SEND_F, schedules.RECV_B):
                other = stage + 1
            elif kind in (schedules.SEND_B, schedules.RECV_F):
                other = stage - 1
            else:
                continue
            sends = kind in (schedules.SEND_F, schedules.SEND_B)
            ends = (rank, home[other]) if sends else (home[other], rank)
            forward = kind in (schedules.SEND_F, schedules.RECV_F)
            (sent if sends else received).setdefault(ends, []).append(
                (forward, other if sends else stage, action.microbatch_index))
    return sent == received


@pytest.mark.parametrize("kind,chunks,microbatches", KINDS)
def test_pytorch_takes_the_csv(kind, chunks, microbatches):
    ranks = 4
    stages = ranks * chunks
    text = export(kind, ranks, chunks, microbatches, "torch-csv")
    parsed = rows(text)
    # Nothing is dropped on the way: the parser's own text is the cell.
    assert [[str(action) for action in parsed[rank]] for rank in parsed] == [line.split(",") for line in text.splitlines()]
    for defer in (False, True):
        lowered, home = lowered_by_torch(rows(text), ranks, stages, microbatches, defer)
        if not keeps_order(lowered):
            assert defer and kind in ("zb-v", "dualpipe-v")
            continue  # Refused: see test_pytorch_runs_the_csv_bit_for_bit.
        ours = rows(export(kind, ranks, chunks, microbatches, "torch-csv", "--comms", *(["--defer"] if defer else [])))
        assert ours == lowered
        schedules._simulate_comms_compute(expanded(ours), lambda stage: home[stage], stages)


def shuffled(ranks, chunks, microbatches, seed):
    """A schedule that no generator makes: stages anywhere, passes in a random order that respects data; some
    backwards in two parts."""
    random.seed(seed)
    home = [stage % ranks for stage in range(ranks * chunks)]
    random.shuffle(home)
    stages, rows_ = len(home), [[] for _ in range(ranks)]
    ready, split = [("F", 0, b) for b in range(microbatches)], random.random() < 0.5
    while ready:
        kind, stage, b = ready.pop(random.randrange(len(ready)))
        rows_[home[stage]].append(f"{stage}{kind}{b}")
        if kind == "F":
            ready.append(("F", stage + 1, b) if stage + 1 < stages else ("I" if split else "B", stage, b))
        elif kind != "W":
            if stage > 0:
                ready.append((random.choice("IB") if split else "B", stage - 1, b))
            if kind == "I":
                ready.append(("W", stage, b))
    return "".join(",".join(row) + "\n" for row in rows_)


@pytest.mark.parametrize("ranks,chunks,microbatches", [(1, 5, 3), (2, 2, 4), (2, 6, 3), (3, 5, 4), (4, 3, 6), (2, 20, 2)])
def test_lowering_is_that_of_pytorch_for_any_order(workdir, ranks, chunks, microbatches):
    for seed in range(5):
        file = workdir / f"{seed}.csv"
        file.write_text(shuffled(ranks, chunks, microbatches, seed))
        for defer in (False, True):
            lowered, _ = lowered_by_torch(rows(file.read_text()), ranks, ranks * chunks, microbatches, defer)
            ours = recast("pipe", "export", file, "--to", "torch-csv", "--comms", *(["--defer"] if defer else []),
                          check=False)
            if keeps_order(lowered):
                assert rows(ours.out) == lowered, f"seed {seed}"
            else:
                assert defer and ours.code == 2 and "out of the order of sends" in ours.err, f"seed {seed}"


@pytest.mark.parametrize("ranks", [2, 4])
def test_pytorch_runs_the_csv_bit_for_bit(workdir, ranks):
    """Loss and gradients of every schedule class, and of _PipelineScheduleRuntime with our rows instead. Where
    receives put off are refused, PyTorch itself, putting them off, computes something else."""
    cases, refused = [], set()
    for kind, name, v_shaped in CLASSES:
        if ranks == 4 and kind not in ("interleaved", "zb-v", "dualpipe-v"):
            continue
        chunks = 1 if kind in ("gpipe", "1f1b") else 2
        microbatches = 2 * ranks + (0 if kind.startswith("interleaved") else 1)
        shape = ["--ranks", ranks, "--chunks", chunks, "--microbatches", microbatches, "--to", "torch-csv"]
        files = []
        for options, form in (([], "compute_only"), (["--comms"], "compute_comms"), (["--defer"], "compute_comms")):
            path = workdir / f"{kind}{''.join(options)}.csv"
            done = recast("pipe", "export", kind, *shape, *options, "-o", path, check=not options)
            if done.code == 0:
                files.append([str(path), form, False])
            else:
                assert options == ["--defer"] and done.code == 2 and "out of the order of sends" in done.err
                files.append([str(workdir / f"{kind}.csv"), "compute_only", True])
                refused.add(name)
        if ranks == 2 and not v_shaped:  # PipelineScheduleMulti has no stages that are neighbours on one rank.
            path = workdir / f"{kind}.aligned.csv"
            recast("pipe", "export", kind, *shape, "--align", "-o", path)
            files.append([str(path), "aligned", False])
        cases.append({"class": name, "chunks": chunks, "microbatches": microbatches, "v_shaped": v_shaped, "files": files})
    (workdir / "cases.json").write_text(json.dumps({"ranks": ranks, "cases": cases}))
    run_ranks("schedule_run.py", workdir / "cases.json", workdir / "result.json")
    for case, result in zip(cases, json.loads((workdir / "result.json").read_text()), strict=True):
        losses = 0
        for own, plain, comms, _, *aligned in result["ranks"]:
            assert plain == own and comms == own and all(run == own for run in aligned), case["class"]
            losses += own["count"]
            if own["count"]:
                assert own["mean"] == pytest.approx(result["plain"], rel=1e-5), case["class"]
        assert losses == case["microbatches"]
        deferred_agrees = all(deferred == own for own, _, _, deferred, *_ in result["ranks"])
        assert deferred_agrees == (case["class"] not in refused), case["class"]
    assert refused == ({"ScheduleInterleavedZeroBubble", "ScheduleZBVZeroBubble"} if ranks == 2 else
                       {"ScheduleZBVZeroBubble", "ScheduleDualPipeV"})


def instructions(schedule):
    """A schedule object of DeepSpeed as the JSON form has it."""
    return [[re.sub(r"\(\)$", "", repr(i)).replace(", ", ",") for i in step] for step in schedule]


@pytest.mark.parametrize("kind,name", [("1f1b", "TrainSchedule"), ("dualpipe-v", "DualPipeVSchedule")])
def test_deepspeed_generates_the_same_instructions(kind, name):
    generator = getattr(pytest.importorskip("deepspeed.runtime.pipe.schedule"), name)
    compared = 0
    for ranks in (1, 2, 3, 4, 7):
        for microbatches in (1, 2, 3, 8, 14, 17):
            if kind == "dualpipe-v" and microbatches < 2 * ranks:
                continue
            ours = json.loads(export(kind, ranks, 2 if kind == "dualpipe-v" else 1, microbatches, "deepspeed"))
            theirs = [generator(micro_batches=microbatches, stages=ranks, stage_id=r) for r in range(ranks)]
            assert ours["num_pipe_buffers"] == [t.num_pipe_buffers() for t in theirs]
            assert ours["steps"] == [instructions(t) for t in theirs], f"p={ranks} m={microbatches}"
            compared += 1
    assert compared >= 15


def test_deepspeed_trains_with_our_instructions(workdir):
    """The engine with TrainSchedule, with our 1F1B, with more warm-up, and with all forwards of rank 0 first (there
    rank 1 must still turn at once: the engine keeps one loss): the same parameters, bit for bit."""
    pytest.importorskip("deepspeed")
    orders = {"1f1b": "1f1b", "early": "interleaved",
              "late": "0F0,0F1,0F2,0F3,0B0,0B1,0B2,0B3\n1F0,1B0,1F1,1B1,1F2,1B2,1F3,1B3\n"}
    files = []
    for name, order in orders.items():
        files.append(workdir / f"{name}.json")
        if "," in order:
            (workdir / f"{name}.csv").write_text(order)
            recast("pipe", "export", workdir / f"{name}.csv", "--to", "deepspeed", "-o", files[-1])
        else:
            files[-1].write_text(export(order, 2, 1, 4, "deepspeed"))
    steps = [json.loads(file.read_text())["steps"] for file in files]
    assert steps[0] != steps[1] and steps[1] != steps[2]
    run_ranks("deepspeed_pipe_run.py", workdir / "result.json", "2", "4", *files)
    for own, *ours in json.loads((workdir / "result.json").read_text()):
        assert ours == [own] * 3


@pytest.mark.parametrize("file", sorted(p.name for p in FILES.iterdir() if p.suffix in (".csv", ".json")))
def test_files_of_frameworks_go_through_json(workdir, file):
    """Import as JSON, and from that again; what the file said is what comes out."""
    first, second = workdir / "first.json", workdir / "second.json"
    swaps = "defer" in file and not keeps_order(rows((FILES / file).read_text()))
    wrong = swaps or "Inference" in file  # Without backwards nothing is proved, either.
    unchecked = ["--unchecked"] if wrong else []
    if wrong:
        done = recast("pipe", "export", FILES / file, "--to", "json", check=False)
        assert done.code == 3 and ("[channel-order]" if swaps else "[missing-action]") in done.err and not done.out
    recast("pipe", "export", FILES / file, "--to", "json", "-o", first, *unchecked)
    recast("pipe", "export", first, "--to", "json", "-o", second, *unchecked)
    assert first.read_bytes() == second.read_bytes()
    form = {"t": "torch-csv", "m": "megatron", "d": "deepspeed"}[file[0]] if file.endswith(".json") else "torch-csv"
    if "Inference" in file:
        return  # Read, but without backwards nothing to train with.
    options = unchecked + (["--comms"] if "comms" in file else [])
    options += ["--defer"] if "defer" in file else []
    done = recast("pipe", "export", first, "--to", form, *options, check=False)
    if swaps:
        assert done.code == 2 and "out of the order of sends" in done.err
        return
    assert done.code == 0, done.err
    out = done.out
    given = (FILES / file).read_text()
    if form == "torch-csv":
        def cells(text):
            return [[cell for cell in line.split(",") if cell] for line in text.splitlines()]
        assert cells(out) == cells(given)
    else:
        ours, theirs = json.loads(out), json.loads(given)
        for key in ("steps", "num_pipe_buffers") if form == "deepspeed" else ("schedule_table", "rank_counts", "group"):
            assert ours[key] == theirs[key]


@pytest.mark.parametrize("text,place,reason", [
    ("0F0,0F1x,0B0\n", "line 1, cell 2", "'x' is left over"),
    ("0F0,0BW0\n", "line 1, cell 2", "notation before November 2024"),
    ("(0F7,7B3)OVERLAP_F_B\n", "line 1, cell 1", "'(0F7' is no action"),
    ("0F1;0B1\n", "line 1, cell 1", "left over"),
    ("()OVERLAP_F_B\n", "line 1, cell 1", "a pair is two actions"),
    ("0F0,0B0\n\n1F0,1B0\n", "line 2", "blank"),
    ('"0F0",0B0\n', "line 1", "quotation mark"),
    ("0F0,0B0\n1F0,1B0,0W0\n", "line 2, cell 3", "stage 0 is on rank 1 here and on rank 0"),
])
def test_what_pytorch_would_misread_is_refused(workdir, text, place, reason):
    file = workdir / "bad.csv"
    file.write_text(text)
    done = recast("pipe", "export", file, "--to", "json", check=False)
    assert done.code == 3, done.err
    assert place in done.err and reason in done.err and str(file) in done.err and "bytes" in done.err
