"""Writes small DeepSpeed checkpoints with the real engine on CPU: layouts that are rare but real.

    DS_ACCELERATOR=cpu python generate_odd.py OUT_DIR
"""
import os
import shutil
import sys

import torch
import torch.multiprocessing as mp
from torch import nn


class Tiny(nn.Module):
    """Parameters whose sizes divide by nothing convenient; two groups, a tied pair, a frozen one."""

    def __init__(self, tied):
        super().__init__()
        self.a = nn.Linear(5, 7)
        self.b = nn.Linear(7, 3)
        self.c = nn.Linear(3, 11)
        self.d = nn.Linear(11, 5, bias=False)
        self.e = nn.Linear(5, 11, bias=False)
        if tied:
            self.e.weight = nn.Parameter(self.d.weight.detach().t().contiguous().clone())
            self.f = nn.Linear(5, 11, bias=False)
            self.f.weight = self.e.weight
        self.scale = nn.Parameter(torch.full((3,), 1.5), requires_grad=False)
        self.register_buffer("count", torch.arange(6, dtype=torch.int64).reshape(2, 3))

    def forward(self, x):
        x = self.c(torch.tanh(self.b(torch.tanh(self.a(x))) * self.scale.to(x.dtype)))
        y = self.e(self.d(x))
        if hasattr(self, "f"):
            y = y + self.f(self.d(x))
        return y.float().pow(2).mean()


CASES = {
    "odd_z2_fp32_dp2_roundrobin": (2, dict(zero_optimization=dict(stage=2, round_robin_gradients=True)), {}),
    "odd_z2_fp32_dp3_roundrobin_align": (3, dict(zero_optimization=dict(stage=2, round_robin_gradients=True,
                                                                        parameter_alignment=True)), {}),
    "odd_z1_fp32_dp2_align": (2, dict(zero_optimization=dict(stage=1, parameter_alignment=True)), {}),
    "odd_z1_fp32_dp5_tiny": (5, dict(zero_optimization=dict(stage=1)), dict(tied=True)),
    "odd_z3_fp32_dp3_tied": (3, dict(zero_optimization=dict(stage=3)), dict(tied=True)),
    "odd_z2_bf16_dp2_sgd": (2, dict(zero_optimization=dict(stage=2), bf16=dict(enabled=True)), dict(sgd=True)),
    "odd_z1_fp32_dp1_legacy": (1, dict(zero_optimization=dict(stage=1),
                                       checkpoint=dict(checkpoint_serialization=False)), {}),
    "odd_z1_fp32_dp2_elastic": (2, dict(zero_optimization=dict(stage=1, elastic_checkpoint=True)), {}),
    "odd_z1_bf16opt_dp2": (2, dict(zero_optimization=dict(stage=1), bf16=dict(enabled=True),
                                   data_types=dict(grad_accum_dtype="fp32")), {}),
    "odd_z3_bf16_dp2_exclude": (2, dict(zero_optimization=dict(stage=3), bf16=dict(enabled=True)), dict(exclude=True)),
}


def run(rank, world, name, config, options, out, port):
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world), MASTER_ADDR="127.0.0.1",
                      MASTER_PORT=str(port))
    import deepspeed
    deepspeed.init_distributed(dist_backend="gloo", verbose=False)
    torch.manual_seed(3)
    model = Tiny(options.get("tied", False))
    decay = [p for p in model.parameters() if p.requires_grad and p.dim() > 1]
    rest = [p for p in model.parameters() if p.requires_grad and p.dim() <= 1]
    groups = [dict(params=decay, weight_decay=0.1), dict(params=rest, weight_decay=0.0, lr=0.02)]
    optimizer = (torch.optim.SGD(groups, lr=0.01) if options.get("sgd")
                 else torch.optim.AdamW(groups, lr=0.01))
    config = dict(train_micro_batch_size_per_gpu=1, zero_allow_untested_optimizer=True, steps_per_print=10**6, **config)
    engine, *_ = deepspeed.initialize(model=model, optimizer=optimizer, config=config)
    torch.manual_seed(rank)
    for _ in range(2):
        loss = engine(torch.randn(4, 5, dtype=next(model.parameters()).dtype))
        engine.backward(loss)
        engine.step()
    engine.save_checkpoint(os.path.join(out, name, "native"), tag="global_step2",
                           exclude_frozen_parameters=options.get("exclude", False))
    if rank == 0:
        for script in ("zero_to_fp32.py", "zero_to_torch.py"):
            path = os.path.join(out, name, "native", script)
            if os.path.exists(path):
                os.remove(path)
    torch.distributed.barrier()


if __name__ == "__main__":
    out = sys.argv[1]
    only = sys.argv[2:]
    for i, (name, (world, config, options)) in enumerate(CASES.items()):
        if only and name not in only:
            continue
        shutil.rmtree(os.path.join(out, name), ignore_errors=True)
        try:
            mp.start_processes(run, (world, name, config, options, out, 29610 + i), nprocs=world, start_method="spawn")
        except Exception as error:
            print("FAILED", name, str(error)[-1500:])
