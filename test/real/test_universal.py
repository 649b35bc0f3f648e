"""Universal folders that DeepSpeed's own converter wrote, in the forms that its versions have had."""
import os
import re
import shutil
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from checkpoints import assert_same_bits, load_atoms, universal_tag
from conftest import DATA, recast
from test_stamped import RUNS, stamped, stamped_run  # noqa: F401  (fixture)


def upstream(native_tag, out):
    command = [sys.executable, "-m", "deepspeed.checkpoint.ds_to_universal", "--input_folder", str(native_tag),
               "--output_folder", str(out / f"{native_tag.name}_universal"), "--no_strict", "--inject_missing_state",
               "--num_extract_workers", "1", "--num_merge_workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300,
                          env={**os.environ, "DS_ACCELERATOR": "cpu", "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-3000:]
    return out


def as_saved(info):
    del info["affine_map"]


def with_vocabulary(info):
    """Padded rows stay in the file behind the tensor."""
    as_saved(info)
    info.update(original_vocab_size=60, padded_vocab_size=67,
                vocabulary_parameter_patterns=[r"^embed\.weight$", r"^lm_head\.weight$"])


def old(info):
    """`cat_dim` and `param_n_sub_params` for hints, as until 2024."""
    with_vocabulary(info)
    info.update(universal_checkpoint_version=0.2, parameter_with_sub_params=[],
                parameter_with_2_sub_params_cat_dim_0=[r"^layers\.\d+\.mlp\.gate_up_proj\.weight$"])
    del info["sub_param_shard_widths"]


@pytest.fixture(scope="module")
def tensor_parallel(tmp_path_factory):
    made = {}

    def get(edit):
        if edit not in made:
            folder = tmp_path_factory.mktemp(edit.__name__)
            shutil.copytree(DATA / "tp2_dp2_z1_bf16" / "native", folder / "run")
            for file in (folder / "run" / "global_step3").glob("mp_rank_*"):
                states = torch.load(file, weights_only=False)
                edit(states["universal_checkpoint_info"])
                torch.save(states, file)
            made[edit] = upstream(folder / "run" / "global_step3", folder / "uni")
        return made[edit]

    return get


@pytest.mark.parametrize("edit", [as_saved, with_vocabulary, old])
def test_hints_for_tensor_parallelism_say_nothing_of_values(tensor_parallel, edit, workdir):
    folder = tensor_parallel(edit)
    atoms = load_atoms(folder, weights_only=False)  # Hints are objects of DeepSpeed.
    hints = {hint for name in atoms for hint in torch.load(
        folder / "global_step3_universal" / "zero" / name / "fp32.pt", weights_only=False)}
    assert hints >= {as_saved: {"sub_param_shape"}, with_vocabulary: {"vocab_tensor", "sub_param_shape"},
                     old: {"cat_dim", "param_n_sub_params"}}[edit]
    recast("convert", folder, "-o", workdir / "hub", "--to", "safetensors", "--dtype", "f32")
    exported = load_file(workdir / "hub" / "model.safetensors")
    assert set(exported) == set(atoms)
    truth = load_file(DATA / "tp2_dp2_z1_bf16" / "truth.safetensors")
    for name, value in exported.items():
        assert_same_bits(value, atoms[name]["fp32"], name)
        if f"master/{name}" in truth and not (edit is old and re.search(r"qkv|gate_up", name)):
            assert_same_bits(value, truth[f"master/{name}"][:value.shape[0]], name)
    refused = recast("convert", folder, "-o", workdir / "uni", "--to", "deepspeed-universal", check=False)
    assert refused.code == 3 and "without model parallelism" in refused.err, refused.err


def test_flat_atoms_of_zero3_become_a_folder_that_every_stage_loads(stamped, tmp_path):  # noqa: F811
    """Upstream writes no steps, no frozen parameters and no shapes into the atoms of ZeRO-3."""
    folder, _ = stamped("z3_unused")
    flat = upstream(folder / "run" / "stamped", tmp_path / "flat")
    assert isinstance(torch.load(flat / "stamped_universal/zero/a.weight/fp32.pt"), torch.Tensor)
    recast("convert", flat, "-o", tmp_path / "uni", "--to", "deepspeed-universal")
    ours, again = load_atoms(folder / "uni"), load_atoms(tmp_path / "uni")
    assert ours.keys() == again.keys()
    for name, states in ours.items():
        assert states.keys() == again[name].keys(), name
        for state, value in states.items():
            assert_same_bits(torch.as_tensor(again[name][state]), torch.as_tensor(value), f"{state} {name}")
    found = stamped_run(2, tmp_path, load=str(tmp_path / "uni"), **{**RUNS["z3_unused"][1], "stage": 1})
    assert found["wrong"] == [] and found["compared"] >= 10


def test_atoms_of_tied_names_are_left_out(stamped, tmp_path):  # noqa: F811
    """Upstream makes one of the alias too, of the rounded weight."""
    native = DATA / "z2_bf16_dp2" / "native"
    folder = upstream(native / (native / "latest").read_text().strip(), tmp_path / "uni")
    atoms = load_atoms(folder)
    recast("convert", folder, "-o", tmp_path / "hub", "--to", "torch", "--dtype", "f32")
    exported = torch.load(tmp_path / "hub" / "model.pt", weights_only=True)
    assert_same_bits(exported["embed.weight"], atoms["embed.weight"]["fp32"], "embed.weight")
    assert exported["lm_head.weight"].data_ptr() == exported["embed.weight"].data_ptr()


def test_folders_without_groups_and_steps_are_read(stamped, tmp_path):  # noqa: F811
    """As DeepSpeed wrote them before 0.13: no param_groups, no step.pt."""
    native = DATA / "z2_fp32_dp3" / "native"
    folder = upstream(native / (native / "latest").read_text().strip(), tmp_path / "uni")
    zero = universal_tag(folder) / "zero"
    states = torch.load(zero / "optimizer_state.pt", weights_only=False)
    del states["param_groups"]
    torch.save(states, zero / "optimizer_state.pt")
    for step in zero.glob("*/step.pt"):
        step.unlink()
    recast("convert", folder, "-o", tmp_path / "hub", "--to", "safetensors", "--dtype", "f32")
    exported = load_file(tmp_path / "hub" / "model.safetensors")
    for name, states in load_atoms(folder).items():
        assert_same_bits(exported[name], states["fp32"].to(exported[name].dtype), name)
    refused = recast("convert", folder, "-o", tmp_path / "again", "--to", "deepspeed-universal", check=False)
    assert refused.code == 3 and "parameter groups" in refused.err and not (tmp_path / "again").exists()
