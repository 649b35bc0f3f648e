"""Models and views: transformers writes index-stamped models, Recast turns them into fused layouts and
back, and the fused tensors are judged by numpy, which builds them by a route of its own."""
import json

import numpy
import pytest
import torch
import transformers
from conftest import recast
from hub_models import MODELS, SMALL, job, models, numpy_of  # noqa: F401
from safetensors.torch import load_file, save_file


def padded(tensor, multiple=128):
    rows = -tensor.shape[0] % multiple
    return numpy.concatenate([tensor, numpy.zeros((rows, *tensor.shape[1:]), tensor.dtype)])


def fused_llama(hub, config):
    """What the docs of `fused` promise, said with numpy and the names of transformers."""
    out = {"embed.weight": padded(hub["model.embed_tokens.weight"]), "norm.weight": hub["model.norm.weight"]}
    if "lm_head.weight" in hub:
        out["head.weight"] = padded(hub["lm_head.weight"])
    for layer in range(config["num_hidden_layers"]):
        here, there = f"model.layers.{layer}", f"layers.{layer}"
        for kind in ("weight", "bias"):
            attention = [f"{here}.self_attn.{n}_proj.{kind}" for n in "qkv"]
            if attention[0] in hub:
                out[f"{there}.attn.qkv.{kind}"] = numpy.concatenate([hub[n] for n in attention])
            mlp = [f"{here}.mlp.{n}_proj.{kind}" for n in ("gate", "up")]
            if mlp[0] in hub:
                out[f"{there}.mlp.gate_up.{kind}"] = numpy.concatenate([hub[n] for n in mlp])
            for ours, theirs in (("attn.o", "self_attn.o_proj"), ("mlp.down", "mlp.down_proj"),
                                 ("attn.q_norm", "self_attn.q_norm"), ("attn.k_norm", "self_attn.k_norm")):
                if f"{here}.{theirs}.{kind}" in hub:
                    out[f"{there}.{ours}.{kind}"] = hub[f"{here}.{theirs}.{kind}"]
        out[f"{there}.ln1.weight"] = hub[f"{here}.input_layernorm.weight"]
        out[f"{there}.ln2.weight"] = hub[f"{here}.post_attention_layernorm.weight"]
    return out


def fused_gpt2(hub, config):
    heads, size = config["n_head"], config["n_embd"] // config["n_head"]

    def per_head(qkv):  # (..., 3 * heads * size), side by side -> (heads * 3 * size, ...)
        qkv = qkv.reshape(*qkv.shape[:-1], 3, heads, size)
        return numpy.moveaxis(numpy.moveaxis(qkv, -2, -3), (-3, -2, -1), (0, 1, 2)).reshape(
            heads * 3 * size, *qkv.shape[:-3])

    hub = {name.removeprefix("transformer."): value for name, value in hub.items()}
    out = {"embed.weight": padded(hub["wte.weight"]), "positions.weight": hub["wpe.weight"],
           "norm.weight": hub["ln_f.weight"], "norm.bias": hub["ln_f.bias"]}
    if "lm_head.weight" in hub:
        out["head.weight"] = padded(hub["lm_head.weight"])
    for layer in range(config["n_layer"]):
        here, there = f"h.{layer}", f"layers.{layer}"
        out[f"{there}.attn.qkv.weight"] = per_head(hub[f"{here}.attn.c_attn.weight"])
        out[f"{there}.attn.qkv.bias"] = per_head(hub[f"{here}.attn.c_attn.bias"])
        for ours, theirs in (("attn.o", "attn.c_proj"), ("mlp.up", "mlp.c_fc"), ("mlp.down", "mlp.c_proj")):
            out[f"{there}.{ours}.weight"] = hub[f"{here}.{theirs}.weight"].T
            out[f"{there}.{ours}.bias"] = hub[f"{here}.{theirs}.bias"]
        for norm in (1, 2):
            for kind in ("weight", "bias"):
                out[f"{there}.ln{norm}.{kind}"] = hub[f"{here}.ln_{norm}.{kind}"]
    return out


@pytest.mark.parametrize("name", MODELS)
def test_hf_to_fused_and_back(models, name, tmp_path):
    library, view, _ = MODELS[name]
    folder, there, back = models / name, tmp_path / "fused", tmp_path / "back"
    recast("convert", job(tmp_path, library, folder, there, (view, "fused")), "--no-sync")
    config = json.loads((folder / "config.json").read_text())
    hub = numpy_of(folder / "model.safetensors")
    expected = (fused_gpt2 if library == "gpt2" else fused_llama)(hub, config)
    written = numpy_of(there / "model.safetensors")
    assert written.keys() == expected.keys()
    for tensor, value in expected.items():
        assert numpy.array_equal(written[tensor], value), tensor
    recast("convert", job(tmp_path, library, there, back, ("fused", view), config=folder), "--no-sync")
    again = numpy_of(back / "model.safetensors")
    assert again.keys() == hub.keys()
    for tensor, value in hub.items():
        assert numpy.array_equal(again[tensor], value), tensor


def test_transformers_loads_what_comes_back(models, tmp_path):
    folder, there, back = models / "gpt2", tmp_path / "fused", tmp_path / "back"
    recast("convert", job(tmp_path, "gpt2", folder, there, ("hf", "fused")), "--no-sync")
    recast("convert", job(tmp_path, "gpt2", there, back, ("fused", "hf"),
                          f'weight: keep files {{ "config.json": copy from "{folder}" }}', config=folder), "--no-sync")
    a = transformers.AutoModelForCausalLM.from_pretrained(folder).state_dict()
    b = transformers.AutoModelForCausalLM.from_pretrained(back).state_dict()
    assert a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_only_init_and_paths(models, tmp_path):
    folder = models / "qwen2"
    out = tmp_path / "part"
    recast("convert", job(tmp_path, "qwen2", folder, out, ("hf", "hf"),
                          'only layer[l].{n: q k}, "model.norm.weight"\n'
                          "weight in layer[l].q: keep | cast(bf16)\nelse: keep"), "--no-sync")
    written = load_file(out / "model.safetensors")
    assert len(written) == 2 * SMALL["num_hidden_layers"] + 1
    assert written["model.layers.0.self_attn.q_proj.weight"].dtype == torch.bfloat16
    assert written["model.layers.0.self_attn.k_proj.weight"].dtype == torch.float32

    # A model that has biases, from one that has none.
    bare = models / "llama"
    config = json.loads((bare / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "attention_bias": True}))
    path = tmp_path / "init.ucl"
    text = (f'use "std/llama.ucl"\nlet m = llama(config("{bare}/config.json"))\n'
            f'source from = safetensors("{bare}") as hf(m)\n'
            f'target to = safetensors("{tmp_path}/biased") as fused(llama(config("{tmp_path}/config.json")))\n'
            "convert from -> to {{ weight: keep {} }}\n")
    path.write_text(text.format(""))
    refused = recast("check", path, check=False)
    assert refused.code == 2 and "nothing fills layer[0].q_bias" in refused.err and "init weight" in refused.err
    path.write_text(text.format("init weight in layer[l].{n: q_bias k_bias v_bias o_bias}: constant(0.5)"))
    recast("convert", path, "--no-sync")
    written = load_file(tmp_path / "biased" / "model.safetensors")
    assert torch.equal(written["layers.1.attn.qkv.bias"], torch.full((40,), 0.5))


def test_init_recognises_models(models, tmp_path):
    for name, (library, view, _) in MODELS.items():
        path = tmp_path / f"{name}.ucl"
        recast("init", models / name, "--to", "safetensors", "--view", "fused", "--out-dir", tmp_path / name, "-o", path)
        text = path.read_text()
        assert f'use "std/{library}.ucl"' in text and f"as {view}(m)" in text and "as fused(m)" in text
        recast("check", path)
        recast("fmt", "--check", path)
    (tmp_path / "bare").mkdir()
    save_file({"x": torch.zeros(2)}, tmp_path / "bare" / "model.safetensors")
    refused = recast("init", tmp_path / "bare", "--to", "safetensors", "--view", "fused", check=False)
    assert refused.code == 2 and "--view needs a model of the standard library" in refused.err
