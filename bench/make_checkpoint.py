"""Writes a DeepSpeed checkpoint of a given size for benchmarks: real engine, real files.

Started by examples/demo/launch.py; see bench/convert_bench.py.
"""
import argparse
import os
import warnings

os.environ.setdefault("DS_ACCELERATOR", "cpu")
warnings.filterwarnings("ignore")

import deepspeed  # noqa: E402
import launch  # noqa: E402
import torch  # noqa: E402
import torch.distributed as dist  # noqa: E402

from gpt import GPT, batch, parameter_groups  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", type=int, required=True)
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--save", required=True)
    options = parser.parse_args()
    launch.join(seed=1)
    model = GPT(vocabulary=8192, hidden=options.hidden, layers=options.layers, heads=16)
    config = {"train_micro_batch_size_per_gpu": 1, "zero_allow_untested_optimizer": True, "bf16": {"enabled": True},
              "steps_per_print": 10**9, "zero_optimization": {"stage": options.stage}}
    engine, *_ = deepspeed.initialize(model=model, optimizer=torch.optim.AdamW(parameter_groups(model)), config=config)
    engine.backward(engine(*batch(0, dist.get_rank(), size=1, vocabulary=8192)))
    engine.step()
    engine.save_checkpoint(options.save)
    launch.leave()


if __name__ == "__main__":
    main()
