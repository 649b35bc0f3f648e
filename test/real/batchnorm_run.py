"""A DeepSpeed ZeRO-3 run on CPU whose ranks see other data, so that their running statistics differ;
started by launch.py. Saves a checkpoint, and beside it what each rank holds: rank0.npz, .."""
import os
import pathlib
import sys
import warnings

os.environ.setdefault("DS_ACCELERATOR", "cpu")
warnings.filterwarnings("ignore")

import deepspeed  # noqa: E402
import launch  # noqa: E402
import numpy  # noqa: E402
import torch  # noqa: E402
import torch.distributed as dist  # noqa: E402


def main():
    folder = pathlib.Path(sys.argv[1])
    launch.join(seed=5)
    model = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.BatchNorm1d(7), torch.nn.Linear(7, 3))
    engine, *_ = deepspeed.initialize(
        model=model, optimizer=torch.optim.AdamW(model.parameters(), lr=1e-3),
        config={"train_micro_batch_size_per_gpu": 4, "zero_allow_untested_optimizer": True, "steps_per_print": 10**9,
                "zero_optimization": {"stage": 3}})
    rank = dist.get_rank()
    torch.manual_seed(100 + rank)
    for _ in range(3):  # Magnitudes apart: the order of a sum shows.
        loss = engine(torch.randn(4, 5) * 10.0 ** (3 * rank)).square().mean()
        engine.backward(loss)
        engine.step()
    engine.save_checkpoint(str(folder / "run"))
    numpy.savez(folder / f"rank{rank}.npz", **{name: value.numpy() for name, value in engine.module.named_buffers()})
    launch.leave()


main()
