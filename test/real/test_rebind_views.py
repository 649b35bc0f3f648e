"""`rebind` of plans over views: packed members, paddings, constants. Judged by compiling anew."""
import json
import shutil

import pytest
import torch
import transformers
from conftest import recast
from safetensors.torch import load_file, save_file

SMALL = dict(vocab_size=50, hidden_size=24, intermediate_size=20, num_hidden_layers=3, num_attention_heads=6,
             num_key_value_heads=2, max_position_embeddings=32, bos_token_id=1, eos_token_id=2)


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    """Two steps of one run, as transformers saves them."""
    root = tmp_path_factory.mktemp("steps")
    for step in (1, 2):
        torch.manual_seed(step)
        transformers.LlamaForCausalLM(transformers.LlamaConfig(**SMALL)).save_pretrained(root / f"step{step}")
    return root


def job(source, target, views=("hf", "fused"), statements="weight: keep", config=None):
    return (f'use "std/llama.ucl"\nlet src = "{source}"\nlet m = llama(config("{config or source}/config.json"))\n'
            f"source from = safetensors(src) as {views[0]}(m)\n"
            f'target to = safetensors("{target}") as {views[1]}(m)\n'
            f"convert from -> to {{\n{statements}\n}}\n")


def plan(folder, name, text):
    (folder / f"{name}.ucl").write_text(text)
    recast("plan", folder / f"{name}.ucl", "-o", folder / f"{name}.rplan")
    return folder / f"{name}.rplan"


def test_packed_and_padded_targets_and_sources(steps, workdir):
    # Into fused tensors with padded vocabularies.
    old = plan(workdir, "old", job(steps / "step1", workdir / "fused"))
    recast("run", old, "--no-sync")
    anew = plan(workdir, "anew", job(steps / "step2", workdir / "fused", config=steps / "step1"))
    recast("rebind", old, steps / "step2", "-o", workdir / "rebound.rplan")
    recast("run", workdir / "rebound.rplan", "--no-sync", "--overwrite")
    rebound = load_file(workdir / "fused" / "model.safetensors")
    recast("run", anew, "--no-sync", "--overwrite")
    direct = load_file(workdir / "fused" / "model.safetensors")
    assert rebound.keys() == direct.keys()
    assert all(torch.equal(rebound[name], direct[name]) for name in direct)

    # Out of fused tensors: members are parts of what the source stores.
    for step in (1, 2):
        recast("convert", plan_job(workdir, f"make{step}", job(steps / f"step{step}", workdir / f"packed{step}")), "--no-sync")
        shutil.copy(steps / f"step{step}" / "config.json", workdir / f"packed{step}")
    back = job(workdir / "packed1", workdir / "back", ("fused", "hf"))
    old = plan(workdir, "unpack", back)
    recast("rebind", old, workdir / "packed2", "-o", workdir / "rebound.rplan")
    recast("run", workdir / "rebound.rplan", "--no-sync")
    out, expected = load_file(workdir / "back" / "model.safetensors"), load_file(steps / "step2" / "model.safetensors")
    assert out.keys() == expected.keys() and all(torch.equal(out[name], expected[name]) for name in out)


def test_words_in_comments_and_texts_ask_for_nothing(steps, workdir):
    """What a job predicts, or expects of a step, cannot be rebound; what it says by the way can."""
    text = job(steps / "step1", workdir / "predict", statements="weight: keep  # expect no predict(master) of from.iteration")
    recast("rebind", plan(workdir, "words", text), steps / "step2", "-o", workdir / "rebound.rplan")
    expecting = job(steps / "step1", workdir / "out", statements='weight: keep  expect from.tag == ""')
    done = recast("rebind", plan(workdir, "expecting", expecting), steps / "step2", "-o", workdir / "no.rplan", check=False)
    assert done.code == 2 and "expects a certain tag or iteration" in done.err, done.err


def test_a_plan_that_does_not_say_what_it_fits(steps, workdir):
    """As plans of older versions are read, and those of other front ends made."""
    made = plan(workdir, "made", job(steps / "step1", workdir / "out"))
    text = recast("--rplan-to-mlir", made, program="recast-translate").out
    assert " rebinding fits " in text
    (workdir / "silent.mlir").write_text(text.replace(" rebinding fits ", " "))
    recast("--mlir-to-rplan", workdir / "silent.mlir", "-o", workdir / "silent.rplan", program="recast-translate")
    done = recast("rebind", workdir / "silent.rplan", steps / "step2", "-o", workdir / "no.rplan", check=False)
    assert done.code == 2 and "of an older Recast" in done.err and "Compile the job again" in done.err, done.err
    assert not (workdir / "no.rplan").exists()


def plan_job(folder, name, text):
    (folder / f"{name}.ucl").write_text(text)
    return folder / f"{name}.ucl"


@pytest.mark.parametrize("views", [("hf", "fused"), ("fused", "hf")])
def test_byte_for_byte_what_compiling_anew_gives(steps, workdir, views):
    """The folder's next content, under one path: the job's text stays what it is."""
    source = workdir / "source"

    def put(step):
        shutil.rmtree(source, ignore_errors=True)
        if views[0] == "hf":
            shutil.copytree(steps / f"step{step}", source)
        else:
            recast("convert", plan_job(workdir, "make", job(steps / f"step{step}", source)), "--no-sync", "--overwrite")
            shutil.copy(steps / f"step{step}" / "config.json", source)

    put(1)
    text = job(source, workdir / "out", views)
    old = plan(workdir, "old", text)
    before = old.read_bytes()
    put(2)
    recast("rebind", old, source, "-o", workdir / "rebound.rplan")
    anew = plan(workdir, "anew", text)
    assert (workdir / "rebound.rplan").read_bytes() == anew.read_bytes() != before
    recast("run", workdir / "rebound.rplan", "--no-sync")


def refused(done, *words, code=3):
    assert done.code == code, done.out + done.err
    for word in words:
        assert word in done.err, done.err


def test_refuses_what_a_view_would_take_for_the_same(steps, workdir):
    source = workdir / "source"
    shutil.copytree(steps / "step1", source)
    old = plan(workdir, "old", job(source, workdir / "out"))
    # Another number of heads: all shapes are the same, the packing is not.
    config = json.loads((source / "config.json").read_text())
    config["num_attention_heads"], config["head_dim"] = 3, 8
    (source / "config.json").write_text(json.dumps(config))
    refused(recast("rebind", old, source, check=False), "configuration changed", "config.json")
    shutil.copy(steps / "step1" / "config.json", source)
    recast("rebind", old, source)
    # Two tensors of one shape that changed names.
    tensors = load_file(source / "model.safetensors")
    a, b = (f"model.layers.{i}.self_attn.q_proj.weight" for i in (0, 1))
    renamed = {{a: b, b: a}.get(name, name): value for name, value in tensors.items()}
    save_file({**renamed, "extra": torch.zeros(3)}, source / "model.safetensors", {"format": "pt"})
    refused(recast("rebind", old, source, check=False), "not the same run")


def test_constants_stay(steps, workdir):
    """Biases that no source has are an `init`; what the source has comes from it."""
    config = json.loads((steps / "step1" / "config.json").read_text())
    config["attention_bias"] = True
    source = workdir / "source"
    shutil.copytree(steps / "step1", source)
    (source / "biased.json").write_text(json.dumps(config))
    text = (f'use "std/llama.ucl"\nlet m = llama(config("{source}/config.json"))\n'
            f'let biased = llama(config("{source}/biased.json"))\n'
            f'source from = safetensors("{source}") as hf(m)\ntarget to = safetensors("{workdir / "out"}") as fused(biased)\n'
            "convert from -> to {\n  weight: keep\n"
            "  init weight in layer[l].{n: q_bias k_bias v_bias o_bias}: constant(0.5)\n}\n")
    old = plan(workdir, "old", text)
    shutil.copy(steps / "step2" / "model.safetensors", source)
    recast("rebind", old, source, "-o", workdir / "rebound.rplan")
    assert (workdir / "rebound.rplan").read_bytes() == plan(workdir, "anew", text).read_bytes()
    recast("run", workdir / "rebound.rplan", "--no-sync")
    out = load_file(workdir / "out" / "model.safetensors")
    biases = [value for name, value in out.items() if name.endswith("bias")]
    assert len(biases) >= 6 and all(torch.equal(value, torch.full_like(value, 0.5)) for value in biases)
