"""Runs that DeepSpeed trains now: convert, resume on other ranks and stages, same loss bit for bit."""
import json

import pytest
import torch
from safetensors.torch import load_file

from checkpoints import assert_same_bits, load_atoms, load_safetensors
from conftest import deepspeed_run, recast

# name: (stage, ranks, dtype, GPT arguments, zero_optimization options)
RUNS = {
    "zero1_bf16": (1, 2, "bf16", {}, {}),
    "zero2_round_robin": (2, 2, "bf16", {}, {"round_robin_gradients": True}),
    "zero3_subgroups": (3, 3, "bf16", {}, {"sub_group_size": 20000}),
    "zero2_fp32_tied": (2, 3, "fp32", {"tied": True}, {}),
}
# Who resumes what: (run, stage, ranks).
RESUMES = [("zero1_bf16", 1, 3), ("zero1_bf16", 3, 2), ("zero2_round_robin", 2, 1), ("zero3_subgroups", 3, 2),
           ("zero3_subgroups", 1, 2), ("zero2_fp32_tied", 2, 2)]


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Trains each run on demand, converts it once: {name: (folder, result)}."""
    made = {}

    def get(name):
        if name not in made:
            stage, ranks, dtype, model, zero = RUNS[name]
            folder = tmp_path_factory.mktemp(name)
            result = deepspeed_run(ranks, folder, stage=str(stage), dtype=dtype, model=model, zero=zero,
                                   save=str(folder / "run"), truth=str(folder / "truth.safetensors"))
            recast("convert", folder / "run", "-o", folder / "uni", "--to", "deepspeed-universal")
            made[name] = folder, result
        return made[name]

    return get


@pytest.mark.parametrize("name", sorted(RUNS))
def test_atoms_equal_the_live_run(runs, name):
    folder, _ = runs(name)
    atoms = load_atoms(folder / "uni")
    truth = load_file(folder / "truth.safetensors")
    if name == "zero2_round_robin":
        # DeepSpeed's own accessor is wrong here, so the module weights are the witness.
        states = torch.load(next((folder / "run").glob("global_step*/mp_rank_00_model_states.pt")), weights_only=False)
        for parameter, value in states["module"].items():
            if parameter in atoms and "exp_avg" in atoms[parameter]:
                assert_same_bits(atoms[parameter]["fp32"].to(value.dtype), value, parameter)
        return
    for key, value in truth.items():
        role, parameter = key.split("/", 1)
        assert_same_bits(atoms[parameter]["fp32" if role == "master" else role], value, key)


@pytest.mark.parametrize("name, stage, ranks", RESUMES)
def test_resume_gives_the_same_loss(runs, name, stage, ranks, workdir):
    folder, before = runs(name)
    _, _, dtype, model, _ = RUNS[name]
    after = deepspeed_run(ranks, workdir, stage=str(stage), dtype=dtype, model=model, load=str(folder / "uni"),
                          universal=True, steps=0)
    assert after["global_steps"] == before["global_steps"] == 3
    assert after["loss_bits"] == before["loss_bits"]


def test_training_goes_on_after_a_resume(runs, workdir):
    """The optimizer state is really there: the next step changes the loss as it does in the original run."""
    folder, _ = runs("zero1_bf16")
    same_ranks = dict(stage="1", dtype="bf16", model={}, steps=1)
    native = deepspeed_run(2, workdir, load=str(folder / "run"), **same_ranks)
    universal = deepspeed_run(2, workdir, load=str(folder / "uni"), universal=True, **same_ranks)
    assert native["loss_bits"] == universal["loss_bits"]


def test_export_loads_into_the_module(runs, workdir):
    folder, _ = runs("zero3_subgroups")
    recast("convert", folder / "run", "-o", workdir / "export", "--to", "safetensors", "--dtype", "bf16")
    tensors = load_safetensors(workdir / "export")
    truth = load_file(folder / "truth.safetensors")
    for key, value in truth.items():
        role, parameter = key.split("/", 1)
        if role == "master":
            assert_same_bits(tensors[parameter], value.to(torch.bfloat16), parameter)


def test_memory_stays_within_the_budget(workdir):
    """80 MB of state through 8 MiB: what executes never holds more than the budget and its own code."""
    deepspeed_run(2, workdir, stage="1", dtype="bf16", model={"hidden": 384, "layers": 4}, steps=1, save=str(workdir / "run"))
    report = json.loads(recast("convert", workdir / "run", "-o", workdir / "uni", "--to", "deepspeed-universal",
                               "--memory", "8MiB", "--json").out)
    assert report["bytes_needed"] > 80e6 and report["read_over_unique"] == 1.0
    assert report["slot_bytes"] < 8 * 2**20
    assert report["peak_resident_bytes"] < (8 + 16) * 2**20
