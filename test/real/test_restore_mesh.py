"""Restores into the memory of the ranks of a mesh: each gets its slice of every tensor, judged bit for bit (by
digest, dtype and shape) against slices that torch takes of what the run itself held."""
import json

import pytest
import torch
import transformers
from safetensors.torch import load_file

from checkpoints import truth_of
from conftest import DATA, ROOT, recast
from test_digests import digest_of

CASE = DATA / "z3_bf16_dp2"
LIBRARY = """model demo() {
  dims L = 2, h = 32, g = 2, r = 2, d = 8, f = 36, V = 67, P = 12
  embed (V, h)   pos (P, h)   scale (h)
  layer[l < L] { q (g r d, h)  k (g d, h)  v (g d, h)  o (h, g r d)  gate (f, h)  up (f, h)  down (h, f)
                 q_bias (g r d)  k_bias (g d)  v_bias (g d)  o_bias (h)  down_bias (h)
                 ln1 (h)  ln1_bias (h)  ln2 (h)  ln2_bias (h) }
  norm (h)   norm_bias (h)   head (V, h)
}
view native of demo {
  embed = "embed.weight"   pos = "pos"   scale = "frozen_scale"
  layer[l].[q, k, v] = "layers.{l}.attn.qkv_proj.weight": "((g r d) + (g d) + (g d)) h"
  layer[l].[q_bias, k_bias, v_bias] = "layers.{l}.attn.qkv_proj.bias": "((g r d) + (g d) + (g d))"
  layer[l].o = "layers.{l}.attn.o_proj.weight"   layer[l].o_bias = "layers.{l}.attn.o_proj.bias"
  layer[l].[gate, up] = "layers.{l}.mlp.gate_up_proj.weight": "(f + f) h"
  layer[l].down = "layers.{l}.mlp.down_proj.weight"   layer[l].down_bias = "layers.{l}.mlp.down_proj.bias"
  layer[l].{n: ln1 ln2} = "layers.{l}.{n}.weight"
  layer[l].ln1_bias = "layers.{l}.ln1.bias"   layer[l].ln2_bias = "layers.{l}.ln2.bias"
  norm = "ln_f.weight"   norm_bias = "ln_f.bias"   head = "lm_head.weight"
}
"""
# Names as in the run, so that one truth serves.
CUT = """view cut of demo over (tp) {
  embed = "embed.weight" STEPS_EMBED   pos = "pos"   scale = "frozen_scale"
  layer[l].[q, k, v] = "layers.{l}.attn.qkv_proj.weight": "((g r d) + (g d) + (g d)) h" split g r by tp
  layer[l].[q_bias, k_bias, v_bias] = "layers.{l}.attn.qkv_proj.bias": "((g r d) + (g d) + (g d))" split g r by tp
  layer[l].o = "layers.{l}.attn.o_proj.weight" split g r by tp   layer[l].o_bias = "layers.{l}.attn.o_proj.bias"
  layer[l].[gate, up] = "layers.{l}.mlp.gate_up_proj.weight": "(f + f) h" split f by tp STEPS_F
  layer[l].down = "layers.{l}.mlp.down_proj.weight" split f by tp STEPS_F
  layer[l].down_bias = "layers.{l}.mlp.down_proj.bias"
  layer[l].{n: ln1 ln2} = "layers.{l}.{n}.weight"
  layer[l].ln1_bias = "layers.{l}.ln1.bias"   layer[l].ln2_bias = "layers.{l}.ln2.bias"
  norm = "ln_f.weight"   norm_bias = "ln_f.bias"   head = "lm_head.weight" STEPS_HEAD
}
"""
PIPELINE = """pipeline p { ranks = 2  microbatches = 4  schedule = KIND
  assign { layer[l] : uniform   embed, pos, scale : first   norm, norm_bias, head : last } }
"""
ROLES = """master, exp_avg, exp_avg_sq, step : keep   weight : master | cast(bf16)   frozen, buffer : keep
  objects { else : drop }"""


def job(folder, on, steps=("pad V to multiple of 4 * tp split V by tp", "", "split h by tp"), statements=ROLES,
        kind=None, view=CUT, name="job.ucl"):
    """STEPS of the embedding, of what has the axis f, of the head; `kind`: by stages of a pipeline."""
    for word, text in zip(("STEPS_EMBED", "STEPS_F", "STEPS_HEAD"), steps):
        view = view.replace(word, text)
    (folder / "demo.ucl").write_text(LIBRARY + view)
    path = folder / name
    path.write_text(f'use "demo.ucl"\nlet m = demo()\n{PIPELINE.replace("KIND", kind) if kind else ""}'
                    f'source run = deepspeed("{CASE / "native"}") as native(m)\n'
                    f'target live = memory() as cut(m) {on}\nrestore run -> live {{\n  {statements}\n}}\n')
    return path


def tensors_of(report):
    return {(t["role"], t["tensor"]): (t["dtype"], tuple(t["shape"]), t["digest"]) for t in report["tensors"]}


def restored(folder, path, ranks):
    """Per rank, what `recast run --rank` says is in its memory."""
    recast("plan", path, "-o", folder / "live.rplan", cwd=folder)
    return [tensors_of(json.loads(recast("run", folder / "live.rplan", "--json", "--rank", rank).out))
            for rank in range(ranks)]


@pytest.fixture(scope="module")
def truth():
    """{(role, name): tensor}, weights cast from masters by torch."""
    tensors = {}
    for (role, name), value in truth_of(CASE)[0].items():
        role = {"pos": "buffer", "frozen_scale": "frozen"}.get(name, role)
        if role != "module" and value.dim() > 0:
            tensors[role, name] = value
        if role == "master":
            tensors["weight", name] = value.to(torch.bfloat16)
    assert {role for role, _ in tensors} == {"master", "exp_avg", "exp_avg_sq", "weight", "frozen", "buffer"}
    return tensors


def balanced(tensor, ways, at, dim):
    return torch.tensor_split(tensor, ways, dim)[at]


def heads(tensor, dim, groups, tp, at):
    """Of rows (g r d), `groups` of them g: those of the groups, then of the heads in each, that a rank has."""
    cut = 2 if tp % 2 == 0 else 1
    shape = tensor.shape[:dim] + (2, groups // 2, 8) + tensor.shape[dim + 1:]
    own = tensor.reshape(shape).chunk(cut, dim)[at // (tp // cut)]
    if groups > 2:
        own = own.chunk(tp // cut, dim + 1)[at % (tp // cut)]
    return own.flatten(dim, dim + 2)


def slice_of(name, tensor, tp, at, embed=None, f=balanced, head=lambda t, tp, at: t.chunk(tp, 1)[at]):
    if "qkv_proj" in name:
        q, k, v = tensor.split([32, 16, 16])
        return torch.cat([heads(q, 0, 4, tp, at), heads(k, 0, 2, tp, at), heads(v, 0, 2, tp, at)])
    if name.endswith("o_proj.weight"):
        return heads(tensor, 1, 4, tp, at)
    if name.endswith("gate_up_proj.weight"):
        return torch.cat([f(half, tp, at, 0) for half in tensor.chunk(2)])
    if name.endswith("down_proj.weight"):
        return f(tensor, tp, at, 1)
    if name == "embed.weight":
        if embed:
            return embed(tensor, tp, at)
        padded = torch.cat([tensor, torch.zeros(-len(tensor) % (4 * tp), 32, dtype=tensor.dtype)])
        return padded.chunk(tp)[at]
    return head(tensor, tp, at) if name == "lm_head.weight" else tensor


SHORT = {torch.float32: "f32", torch.bfloat16: "bf16"}


def assert_slices(found, expected):
    assert found.keys() == expected.keys()
    for key, tensor in expected.items():
        assert found[key] == (SHORT[tensor.dtype], tuple(tensor.shape), digest_of(tensor)), key


@pytest.mark.parametrize("tp", [2, 4])
def test_each_rank_has_its_slices(workdir, truth, tp):
    ranks = restored(workdir, job(workdir, f"on (tp = {tp})"), tp)
    for at in range(tp):
        assert_slices(ranks[at], {key: slice_of(key[1], value, tp, at) for key, value in truth.items()})
    # All of them at once, from one process.
    done = json.loads(recast("run", workdir / "live.rplan", "--json").out)
    assert len(done["tensors"]) == tp * len(truth)


def test_stages_slices_and_replicas(workdir, truth):
    """Rank 4 pp + 2 dp + tp: the stages of pp, the slices of tp, the same on each dp."""
    path = job(workdir, "on (pp = 2, dp = 2, tp = 2) replicated dp stages p", kind='"1f1b"', statements=ROLES + " deadline p")
    ranks = restored(workdir, path, 8)
    for rank, found in enumerate(ranks):
        pp, dp, tp = rank // 4, rank // 2 % 2, rank % 2
        own = {key: value for key, value in truth.items()
               if key[1].startswith(("layers.1", "ln_f", "lm_head") if pp else ("layers.0", "embed", "pos", "frozen"))}
        assert_slices(found, {key: slice_of(key[1], value, 2, tp) for key, value in own.items()})
    # A rank reads about its part of the file; replicas are written from one read.
    alone = [json.loads(recast("run", workdir / "live.rplan", "--json", "--rank", r).out)["bytes_needed"] for r in range(8)]
    whole = json.loads(recast("run", workdir / "live.rplan", "--json").out)
    assert alone[:2] == alone[2:4] and alone[4:6] == alone[6:]
    assert whole["bytes_needed"] == sum(alone[0:2] + alone[4:6]) - shared_reads(whole, truth)


def shared_reads(_, truth):
    """Bytes that ranks of one stage both need: of tensors that tp does not cut."""
    cut = ("qkv_proj", "o_proj.weight", "gate_up_proj.weight", "down_proj.weight", "embed", "lm_head")
    return sum(value.numel() * value.element_size() for (role, name), value in truth.items()
               if role != "weight" and not any(part in name for part in cut))


def test_slices_of_the_next_step(workdir):
    statements = "weight : master | cast(bf16)  else : keep  drop step  objects { else : drop }"
    recast("plan", job(workdir, "on (tp = 2)", statements=statements), "-o", workdir / "live.rplan", cwd=workdir)
    recast("rebind", workdir / "live.rplan", CASE / "native", "-o", workdir / "again.rplan")
    assert (workdir / "live.rplan").read_bytes() == (workdir / "again.rplan").read_bytes()


def ceil(tensor, ways, at, dim):
    size = -(-tensor.shape[dim] // ways)
    return tensor.narrow(dim, min(size * at, tensor.shape[dim]), max(0, min(size, tensor.shape[dim] - size * at)))


def widths(*list_of):
    return lambda tensor, ways, at, dim: tensor.split(list_of, dim)[at]


@pytest.mark.parametrize("tp, embed, f", [
    (2, ("split V by tp (balanced)", balanced), ("(widths 31 5)", widths(31, 5))),
    (2, ("split V by tp (widths 0 67)", widths(0, 67)), ("(ceil)", ceil)),
    (4, ("split V by tp (ceil)", ceil), ("(balanced)", balanced)),
    (4, ("pad V to multiple of 100 split V by tp (ceil)",
         lambda t, ways, at, dim: ceil(torch.cat([t, torch.zeros(33, 32, dtype=t.dtype)]), ways, at, dim)), ("", balanced)),
    (8, ("chunk 0 by tp", ceil), ("(ceil)", ceil)),
], ids=["balanced_widths", "widths_ceil", "ceil_balanced", "padding_alone", "empty_ranks"])
def test_uneven_slices(workdir, truth, tp, embed, f):
    on = f"on (tp = {tp})"
    view = CUT if tp < 8 else CUT.replace("split g r by tp", "")
    ranks = restored(workdir, job(workdir, on, (embed[0], f[0], "split h by tp"), view=view), tp)
    for at in range(tp):
        expected = {}
        for key, value in truth.items():
            whole = tp == 8 and ("qkv" in key[1] or "o_proj" in key[1])
            expected[key] = value if whole else slice_of(
                key[1], value, tp, at, f=f[1], embed=lambda t, ways, at: embed[1](t, ways, at, 0))
        assert_slices(ranks[at], expected)


def test_two_axes_of_a_mesh(workdir, truth):
    view = CUT.replace("over (tp)", "over (tp, ep)")
    path = job(workdir, "on (tp = 2, ep = 2)", ("split V by tp, ep (balanced)", "", "split h by ep"), view=view)
    for rank, found in enumerate(restored(workdir, path, 4)):
        tp, ep = divmod(rank, 2)
        assert_slices(found, {key: slice_of(key[1], value, 2, tp, embed=lambda t, *_: balanced(t, 4, rank, 0),
                                            head=lambda t, *_: t.chunk(2, 1)[ep]) for key, value in truth.items()})


def test_predictions_of_slices(workdir):
    """Slices of what a whole restore predicts: the digests of its slices are those of the ranks."""
    ahead = "ahead : predict(master, exp_avg, exp_avg_sq, s = 2, rule = adamw) | cast(bf16)"
    statements = ahead + "  drop master, exp_avg, exp_avg_sq, step, frozen, buffer  objects { else : drop }"
    hub = f"""use "demo.ucl"\nlet m = demo()\nsource run = deepspeed("{CASE / 'native'}") as native(m)
    target hub = safetensors("{workdir / 'hub'}") as native(m)\nconvert run -> hub {{ {statements.replace('ahead :', 'weight :')} }}"""
    path = job(workdir, "on (tp = 2)", statements=statements)
    (workdir / "hub.ucl").write_text(hub)
    recast("convert", workdir / "hub.ucl", "--no-sync", cwd=workdir)
    whole = load_file(workdir / "hub" / "model.safetensors")
    for at, found in enumerate(restored(workdir, path, 2)):
        assert_slices(found, {("ahead", name): slice_of(name, value, 2, at) for name, value in whole.items()})


@pytest.mark.parametrize("on, options, message", [
    ("on (dp = 2)", {}, "the view `cut` cuts over `tp`, which is no axis of the mesh"),
    ("on (tp = 2, dp = 2)", {}, "nothing divides the tensors of 'live' along `dp`"),
    ("on (tp = 2) replicated tp", {}, "is `replicated tp`, but the view 'cut' divides"),
    ("on (tp = 8)", {}, "do not divide"),
    ("on (tp = 2)", dict(steps=("split V by tp", "", "")), "axis V has 67 elements, which do not divide into 2 equal shares"),
    ("on (tp = 2)", dict(steps=("flat tp per param", "", "")), "a rank's tensors have the dimensions of the model"),
    ("on (tp = 2)", dict(steps=("pad V to multiple of 4 split V by tp (balanced)", "", "")), "into equal shares"),
    ("on (tp = 2)", dict(steps=("split V by tp (widths 60 6)", "", "")), "the widths add up to 66"),
    ("on (tp = 2)", dict(steps=("split W by tp", "", "")), "no axis 'W'"),
    ("on (tp = 2) stages p", dict(kind="gpipe"), "no axis `pp` for the 2 ranks"),
    ("on (pp = 4, tp = 2) stages p", dict(kind="gpipe"), "has pp = 4, and the pipeline `p` has 2 ranks"),
    ("on (pp = 2, tp = 2)", {}, "along `pp`"),
    ("on (tp = 2)", dict(steps=("varying tp", "", "")), "is said of sources"),
    ("on (tp = 2)", dict(steps=("stage tp", "", "")), "is said of sources"),
    ("on (tp = 2000)", {}, "more than a plan may have (1024)"),
], ids=lambda value: value if isinstance(value, str) and value.startswith("on") else "")
def test_refused(workdir, on, options, message):
    done = recast("check", job(workdir, on, **options), check=False, cwd=workdir)
    assert done.code == 2 and message in done.err, done.err


def test_files_hold_tensors_whole(workdir):
    path = job(workdir, "on (tp = 2)")
    path.write_text(path.read_text().replace("memory()", 'safetensors("out")').replace("restore", "convert"))
    done = recast("check", path, check=False, cwd=workdir)
    assert done.code == 2 and "holds whole tensors" in done.err, done.err


def test_the_example(workdir):
    config = transformers.LlamaConfig(vocab_size=50, hidden_size=24, intermediate_size=20, num_hidden_layers=2,
                                      num_attention_heads=6, num_key_value_heads=2)
    model = transformers.LlamaForCausalLM(config)
    model.save_pretrained(workdir / "llama")
    recast("plan", ROOT / "examples" / "ranks.ucl", "-o", "ranks.rplan", cwd=workdir)
    hub = {name: value.to(torch.bfloat16) for name, value in model.state_dict().items()}
    for rank in range(8):
        pp, tp = rank // 4, rank % 2
        found = tensors_of(json.loads(recast("run", "ranks.rplan", "--rank", rank, "--json", cwd=workdir).out))
        here = f"model.layers.{pp}"
        whole = torch.cat([hub["lm_head.weight" if pp else "model.embed_tokens.weight"], torch.zeros(206, 24, dtype=torch.bfloat16)])
        expected = {
            f"layers.{pp}.attn.qkv.weight": torch.cat([hub[f"{here}.self_attn.{n}_proj.weight"].chunk(2)[tp] for n in "qkv"]),
            f"layers.{pp}.attn.o.weight": hub[f"{here}.self_attn.o_proj.weight"].chunk(2, 1)[tp],
            f"layers.{pp}.mlp.gate_up.weight": torch.cat([hub[f"{here}.mlp.{n}_proj.weight"].chunk(2)[tp] for n in ("gate", "up")]),
            f"layers.{pp}.mlp.down.weight": hub[f"{here}.mlp.down_proj.weight"].chunk(2, 1)[tp],
            f"layers.{pp}.ln1.weight": hub[f"{here}.input_layernorm.weight"],
            f"layers.{pp}.ln2.weight": hub[f"{here}.post_attention_layernorm.weight"],
            "head.weight" if pp else "embed.weight": whole.chunk(2)[tp],
        }
        if pp:
            expected["norm.weight"] = hub["model.norm.weight"]
        assert_slices(found, {("weight", name): value for name, value in expected.items()})
