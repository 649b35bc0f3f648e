"""A DeepSpeed ZeRO-1 run on CPU with one of torch's own optimizers; started by launch.py.
Arguments: folder, optimizer (sgdm, adam, adamw), updates. Saves a checkpoint."""
import os
import pathlib
import sys
import warnings

os.environ.setdefault("DS_ACCELERATOR", "cpu")
warnings.filterwarnings("ignore")

import deepspeed  # noqa: E402
import launch  # noqa: E402
import torch  # noqa: E402

OPTIMIZERS = {
    "sgdm": lambda groups: torch.optim.SGD(groups, lr=0.05, momentum=0.9, dampening=0.25, weight_decay=0.01),
    "adam": lambda groups: torch.optim.Adam(groups, lr=3e-3, betas=(0.85, 0.97), eps=1e-7),
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=2e-3, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1),
}


def main():
    folder, optimizer, updates = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    launch.join()
    model = torch.nn.Sequential(torch.nn.Linear(37, 53), torch.nn.Tanh(), torch.nn.Linear(53, 5))
    groups = [{"params": [model[0].weight, model[2].weight]}, {"params": [model[0].bias, model[2].bias], "lr": 0.01}]
    engine, *_ = deepspeed.initialize(
        model=model, optimizer=OPTIMIZERS[optimizer](groups),
        config={"train_micro_batch_size_per_gpu": 4, "zero_allow_untested_optimizer": True, "steps_per_print": 10**9,
                "zero_optimization": {"stage": 1}})
    for _ in range(updates):
        engine.backward(engine(torch.randn(4, 37)).square().mean())
        engine.step()
    engine.save_checkpoint(str(folder / "run"))
    launch.leave()


main()
