"""One DeepSpeed run whose masters and moments are set to values that tell their name and index, by DeepSpeed's own
accessors, before it saves; or one that loads and compares. Started by torch.distributed.run."""
import argparse
import json
import os
import warnings
import zlib

os.environ.setdefault("DS_ACCELERATOR", "cpu")
warnings.filterwarnings("ignore")

import deepspeed  # noqa: E402
import torch  # noqa: E402
import torch.distributed as dist  # noqa: E402
from torch import nn  # noqa: E402


def stamp(role, name, shape):
    """Multiples of 2^-20 below 1, exact in f32: no two tensors share a run of them."""
    count = int(torch.Size(shape).numel())
    start = zlib.crc32(f"{role}/{name}".encode()) & 0xFFFFF
    values = (torch.arange(count, dtype=torch.int64) * 7919 + start) & 0xFFFFF
    return (values.to(torch.float32) / 2**20).reshape(shape)


class Net(nn.Module):
    def __init__(self, tied=False, frozen=False):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 9), nn.Linear(9, 6, bias=False), nn.Linear(6, 9)
        self.out = nn.Linear(9, 6, bias=False)
        if tied:
            self.out.weight = self.b.weight
        self.tiny = nn.Parameter(torch.ones(1))
        if frozen:
            self.still = nn.Parameter(torch.arange(10.0) / 8, requires_grad=False)
        self.register_buffer("count", torch.arange(3))

    def forward(self, x):
        return (self.out(self.c(self.b(torch.tanh(self.a(x))))) * self.tiny).float().pow(2).mean()


def make_optimizer(kind, model):
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    groups = [dict(params=[p for _, p in named if p.dim() > 1], weight_decay=0.1),
              dict(params=[p for _, p in named if p.dim() <= 1], weight_decay=0.0, lr=2e-3)]
    optim = torch.optim
    return {"adamw": lambda: optim.AdamW(groups, lr=1e-3),
            "one_group": lambda: optim.AdamW([p for _, p in named], lr=1e-3),
            "momentum": lambda: optim.SGD(groups, lr=1e-3, momentum=0.9),
            "adagrad": lambda: optim.Adagrad(groups, lr=1e-3),
            "rmsprop": lambda: optim.RMSprop(groups, lr=1e-3, momentum=0.5)}[kind]()


def states_of_zero(engine):
    """Per parameter: get(role), set(role, value), names of its states; through DeepSpeed's accessors."""
    from deepspeed.utils import (safe_get_full_fp32_param, safe_get_full_optimizer_state, safe_set_full_fp32_param,
                                 safe_set_full_optimizer_state)
    if hasattr(engine.optimizer, "_hp_optimizer_states_linked"):
        engine.optimizer._hp_optimizer_states_linked = False
        engine.optimizer._lazy_init_hp_params_optimizer_state()
    inner = engine.optimizer.optimizer.state
    roles = sorted({k for s in inner.values() for k, v in s.items() if torch.is_tensor(v) and v.dim() > 0})
    for name, parameter in engine.module.named_parameters():
        if parameter.requires_grad:
            def get(role, parameter=parameter):
                return safe_get_full_fp32_param(parameter) if role == "master" else \
                    safe_get_full_optimizer_state(parameter, role)

            def put(role, value, parameter=parameter):
                if role == "master":
                    safe_set_full_fp32_param(parameter, value)
                    if not hasattr(parameter, "ds_id"):  # ZeRO-1 and 2: the accessor leaves the weight behind.
                        parameter.data.copy_(value)
                else:
                    safe_set_full_optimizer_state(parameter, value, role)
            yield name, ["master", *roles], get, put


def stamp_without_zero(engine):
    """ZeRO-0: torch's optimizer, FP16_UnfusedOptimizer or FP16_Optimizer (flat). Returns {name: roles}."""
    names = {p: n for n, p in engine.module.named_parameters()}
    wrapper = engine.optimizer
    base = getattr(wrapper, "optimizer", wrapper)
    roles = {}
    for g, group in enumerate(base.param_groups):
        low = wrapper.fp16_groups[g] if hasattr(wrapper, "fp16_groups") else group["params"]
        at = 0
        for i, parameter in enumerate(low):
            name, n = names[parameter], parameter.numel()
            flat = hasattr(wrapper, "fp32_groups_flat")
            master = wrapper.fp32_groups_flat[g] if flat else group["params"][i]
            piece = slice(at, at + n) if flat else slice(0, n)
            at += n
            holders = {"master": master.data}
            holders.update((k, v) for k, v in base.state[master].items() if torch.is_tensor(v) and v.dim() > 0)
            for role, tensor in holders.items():
                tensor.view(-1)[piece].copy_(stamp(role, name, (n,)))
            parameter.data.copy_(stamp("master", name, parameter.shape))
            roles[name] = sorted(holders)
    return roles


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", type=int, required=True)
    parser.add_argument("--dtype", default="fp32")
    parser.add_argument("--optimizer", default="adamw")
    parser.add_argument("--model", default="{}")
    parser.add_argument("--config", default="{}")
    parser.add_argument("--fused", action="store_true", help="FP16_Optimizer, which otherwise needs a GPU's FusedAdam")
    parser.add_argument("--save")
    parser.add_argument("--load", help="a universal folder: compare everything with the stamps")
    parser.add_argument("--result", required=True)
    options = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(1)
    deepspeed.ops.__compatible_ops__.update(dict.fromkeys(deepspeed.ops.__compatible_ops__, False))
    deepspeed.init_distributed(dist_backend="gloo", verbose=False)
    if options.fused:
        import deepspeed.runtime.engine as module
        module.FusedAdam = torch.optim.AdamW
    model = Net(**json.loads(options.model))
    config = dict(train_micro_batch_size_per_gpu=1, zero_allow_untested_optimizer=True, steps_per_print=10**9,
                  checkpoint=dict(load_universal=bool(options.load)))
    config["zero_optimization"] = dict(stage=options.stage)
    if options.dtype != "fp32":
        config[options.dtype] = dict(enabled=True)
    for key, value in json.loads(options.config).items():
        config[key] = {**config[key], **value} if isinstance(config.get(key), dict) else value
    engine, *_ = deepspeed.initialize(model=model, optimizer=make_optimizer(options.optimizer, model), config=config)
    dtype = next(engine.module.parameters()).dtype
    engine.backward(engine(torch.ones(2, 6, dtype=dtype) * (dist.get_rank() + 1)))
    engine.step()
    wrong, compared = [], 0
    if options.load:
        engine.load_checkpoint(options.load)
        for name, roles, get, _ in states_of_zero(engine):
            for role in roles:
                value = get(role)
                compared += 1
                if not torch.equal(value.float().cpu(), stamp(role, name, value.shape)):
                    wrong.append(f"{role}/{name}")
        result = {"wrong": wrong, "compared": compared}
    else:
        if options.stage == 0:
            result = stamp_without_zero(engine)
        else:
            result = {}
            for name, roles, get, put in states_of_zero(engine):
                for role in roles:
                    put(role, stamp(role, name, get(role).shape))
                result[name] = roles
        engine.save_checkpoint(options.save, tag="stamped", client_state={"note": {"epoch": 3, "seen": [1, 2]}})
    if dist.get_rank() == 0:
        with open(options.result, "w") as file:
            json.dump(result, file)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
