"""Trains a small model with DeepSpeed's pipeline engine: once as it schedules itself, once with every given file of
instructions.

    python deepspeed_pipe_run.py RESULT.json RANKS MICROBATCHES FILE.json ...

RESULT: per rank, per run, the losses of two steps and a digest of the parameters after them.
"""
import hashlib
import json
import os
import pathlib
import re
import sys
import tempfile

import launch
import torch
import torch.multiprocessing as mp

WIDTH, ROWS = 8, 2


def from_file(path):
    """A schedule of DeepSpeed that reads its instructions."""
    from deepspeed.runtime.pipe import schedule

    streams = json.loads(pathlib.Path(path).read_text())

    def instruction(text):
        name, arguments = re.fullmatch(r"(\w+)(?:\((.*)\))?", text).groups()
        named = dict(one.split("=") for one in arguments.split(",")) if arguments else {}
        return getattr(schedule, name)(**{key: int(value) for key, value in named.items()})

    class FromFile(schedule.PipeSchedule):
        def steps(self):
            for step in streams["steps"][self.stage_id]:
                yield [instruction(text) for text in step]

        def num_pipe_buffers(self):
            return streams["num_pipe_buffers"][self.stage_id]

    return FromFile


def layer(index):
    torch.manual_seed(100 + index)
    return torch.nn.Sequential(torch.nn.Linear(WIDTH, WIDTH), torch.nn.Tanh())


def train(ranks, microbatches):
    import deepspeed
    from deepspeed.runtime.pipe.module import PipelineModule

    net = PipelineModule(layers=[layer(i) for i in range(2 * ranks)], num_stages=ranks, loss_fn=torch.nn.MSELoss(),
                         partition_method="uniform", activation_checkpoint_interval=0)
    engine, *_ = deepspeed.initialize(model=net, model_parameters=list(net.parameters()), config={
        "train_micro_batch_size_per_gpu": ROWS, "gradient_accumulation_steps": microbatches,
        "optimizer": {"type": "SGD", "params": {"lr": 0.1}}, "steps_per_print": 10**9})
    source = torch.Generator().manual_seed(7)
    data = iter([(torch.randn(ROWS, WIDTH, generator=source), torch.randn(ROWS, WIDTH, generator=source))
                 for _ in range(2 * microbatches)])
    losses = [engine.train_batch(data).item() for _ in range(2)]
    total = hashlib.sha256()
    for parameter in net.parameters():
        total.update(parameter.detach().numpy().tobytes())
    return [losses, total.hexdigest()]


def worker(rank, folder, ranks, microbatches, files, port):
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(ranks), MASTER_ADDR="127.0.0.1",
                      MASTER_PORT=str(port), DS_ACCELERATOR="cpu", LOCAL_SIZE=str(ranks))
    import deepspeed
    from deepspeed.runtime.pipe import schedule

    launch.join()
    own = schedule.TrainSchedule
    results = []
    for file in [None, *files]:
        schedule.TrainSchedule = from_file(file) if file else own
        results.append(train(ranks, microbatches))
    (pathlib.Path(folder) / f"{rank}.json").write_text(json.dumps(results))
    launch.leave()


def main():
    result, ranks, microbatches, *files = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(worker, args=(folder, int(ranks), int(microbatches), files, launch.free_port()), nprocs=int(ranks))
        by_rank = [json.loads((pathlib.Path(folder) / f"{r}.json").read_text()) for r in range(int(ranks))]
    pathlib.Path(result).write_text(json.dumps(by_rank))


if __name__ == "__main__":
    main()
