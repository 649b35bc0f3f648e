"""One DeepSpeed run whose masters and gradients tell their name and index, so that after one step with a learning rate
of 0 every state does; it saves. Or one that loads a universal folder and compares. Started by launch.py."""
import argparse
import json
import os
import warnings
import zlib

os.environ.setdefault("DS_ACCELERATOR", "cpu")
warnings.filterwarnings("ignore")

import deepspeed  # noqa: E402
import launch  # noqa: E402
import torch  # noqa: E402
import torch.distributed as dist  # noqa: E402
from torch import nn  # noqa: E402


def stamp(what, name, shape, bits):
    """Multiples of 2^-bits below 1: no two tensors share a run of them."""
    count = int(torch.Size(shape).numel())
    start = zlib.crc32(f"{what}/{name}".encode())
    values = (torch.arange(count, dtype=torch.int64) * 7919 + start) & ((1 << bits) - 1)
    return (values.to(torch.float32) / 2**bits).reshape(shape)


def master_of(name, shape, dtype):
    return stamp("master", name, shape, 20).to(dtype).float()


def gradient_of(name, shape, dtype):
    """Few bits, so that its square and its mean over 2^n ranks are exact."""
    return stamp("gradient", name, shape, 7 if dtype == torch.bfloat16 else 12).to(dtype)


class Lion(torch.optim.Optimizer):
    """Sign of an interpolated momentum (arXiv 2302.06675): one state per element and no step."""

    def __init__(self, params, lr, betas=(0.9, 0.5), weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in (p for p in group["params"] if p.grad is not None):
                momentum = self.state[p].setdefault("exp_avg", torch.zeros_like(p))
                low, high = group["betas"]
                update = torch.lerp(p.grad, momentum, low).sign()
                p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update, alpha=group["lr"])
                momentum.lerp_(p.grad, 1 - high)


class Leaf(nn.Linear):
    """Its part of the loss: each parameter times what its gradient shall be."""

    def __init__(self, name, rows, columns, bias=False):
        super().__init__(columns, rows, bias=bias)
        self.name = name
        with torch.no_grad():
            for key, p in self.named_parameters():
                p.copy_(stamp("master", f"{name}.{key}", p.shape, 20))

    def forward(self, x):
        return x + sum((p * gradient_of(f"{self.name}.{key}", p.shape, p.dtype)).sum()
                       for key, p in self.named_parameters())


class Net(nn.Module):
    def __init__(self, tied=False, frozen=False, unused=False):
        super().__init__()
        self.a, self.b, self.c = Leaf("a", 9, 6, bias=True), Leaf("b", 6, 9), Leaf("c", 9, 6, bias=True)
        self.out, self.tiny = Leaf("out", 6, 9), Leaf("tiny", 1, 1)
        if tied:
            self.out.weight = self.b.weight
        if unused:  # Trainable, but no gradient ever reaches it.
            self.idle = Leaf("idle", 3, 5)
        if frozen:
            self.still = nn.Parameter(torch.arange(10.0).reshape(2, 5).t().contiguous() / 8, requires_grad=False)
        self.register_buffer("count", torch.arange(3))

    def forward(self, x):
        for leaf in (self.a, self.b, self.c, self.tiny):
            x = leaf(x)
        return x if self.out.weight is self.b.weight else self.out(x)


def make_optimizer(kind, named):
    groups = [dict(params=[p for _, p in named if p.dim() > 1], weight_decay=0.1),
              dict(params=[p for _, p in named if p.dim() <= 1], weight_decay=0.2)]
    optim = torch.optim
    return {"adamw": lambda: optim.AdamW(groups, lr=0.0, betas=(0.5, 0.5)),
            "one_group": lambda: optim.AdamW([p for _, p in named], lr=0.0, betas=(0.5, 0.5)),
            "momentum": lambda: optim.SGD([dict(g, weight_decay=0.0) for g in groups], lr=0.0, momentum=0.9),
            "lion": lambda: Lion(groups, lr=0.0),
            "adagrad": lambda: optim.Adagrad([dict(g, weight_decay=0.0) for g in groups], lr=0.0),
            "rmsprop": lambda: optim.RMSprop([dict(g, weight_decay=0.0) for g in groups], lr=0.0, alpha=0.5,
                                             momentum=0.5)}[kind]()


def expected(shapes, dtype, optimizer):
    """{name: {role: value}}: torch's own optimizer, on one process and without DeepSpeed."""
    named = [(name, nn.Parameter(master_of(name, shape, dtype))) for name, shape in shapes.items()]
    for name, p in named:
        # DeepSpeed takes a missing gradient for zeros, at every stage.
        p.grad = torch.zeros_like(p) if name.startswith("idle") else gradient_of(name, p.shape, dtype).float()
    inner = make_optimizer(optimizer, named)
    inner.step()
    return {name: {"master": p.data, **{k: v for k, v in inner.state[p].items() if torch.is_tensor(v) and v.dim()}}
            for name, p in named}


def loaded(engine, role, parameter):
    from deepspeed.utils import safe_get_full_fp32_param, safe_get_full_optimizer_state
    if hasattr(engine.optimizer, "_hp_optimizer_states_linked"):
        engine.optimizer._hp_optimizer_states_linked = False
        engine.optimizer._lazy_init_hp_params_optimizer_state()
    return safe_get_full_fp32_param(parameter) if role == "master" else safe_get_full_optimizer_state(parameter, role)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", type=int, required=True)
    parser.add_argument("--dtype", default="fp32")
    parser.add_argument("--optimizer", default="adamw")
    parser.add_argument("--model", default="{}")
    parser.add_argument("--config", default="{}")
    parser.add_argument("--fused", action="store_true", help="FP16_Optimizer, which otherwise needs a GPU's FusedAdam")
    parser.add_argument("--cpu_adam", action="store_true", help="torch's AdamW where DeepSpeed insists on its own")
    parser.add_argument("--save")
    parser.add_argument("--load", help="a universal folder: compare everything with the stamps")
    parser.add_argument("--result", required=True)
    options = parser.parse_args()

    launch.join(seed=1)
    if options.fused:
        import deepspeed.runtime.engine as module
        module.FusedAdam = torch.optim.AdamW
    if options.cpu_adam:
        import deepspeed.runtime.zero.stage_1_and_2 as module
        module.DeepSpeedCPUAdam = torch.optim.AdamW
    model = Net(**json.loads(options.model))
    shapes = {n: list(p.shape) for n, p in model.named_parameters() if p.requires_grad}
    config = dict(train_micro_batch_size_per_gpu=1, zero_allow_untested_optimizer=True, steps_per_print=10**9,
                  zero_force_ds_cpu_optimizer=False, gradient_clipping=0.0,
                  checkpoint=dict(load_universal=bool(options.load)))
    config["zero_optimization"] = dict(stage=options.stage)
    if options.dtype != "fp32":
        config[options.dtype] = dict(enabled=True)
    for key, value in json.loads(options.config).items():
        config[key] = {**config[key], **value} if isinstance(config.get(key), dict) else value
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    engine, *_ = deepspeed.initialize(model=model, optimizer=make_optimizer(options.optimizer, named), config=config)
    dtype = torch.bfloat16 if options.dtype == "bf16" else torch.float32
    if options.load:  # What it loads must not be what it would have anyway.
        for _, p in model.named_parameters():
            p.data.zero_()
    engine.backward(engine(torch.zeros(1, dtype=dtype)).sum())
    engine.step()
    result = {"shapes": shapes}
    if options.load:
        engine.load_checkpoint(options.load)
        wrong = []
        values = expected(shapes, dtype, options.optimizer)
        for name, p in engine.module.named_parameters():
            if p.requires_grad:
                wrong += [f"{role}/{name}" for role, value in values[name].items()
                          if not torch.equal(loaded(engine, role, p).float().cpu(), value)]
        result.update(wrong=wrong, compared=sum(len(v) for v in values.values()))
    else:
        if hasattr(model, "still"):  # DeepSpeed wants it contiguous while it starts, not while it saves.
            model.still.data = model.still.data.t().contiguous().t()
        engine.save_checkpoint(options.save, tag="stamped", client_state={
            "note": {"epoch": 3, "seen": [1, 2]}, "rng": torch.tensor([7, dist.get_rank()], dtype=torch.uint8)})
    if dist.get_rank() == 0:
        with open(options.result, "w") as file:
            json.dump(result, file)
    launch.leave()


if __name__ == "__main__":
    main()
