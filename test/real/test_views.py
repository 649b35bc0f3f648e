"""Models and views: transformers writes index-stamped models, Recast turns them into fused layouts and
back, and the fused tensors are judged by numpy, which builds them by a route of its own."""
import json

import numpy
import pytest
import torch
import transformers
from conftest import recast
from safetensors.torch import load_file, save_file

SMALL = dict(vocab_size=50, hidden_size=24, intermediate_size=20, num_hidden_layers=3, num_attention_heads=6,
             num_key_value_heads=2, max_position_embeddings=32, bos_token_id=1, eos_token_id=2)
MODELS = {
    "llama": ("llama", lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**SMALL))),
    "llama_biases": ("llama", lambda: transformers.LlamaForCausalLM(
        transformers.LlamaConfig(**SMALL, attention_bias=True, mlp_bias=True))),
    "llama_tied": ("llama", lambda: transformers.LlamaForCausalLM(
        transformers.LlamaConfig(**SMALL, tie_word_embeddings=True))),
    "mistral": ("llama", lambda: transformers.MistralForCausalLM(transformers.MistralConfig(**SMALL))),
    "qwen2": ("qwen2", lambda: transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**SMALL))),
    "qwen3": ("qwen3", lambda: transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**SMALL, head_dim=8))),
    "gpt2": ("gpt2", lambda: transformers.GPT2LMHeadModel(transformers.GPT2Config(
        vocab_size=50, n_embd=24, n_layer=3, n_head=4, n_positions=32, bos_token_id=1, eos_token_id=2))),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders of models whose elements are a function of name and index: no two are equal."""
    root = tmp_path_factory.mktemp("models")
    for name, (_, make) in MODELS.items():
        model, next_value = make(), 0
        with torch.no_grad():
            for parameter in model.parameters():
                count = parameter.numel()
                parameter.copy_(torch.arange(next_value, next_value + count).reshape(parameter.shape))
                next_value += count
        assert next_value < 1 << 24  # Each value is exact in f32.
        model.save_pretrained(root / name)
    return root


def job(folder, library, source, target, views, statements="weight: keep", config=None):
    path = folder / "job.ucl"
    path.write_text(f'use "std/{library}.ucl"\nlet m = {library}(config("{config or source}/config.json"))\n'
                    f'source from = safetensors("{source}") as {views[0]}(m)\n'
                    f'target to = safetensors("{target}") as {views[1]}(m)\n'
                    f"convert from -> to {{\n{statements}\n}}\n")
    return path


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

    out = {"embed.weight": padded(hub["transformer.wte.weight"]), "positions.weight": hub["transformer.wpe.weight"],
           "norm.weight": hub["transformer.ln_f.weight"], "norm.bias": hub["transformer.ln_f.bias"]}
    for layer in range(config["n_layer"]):
        here, there = f"transformer.h.{layer}", f"layers.{layer}"
        out[f"{there}.attn.qkv.weight"] = per_head(hub[f"{here}.attn.c_attn.weight"])
        out[f"{there}.attn.qkv.bias"] = per_head(hub[f"{here}.attn.c_attn.bias"])
        for ours, theirs in (("attn.o", "attn.c_proj"), ("mlp.up", "mlp.c_fc"), ("mlp.down", "mlp.c_proj")):
            out[f"{there}.{ours}.weight"] = hub[f"{here}.{theirs}.weight"].T
            out[f"{there}.{ours}.bias"] = hub[f"{here}.{theirs}.bias"]
        for norm in (1, 2):
            for kind in ("weight", "bias"):
                out[f"{there}.ln{norm}.{kind}"] = hub[f"{here}.ln_{norm}.{kind}"]
    return out


def numpy_of(path):
    return {name: tensor.numpy() for name, tensor in load_file(path).items()}


@pytest.mark.parametrize("name", MODELS)
def test_hf_to_fused_and_back(models, name, tmp_path):
    library = MODELS[name][0]
    folder, there, back = models / name, tmp_path / "fused", tmp_path / "back"
    recast("convert", job(tmp_path, library, folder, there, ("hf", "fused")), "--no-sync")
    config = json.loads((folder / "config.json").read_text())
    hub = numpy_of(folder / "model.safetensors")
    expected = (fused_gpt2 if library == "gpt2" else fused_llama)(hub, config)
    written = numpy_of(there / "model.safetensors")
    assert written.keys() == expected.keys()
    for tensor, value in expected.items():
        assert numpy.array_equal(written[tensor], value), tensor
    recast("convert", job(tmp_path, library, there, back, ("fused", "hf"), config=folder), "--no-sync")
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


STACKED = """
model tiny(c) {{ dims L = 3, h = 4, f = 5 layer[l < L] {{ w (f, h) b (f) }} }}
view apart of tiny {{ layer[l].w = "l{{l}}.w" layer[l].b = "l{{l}}.b" }}
view stacked of tiny {{ layer[l].w = "w": "{map}" layer[l].b = "b": "f l" }}
source from = safetensors("{source}") as {views[0]}(tiny(1))
target to = safetensors("{target}") as {views[1]}(tiny(1))
convert from -> to {{ weight: keep }}
"""


@pytest.mark.parametrize("pattern,axis", [("l f h", 0), ("f l h", 1), ("f h l", 2), ("h l f", None)])
def test_layers_apart_and_stacked(tmp_path, pattern, axis):
    apart = {f"l{layer}.{n}": torch.randn(shape) for layer in range(3) for n, shape in (("w", (5, 4)), ("b", (5,)))}
    (tmp_path / "in").mkdir()
    save_file(apart, tmp_path / "in" / "apart.safetensors")
    path = tmp_path / "job.ucl"
    path.write_text(STACKED.format(map=pattern, source=tmp_path / "in" / "apart.safetensors", target=tmp_path / "stacked",
                                   views=("apart", "stacked")))
    recast("convert", path, "--no-sync")
    written = load_file(tmp_path / "stacked" / "model.safetensors")
    layers = [apart[f"l{layer}.w"] for layer in range(3)]
    expected = torch.stack([w.T for w in layers], 1) if axis is None else torch.stack(layers, axis)
    assert torch.equal(written["w"], expected)
    assert torch.equal(written["b"], torch.stack([apart[f"l{layer}.b"] for layer in range(3)], 1))
    path.write_text(STACKED.format(map=pattern, source=tmp_path / "stacked", target=tmp_path / "back",
                                   views=("stacked", "apart")))
    recast("convert", path, "--no-sync")
    again = load_file(tmp_path / "back" / "model.safetensors")
    assert again.keys() == apart.keys() and all(torch.equal(again[n], apart[n]) for n in apart)


BAD = [
    ('view v of tiny { layer[l].w = "w{l}" }', "no rule for `layer[l].b`"),
    ('view v of tiny { layer[l].w = "w" layer[l].b = "b{l}" }', "`l` stands neither in the name nor in a map"),
    ('view v of tiny { layer[l].w = "x{l}" layer[l].b = "x{l}" }', "would both be stored as 'x0'"),
    ('view v of tiny { layer[l].w = "w{l}": "h" layer[l].b = "b{l}" }', "has (f h) in the model"),
    ('view v of tiny { layer[l].[w, b] = "w{l}": "(f h + g)" }', "(g), but 'b' has (f)"),
    ('view v of tiny { layer[l].w = "w{l}" pad k to multiple of 8 layer[l].b = "b{l}" }', "no axis 'k' to pad"),
    ('view v of tiny { layer[l].w = "w{l}" layer[l].b = "b{l}" layer[l].b = "c{l}" }', "has a rule already"),
    ('view v of tiny { layer[l].{n: w b c} = "{n}{l}" }', "has no tensor `layer[l].c`"),
]


@pytest.mark.parametrize("view,message", BAD)
def test_views_that_are_no_bijection(tmp_path, view, message):
    save_file({"w0": torch.zeros(2, 2)}, tmp_path / "x.safetensors")
    path = tmp_path / "job.ucl"
    path.write_text("model tiny(c) { dims L = c, h = 2, f = 3, g = 3 layer[l < L] { w (f, h) b (f) } }\n" + view +
                    f'\nsource a = safetensors("{tmp_path}/x.safetensors") as v(tiny(2))\n'
                    f'target b = safetensors("{tmp_path}/y") as v(tiny(2))\nconvert a -> b {{ weight: keep }}\n')
    refused = recast("check", path, check=False)
    assert refused.code == 2 and message in refused.err, refused.err


def test_files_that_do_not_fit_their_view(models, tmp_path):
    folder = models / "llama"
    config = json.loads((folder / "config.json").read_text())

    def refusal(**changes):
        (tmp_path / "config.json").write_text(json.dumps({**config, **changes}))
        return recast("check", job(tmp_path, "llama", folder, tmp_path / "out", ("hf", "fused"), config=tmp_path),
                      check=False)

    wide = refusal(intermediate_size=21)
    assert wide.code == 3 and "expects the shape (24, 21), the source has (24, 20)" in wide.err
    assert "mlp.down_proj.weight" in wide.err and "config.json" in wide.err
    deep = refusal(num_hidden_layers=4)
    assert deep.code == 3 and "the source has no such tensor" in deep.err and "model.layers.3" in deep.err
    shallow = refusal(num_hidden_layers=2)
    assert shallow.code == 3 and "does not know this tensor" in shallow.err and "model.layers.2" in shallow.err
    tied = refusal(tie_word_embeddings=True)
    assert tied.code == 3 and "tied" in tied.err and "lm_head.weight" in tied.err
    odd = refusal(num_attention_heads=5)
    assert odd.code == 2 and "5 / 2 has no integer value" in odd.err
    missing = refusal(vocab_size=None)
    assert missing.code == 3 and "dimension 'V' is missing" in missing.err
    (tmp_path / "config.json").write_text("[1")
    broken = recast("check", job(tmp_path, "llama", folder, tmp_path / "out", ("hf", "fused"), config=tmp_path), check=False)
    assert broken.code == 3 and "not a usable configuration" in broken.err


def test_init_recognises_models(models, tmp_path):
    for name, (library, _) in MODELS.items():
        path = tmp_path / f"{name}.ucl"
        recast("init", models / name, "--to", "safetensors", "--view", "fused", "--out-dir", tmp_path / name, "-o", path)
        text = path.read_text()
        assert f'use "std/{library}.ucl"' in text and "as hf(m)" in text and "as fused(m)" in text
        recast("check", path)
        recast("fmt", "--check", path)
    (tmp_path / "bare").mkdir()
    save_file({"x": torch.zeros(2)}, tmp_path / "bare" / "model.safetensors")
    refused = recast("init", tmp_path / "bare", "--to", "safetensors", "--view", "fused", check=False)
    assert refused.code == 2 and "--view needs a model of the standard library" in refused.err
