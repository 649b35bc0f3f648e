"""Spreads a ZeRO-1 run that one rank saved over many, as those ranks would have saved it, with its
parameters repeated under other names: for plans of sizes that no machine at hand can train. Without repeats,
`recast diff` between the two runs must find nothing.
"""
import argparse
import collections
import copy
import os
import pathlib
import shutil

os.environ.setdefault("DS_ACCELERATOR", "cpu")

import torch  # noqa: E402
from deepspeed.utils.tensor_fragment import fragment_address  # noqa: E402


def partition_of(mapping, begin, end):
    """Slices of the parameters in [begin, end) of their group, relative to `begin`."""
    out = collections.OrderedDict()
    for name, at in mapping.items():
        first, last = max(at.start, begin), min(at.start + at.numel, end)
        if first < last:
            out[name] = fragment_address(numel=last - first, start=first - begin)
    return out


def renamed(name, copy):
    return name if copy == 0 else f"copy{copy}.{name}"


def repeat_states(states, times):
    """The optimizer's file, with every group `times` as long."""
    whole = states["optimizer_state_dict"]
    for group, mapping in enumerate(whole["param_slice_mappings"]):
        total = sum(at.numel for at in mapping.values())
        whole["param_slice_mappings"][group] = collections.OrderedDict(
            (renamed(name, copy), fragment_address(numel=at.numel, start=at.start + copy * total))
            for copy in range(times) for name, at in mapping.items())
        flat = whole["single_partition_of_fp32_groups"]
        flat[group] = flat[group][:total].repeat(times)
        state = whole["base_optimizer_state"]["state"][group]
        state.update({key: value[:total].repeat(times) for key, value in state.items() if value.dim()})
        whole["param_alignment_paddings"][group] *= times


def repeat_model(model, times):
    for key, pairs in [("module", [model["module"]]), ("param_shapes", model["param_shapes"])]:
        longer = [type(of)((renamed(name, copy), value) for copy in range(times) for name, value in of.items()
                           if copy == 0 or name not in model["buffer_names"]) for of in pairs]
        model[key] = longer[0] if key == "module" else longer


def spread(states, ranks):
    """The optimizer file of every rank, made from that of the only one."""
    whole = states["optimizer_state_dict"]
    masters, moments = whole["single_partition_of_fp32_groups"], whole["base_optimizer_state"]["state"]
    totals = [sum(at.numel for at in mapping.values()) for mapping in whole["param_slice_mappings"]]
    alignment = 2 * ranks  # DeepSpeed aligns partitions to 4 bytes of a two-byte type.
    sizes = [(total + alignment - 1) // alignment * alignment // ranks for total in totals]

    def part(flat, group, rank):
        size, total = sizes[group], totals[group]
        out = torch.zeros(size, dtype=flat.dtype)
        values = flat[rank * size:min((rank + 1) * size, total)]
        out[:len(values)] = values
        return out

    for rank in range(ranks):
        mine = copy.copy(states)
        mine["optimizer_state_dict"] = state = copy.copy(whole)
        state["single_partition_of_fp32_groups"] = [part(flat, g, rank) for g, flat in enumerate(masters)]
        state["base_optimizer_state"] = {
            "param_groups": whole["base_optimizer_state"]["param_groups"],
            "state": {g: {key: part(value, g, rank) if value.dim() else value for key, value in of.items()}
                      for g, of in moments.items()}}
        state["group_paddings"] = [size * ranks - total if rank == ranks - 1 else 0 for size, total in zip(sizes, totals)]
        state["partition_count"] = [ranks] * len(totals)
        state["param_slice_mappings"] = [partition_of(mapping, rank * size, (rank + 1) * size)
                                         for size, mapping in zip(sizes, whole["param_slice_mappings"])]
        yield mine


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--ranks", type=int, required=True)
    parser.add_argument("--repeat", type=int, default=1)
    options = parser.parse_args()
    tag = (options.source / "latest").read_text()
    source, output = options.source / tag, options.output / tag
    output.mkdir(parents=True)
    shutil.copy(options.source / "latest", options.output)
    model = torch.load(source / "mp_rank_00_model_states.pt", weights_only=False)
    model["dp_world_size"] = options.ranks
    repeat_model(model, options.repeat)
    torch.save(model, output / "mp_rank_00_model_states.pt")
    states = torch.load(source / "bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt", weights_only=False)
    repeat_states(states, options.repeat)
    for rank, mine in enumerate(spread(states, options.ranks)):
        torch.save(mine, output / f"bf16_zero_pp_rank_{rank}_mp_rank_00_optim_states.pt")


if __name__ == "__main__":
    main()
