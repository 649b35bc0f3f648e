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
GPT2 = dict(vocab_size=50, n_embd=24, n_layer=3, n_head=4, n_positions=32, bos_token_id=1, eos_token_id=2)


def hub_model(family, **options):
    """A model with its head, of a class of transformers."""
    config = getattr(transformers, family + "Config")(**{**(GPT2 if family == "GPT2" else SMALL), **options})
    return getattr(transformers, family + ("LMHeadModel" if family == "GPT2" else "ForCausalLM"))(config)


# Name: file of lang/std, its view of what transformers stores, the model.
MODELS = {
    "llama": ("llama", "hf", lambda: hub_model("Llama")),
    "llama_mha": ("llama", "hf", lambda: hub_model("Llama", num_key_value_heads=None)),
    "llama_biases": ("llama", "hf", lambda: hub_model("Llama", attention_bias=True, mlp_bias=True)),
    "llama_tied": ("llama", "hf", lambda: hub_model("Llama", tie_word_embeddings=True)),
    "mistral": ("llama", "hf", lambda: hub_model("Mistral")),
    "qwen2": ("qwen2", "hf", lambda: hub_model("Qwen2")),
    "qwen2_tied": ("qwen2", "hf", lambda: hub_model("Qwen2", tie_word_embeddings=True)),
    "qwen3": ("qwen3", "hf", lambda: hub_model("Qwen3", head_dim=8)),
    "qwen3_biases_tied": ("qwen3", "hf", lambda: hub_model("Qwen3", head_dim=6, attention_bias=True,
                                                           tie_word_embeddings=True)),
    "gpt2": ("gpt2", "hf", lambda: hub_model("GPT2")),
    "gpt2_untied": ("gpt2", "hf", lambda: hub_model("GPT2", n_inner=40, tie_word_embeddings=False)),
    "gpt2_base": ("gpt2", "hf_base", lambda: transformers.GPT2Model(transformers.GPT2Config(**GPT2))),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders of models whose elements are a function of name and index: no two are equal."""
    root = tmp_path_factory.mktemp("models")
    for name, (_, _, make) in MODELS.items():
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


def numpy_of(path):
    return {name: tensor.numpy() for name, tensor in load_file(path).items()}


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


EXPERTS = """
model moe(c) {{ dims L = 2, E = 3, h = 4, f = 5
  layer[l < L] {{ expert[e < E] {{ gate (f, h) up (f, h) down (h, f) }} }} }}
view apart of moe {{ layer[l].expert[e].{{n: gate up down}} = "{{l}}.{{e}}.{{n}}" }}
view together of moe {{
  layer[l].expert[e].[gate, up] = "{{l}}.w13": "{map}"
  layer[l].expert[e].down = "w2": "l e h f"
}}
source from = safetensors("{source}") as {views[0]}(moe(1))
target to = safetensors("{target}") as {views[1]}(moe(1))
convert from -> to {{ weight: keep }}
"""


# gate and up are (experts, f, h).
@pytest.mark.parametrize("pattern,build", [
    ("e (f + f) h", lambda gate, up: numpy.concatenate([gate, up], 1)),
    ("(e (f + f)) h", lambda gate, up: numpy.concatenate([gate, up], 1).reshape(30, 4)),
    ("(f + f) e h", lambda gate, up: numpy.concatenate([gate, up], 1).transpose(1, 0, 2)),
    ("h (e f + e f)", lambda gate, up: numpy.concatenate([gate.reshape(15, 4), up.reshape(15, 4)]).T),
    ("e h (f + f)", lambda gate, up: numpy.concatenate([gate, up], 1).transpose(0, 2, 1)),
    ("(e + e) f h", lambda gate, up: numpy.concatenate([gate, up])),
])
def test_experts_stacked_and_packed(tmp_path, pattern, build):
    shapes = {"gate": (5, 4), "up": (5, 4), "down": (4, 5)}
    names = [f"{layer}.{e}.{n}" for layer in range(2) for e in range(3) for n in shapes]
    apart = {name: torch.arange(20.0).reshape(shapes[name[4:]]) + 20 * i for i, name in enumerate(names)}
    (tmp_path / "in").mkdir()
    save_file(apart, tmp_path / "in" / "apart.safetensors")
    path = tmp_path / "job.ucl"
    path.write_text(EXPERTS.format(map=pattern, source=tmp_path / "in" / "apart.safetensors",
                                   target=tmp_path / "together", views=("apart", "together")))
    recast("convert", path, "--no-sync")
    written = numpy_of(tmp_path / "together" / "model.safetensors")

    def stack(layer, n):
        return numpy.stack([apart[f"{layer}.{e}.{n}"].numpy() for e in range(3)])
    for layer in range(2):
        assert numpy.array_equal(written[f"{layer}.w13"], build(stack(layer, "gate"), stack(layer, "up")))
    assert numpy.array_equal(written["w2"], numpy.stack([stack(layer, "down") for layer in range(2)]))
    path.write_text(EXPERTS.format(map=pattern, source=tmp_path / "together", target=tmp_path / "back",
                                   views=("together", "apart")))
    recast("convert", path, "--no-sync")
    again = load_file(tmp_path / "back" / "model.safetensors")
    assert again.keys() == apart.keys() and all(torch.equal(again[n], apart[n]) for n in apart)


@pytest.mark.parametrize("pattern,message", [
    ("e (f + g) h", "in the model"),
    ("(e f + f) h", "4 parts for the 6 tensors"),
    ("(e f + e f + e f) h", "9 parts for the 6 tensors"),
    ("e f h + e f h -> e (f + f) h", "does not stack"),
])
def test_stacks_that_are_no_bijection(tmp_path, pattern, message):
    save_file({"w0": torch.zeros(2, 2)}, tmp_path / "x.safetensors")
    path = tmp_path / "job.ucl"
    path.write_text(EXPERTS.format(map=pattern, source=tmp_path / "x.safetensors", target=tmp_path / "y",
                                   views=("together", "apart")).replace("f = 5", "f = 5, g = 5"))
    refused = recast("check", path, check=False)
    assert refused.code == 2 and message in refused.err, refused.err


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


@pytest.mark.parametrize("name", ["llama", "llama_tied", "qwen2_tied", "gpt2_untied", "gpt2"])
def test_a_grown_vocabulary(models, name, tmp_path):
    """As `resize_token_embeddings` of transformers, with a value of our own for the new rows."""
    library, view, _ = MODELS[name]
    grown = transformers.AutoModelForCausalLM.from_pretrained(models / name)
    grown.resize_token_embeddings(71, mean_resizing=False)
    with torch.no_grad():
        for layer in (grown.get_input_embeddings(), grown.get_output_embeddings()):
            layer.weight[50:] = 0.25
    grown.save_pretrained(tmp_path / "expected")
    config = tmp_path / "expected" / "config.json"

    def write(target, to_view, init):
        path = tmp_path / "grow.ucl"
        path.write_text(f'use "std/{library}.ucl"\n'
                        f'source from = safetensors("{models / name}") as {view}({library}(config("{models / name}/config.json")))\n'
                        f'target to = safetensors("{target}") as {to_view}({library}(config("{config}")))\n'
                        f'convert from -> to {{ weight: keep {init}\n'
                        f'files {{ "config.json": copy from "{config.parent}" }} }}\n')
        return path
    refused = recast("check", write(tmp_path / "grown", view, ""), check=False)
    assert refused.code == 2 and "nothing fills what it has grown by" in refused.err and "init weight in" in refused.err
    recast("convert", write(tmp_path / "grown", view, "init weight in embed, head: constant(0.25)"), "--no-sync")
    a = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "expected").state_dict()
    b = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "grown").state_dict()
    assert a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
    assert (numpy_of(tmp_path / "grown" / "model.safetensors").keys()
            == numpy_of(tmp_path / "expected" / "model.safetensors").keys())  # What is tied is stored once.
    # Grown and padded in one step, and taken back from there.
    recast("convert", write(tmp_path / "fused", "fused", "init weight in embed, head: constant(0.25)"), "--no-sync")
    fused = numpy_of(tmp_path / "fused" / "model.safetensors")["embed.weight"]
    rows = grown.get_input_embeddings().weight.detach().numpy()
    assert fused.shape[0] == 128 and numpy.array_equal(fused[:71], rows) and not fused[71:].any()


def test_packed_parts_grow_side_by_side(tmp_path):
    text = """
model net(f) {{ dims h = 3, w = f gate (w, h) up (w, h) both (h, w) }}
view apart of net {{ gate = "gate" up = "up" both = "both" }}
view packed of net {{ [gate, up] = "gate_up": "h (w + w)" both = "both": "(w h)" pad h to multiple of 2 }}
source from = safetensors("{source}/in.safetensors") as apart(net(4))
target to = safetensors("{source}/out") as packed(net(6))
convert from -> to {{ weight: keep {init} }}
"""
    tensors = {n: torch.arange(12.0).reshape(shape) + 12 * i
               for i, (n, shape) in enumerate((("gate", (4, 3)), ("up", (4, 3)), ("both", (3, 4))))}
    save_file(tensors, tmp_path / "in.safetensors")
    path = tmp_path / "job.ucl"
    path.write_text(text.format(source=tmp_path, init="init weight in gate: ones init weight in up, both: constant(2.5)"))
    recast("convert", path, "--no-sync")
    written = numpy_of(tmp_path / "out" / "model.safetensors")
    gate = numpy.concatenate([tensors["gate"].numpy(), numpy.full((2, 3), 1.0, "f4")])
    up = numpy.concatenate([tensors["up"].numpy(), numpy.full((2, 3), 2.5, "f4")])
    both = numpy.concatenate([tensors["both"].numpy(), numpy.full((3, 2), 2.5, "f4")], 1)
    both = numpy.concatenate([both, numpy.zeros((1, 6), "f4")]).T.reshape(-1)
    assert numpy.array_equal(written["gate_up"], numpy.concatenate([gate, up]).T)
    assert numpy.array_equal(written["both"], both)
    path.write_text(text.format(source=tmp_path, init="init weight: zeros").replace("net(6)", "net(3)"))
    refused = recast("check", path, check=False)
    assert refused.code == 2 and "has another shape in the model" in refused.err
