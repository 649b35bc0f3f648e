"""Restores into the memory of the ranks of a mesh: each gets its slice of every tensor, judged bit for bit (by
digest, dtype and shape) against slices that torch takes of what the run itself held."""
import json

import pytest
import torch

from checkpoints import truth_of
from conftest import DATA, recast
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
