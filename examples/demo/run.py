"""One DeepSpeed run on CPU: trains and saves, or resumes; started by launch.py.

Writes what the next forward pass gives, bit for bit, as JSON: the loss of a fixed batch in hex.
"""
import argparse
import json
import os
import struct
import warnings

os.environ.setdefault("DS_ACCELERATOR", "cpu")
warnings.filterwarnings("ignore")

import deepspeed  # noqa: E402
import launch  # noqa: E402
import torch  # noqa: E402
import torch.distributed as dist  # noqa: E402

from gpt import GPT, batch, parameter_groups  # noqa: E402


def engine_config(options):
    config = {
        "train_micro_batch_size_per_gpu": 2,
        "zero_allow_untested_optimizer": True,
        "gradient_clipping": 1.0,
        "steps_per_print": 10**9,
        # ZeRO-3 by default replaces nn.Linear by a matmul and an add, which rounds bf16 twice: with it a
        # ZeRO-3 forward differs from a ZeRO-1 forward of the same weights in the last bits.
        "zero_optimization": {"stage": options.stage, "memory_efficient_linear": False, **json.loads(options.zero)},
        "checkpoint": {"load_universal": options.universal},
    }
    if options.dtype != "fp32":
        config[options.dtype] = {"enabled": True}
    return config


def dump_state(engine, options):
    """The logical tensors of the live run, gathered by DeepSpeed itself: the ground truth."""
    from deepspeed.utils import safe_get_full_fp32_param, safe_get_full_optimizer_state
    from safetensors.torch import save_file

    if hasattr(engine.optimizer, "_hp_optimizer_states_linked"):
        # ZeRO-1 and 2 link states after the first group's step: with two groups the second is missing.
        engine.optimizer._hp_optimizer_states_linked = False
        engine.optimizer._lazy_init_hp_params_optimizer_state()
    truth = {}
    for name, parameter in engine.module.named_parameters():
        if parameter.requires_grad:
            truth[f"master/{name}"] = safe_get_full_fp32_param(parameter)
            for state in ("exp_avg", "exp_avg_sq"):
                truth[f"{state}/{name}"] = safe_get_full_optimizer_state(parameter, state)
    if dist.get_rank() == 0:
        save_file({name: value.detach().clone().contiguous() for name, value in truth.items()}, options.truth)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", type=int, required=True)
    parser.add_argument("--dtype", choices=["fp32", "bf16", "fp16"], default="bf16")
    parser.add_argument("--model", default="{}", help="JSON arguments of GPT")
    parser.add_argument("--zero", default="{}", help="JSON merged into zero_optimization")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--save")
    parser.add_argument("--load")
    parser.add_argument("--universal", action="store_true")
    parser.add_argument("--truth", help="write the live run's logical tensors here")
    parser.add_argument("--result", required=True)
    options = parser.parse_args()

    launch.join()
    rank = dist.get_rank()
    model = GPT(**json.loads(options.model))
    optimizer = torch.optim.AdamW(parameter_groups(model), lr=1e-3)
    engine, *_ = deepspeed.initialize(model=model, optimizer=optimizer, config=engine_config(options))

    if options.load:
        path, _ = engine.load_checkpoint(options.load)
        if path is None:
            raise SystemExit(f"DeepSpeed did not load {options.load}")
    start = engine.global_steps
    for step in range(start, start + options.steps):
        engine.backward(engine(*batch(step, rank)))
        engine.step()
    if options.save:
        engine.save_checkpoint(options.save)
    if options.truth:
        dump_state(engine, options)
    engine.eval()
    with torch.no_grad():
        loss = engine(*batch(12345, 0)).float().item()
    if rank == 0:
        bits = struct.pack(">f", loss).hex()
        with open(options.result, "w") as file:
            json.dump({"loss": loss, "loss_bits": bits, "global_steps": engine.global_steps,
                       "ranks": dist.get_world_size()}, file)
    launch.leave()


if __name__ == "__main__":
    main()
