"""Values that tell their name and index: what DeepSpeed saved must come out under the same names, bit for bit, and be
found there by DeepSpeed's own loader after a resume on other ranks."""
import json
import pathlib

import pytest
import torch

from checkpoints import assert_same_bits, load_atoms
from conftest import deepspeed_run, recast
from stamped_run import expected

# name: (ranks, arguments of stamped_run.py)
RUNS = {
    "z0_fp32": (2, dict(stage=0)),
    "z0_bf16": (2, dict(stage=0, dtype="bf16", model={"frozen": True})),
    "z0_bf16_fused_tied": (1, dict(stage=0, dtype="bf16", fused=True, model={"tied": True, "frozen": True})),
    "z1_bf16_momentum": (4, dict(stage=1, dtype="bf16", optimizer="momentum")),
    "z2_rmsprop_tiny_ranks": (5, dict(stage=2, optimizer="rmsprop")),
    "z0_fp32_unused": (2, dict(stage=0, model={"unused": True})),
    "z0_bf16_unused": (2, dict(stage=0, dtype="bf16", model={"unused": True})),
    "z1_bf16_unused": (2, dict(stage=1, dtype="bf16", model={"unused": True})),
    "z3_unused": (2, dict(stage=3, model={"unused": True})),
    "z2_lion": (2, dict(stage=2, dtype="bf16", optimizer="lion")),
    "z3_lion": (4, dict(stage=3, dtype="bf16", optimizer="lion")),
    "z2_bf16_round_robin": (4, dict(stage=2, dtype="bf16", config={
        "zero_optimization": {"round_robin_gradients": True}})),
    "z2_bf16_masters": (2, dict(stage=2, dtype="bf16", cpu_adam=True, config={
        "bf16": {"bf16_master_weights_and_grads": True}, "zero_optimization": {"offload_optimizer": {"device": "cpu"}}})),
    "z1_offload": (2, dict(stage=1, dtype="bf16", config={
        "zero_optimization": {"offload_optimizer": {"device": "cpu"}}})),
    "z3_offload": (2, dict(stage=3, dtype="bf16", config={
        "zero_optimization": {"offload_optimizer": {"device": "cpu"}, "offload_param": {"device": "cpu"}}})),
    "z1_elastic": (2, dict(stage=1, config={"zero_optimization": {"elastic_checkpoint": True}})),
}
RESUMES = [("z0_fp32", 1, 3), ("z0_bf16", 3, 2), ("z2_bf16_round_robin", 1, 2), ("z3_unused", 2, 3), ("z0_bf16_fused_tied", 2, 2), ("z1_elastic", 2, 2)]


def stamped_run(ranks, folder, **options):
    return deepspeed_run(ranks, folder, script=pathlib.Path(__file__).with_name("stamped_run.py"), **options)


@pytest.fixture(scope="session")
def stamped(tmp_path_factory):
    made = {}

    def get(name):
        if name not in made:
            ranks, options = RUNS[name]
            folder = tmp_path_factory.mktemp(name)
            roles = stamped_run(ranks, folder, save=str(folder / "run"), **options)
            recast("convert", folder / "run", "-o", folder / "uni", "--to", "deepspeed-universal")
            made[name] = folder, roles
        return made[name]

    return get


@pytest.mark.parametrize("name", sorted(RUNS))
def test_every_value_has_its_name_and_index(stamped, name):
    folder, made = stamped(name)
    options = RUNS[name][1]
    dtype = torch.bfloat16 if options.get("dtype") == "bf16" else torch.float32
    values = expected(made["shapes"], dtype, options.get("optimizer", "adamw"))
    atoms = load_atoms(folder / "uni")
    assert {n for n in atoms if n not in ("still", "count")} == set(values)
    for parameter, states in values.items():
        assert {"fp32" if role == "master" else role for role in states} == set(atoms[parameter]) - {"step"}, parameter
        for role, value in states.items():
            found = atoms[parameter]["fp32" if role == "master" else role]
            assert_same_bits(found, value.to(found.dtype), f"{role} {parameter}")
    if "still" in atoms:
        assert torch.equal(atoms["still"]["fp32"], torch.arange(10.0).reshape(2, 5).t() / 8)  # No row-major view.
    report = json.loads(recast("inspect", folder / "run", "--objects", "--json").out)
    assert "client_state" in json.dumps(report)


@pytest.mark.parametrize("name, stage, ranks", RESUMES)
def test_deepspeed_finds_them_after_a_resume(stamped, name, stage, ranks, workdir):
    folder, _ = stamped(name)
    options = {**RUNS[name][1], "stage": stage}
    options.pop("fused", None)
    options.pop("config", None)
    found = stamped_run(ranks, workdir, load=str(folder / "uni"), **options)
    assert found["wrong"] == [] and found["compared"] >= 10
