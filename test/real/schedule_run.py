"""Runs pipelines over gloo: every case once as PyTorch's own schedule class runs it, and once from each of the
given CSVs, on the same model and data.

    python schedule_run.py CASES.json RESULT.json

CASES: {"ranks": p, "cases": [{"class": name, "chunks": v, "microbatches": m, "v_shaped": bool,
"files": [[path, format, defer], ...]}]}, format "aligned": compute-only, by PipelineScheduleMulti. RESULT: per case, per rank, per run {"losses", "gradients"}: digests of bits,
and "plain", the loss of the same model and data without a pipeline.
"""
import hashlib
import json
import os
import sys
import tempfile

import launch
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.distributed.pipelining import PipelineStage, schedules

WIDTH, ROWS = 8, 2


def stage_module(index):
    torch.manual_seed(1000 + index)
    return torch.nn.Sequential(torch.nn.Linear(WIDTH, WIDTH), torch.nn.Tanh(), torch.nn.Linear(WIDTH, WIDTH))


def loss_of(output, target):
    return ((output - target) ** 2).mean()


def digest(tensors):
    total = hashlib.sha256()
    for tensor in tensors:
        total.update(tensor.detach().contiguous().numpy().tobytes())
    return total.hexdigest()


def run(rank, ranks, case, make):
    """One step of a fresh model; `make(stages, m)` gives the schedule."""
    chunks, m = case["chunks"], case["microbatches"]
    count = ranks * chunks
    held = [rank, count - 1 - rank] if case["v_shaped"] else [rank + ranks * chunk for chunk in range(chunks)]
    stages = [PipelineStage(stage_module(i), i, count, torch.device("cpu")) for i in held]
    schedule = make(stages, m)
    torch.manual_seed(7)
    data, target = torch.randn(ROWS * m, WIDTH), torch.randn(ROWS * m, WIDTH)
    losses = []
    arguments = [data] if 0 in held else []
    # PyTorch's schedules of one stage take no target where it is not used.
    options = {"target": target, "losses": losses} if count - 1 in held else {}
    schedule.step(*arguments, **options)
    gradients = [p.grad for stage in stages for p in stage.submod.parameters()]
    assert all(g is not None and g.abs().sum() > 0 for g in gradients)
    return {"losses": digest(losses), "gradients": digest(gradients), "count": len(losses),
            "mean": torch.stack(losses).mean().item() if losses else None}


def own(case):
    cls = getattr(schedules, case["class"])
    single = issubclass(cls, schedules.PipelineScheduleSingle)
    return lambda stages, m: cls(stages[0] if single else stages, m, loss_fn=loss_of)


def from_csv(path, form, defer):
    def make(stages, m):
        if form == "aligned":
            schedule = schedules.PipelineScheduleMulti(stages, m, loss_fn=loss_of)
            schedule._load_csv(path)
            return schedule
        schedule = schedules._PipelineScheduleRuntime(stages, m, loss_fn=loss_of, defer_pp_recv=defer)
        schedule._load_csv(path, format=form)
        return schedule
    return make


def plain(ranks, case):
    m = case["microbatches"]
    model = torch.nn.Sequential(*[stage_module(i) for i in range(ranks * case["chunks"])])
    torch.manual_seed(7)
    data, target = torch.randn(ROWS * m, WIDTH), torch.randn(ROWS * m, WIDTH)
    return torch.stack([loss_of(model(x), y) for x, y in zip(data.chunk(m), target.chunk(m))]).mean().item()


def worker(rank, ranks, cases, store, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=ranks)
    results = []
    for case in cases:
        runs = [run(rank, ranks, case, own(case))]
        for path, form, defer in case["files"]:
            runs.append(run(rank, ranks, case, from_csv(path, form, defer)))
        results.append(runs)
        dist.barrier()
    with open(os.path.join(folder, f"{rank}.json"), "w") as out:
        json.dump(results, out)
    launch.leave()


def main():
    job = json.load(open(sys.argv[1]))
    ranks, cases = job["ranks"], job["cases"]
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(worker, args=(ranks, cases, os.path.join(folder, "store"), folder), nprocs=ranks)
        by_rank = [json.load(open(os.path.join(folder, f"{r}.json"))) for r in range(ranks)]
    json.dump([{"plain": plain(ranks, case), "ranks": [by_rank[r][i] for r in range(ranks)]}
               for i, case in enumerate(cases)], open(sys.argv[2], "w"))


if __name__ == "__main__":
    main()
