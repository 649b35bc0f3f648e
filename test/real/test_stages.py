"""Which rank holds what, where `assign` names tensors by the paths of a model: models that transformers wrote, and
cheapest divisions found by trying all of them."""
import itertools
import json

import pytest
import torch
from conftest import recast
from hub_models import hub_model
from safetensors import safe_open
from safetensors.torch import save_file

LAYERS = 5
ASSIGN = "embed : first   layer[l] : {how}   norm, head : last"
JOB = """use "std/llama.ucl"
let m = llama(config("{folder}/config.json"))
source from = safetensors("{folder}") as hf(m)
pipeline p {{ ranks = {ranks}  chunks = {chunks}  microbatches = {microbatches}  schedule = {kind}
  assign {{ {assign} }} }}
target live = memory() as hf(m) stages p
restore from -> live {{ weight : keep   deadline p }}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An embedding that weighs as much as several layers."""
    folder = tmp_path_factory.mktemp("models") / "llama"
    hub_model("Llama", num_hidden_layers=LAYERS, vocab_size=300).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tied(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "tied"
    hub_model("Llama", num_hidden_layers=LAYERS, tie_word_embeddings=True).save_pretrained(folder)
    return folder


def job(workdir, folder, assign, ranks=2, chunks=1, kind='"1f1b"', microbatches=8):
    path = workdir / "job.ucl"
    path.write_text(JOB.format(folder=folder, assign=assign, ranks=ranks, chunks=chunks, kind=kind,
                               microbatches=microbatches))
    return path


def held(workdir, *arguments, **options):
    """{stored name: ranks that got it}, and what each got is counted once."""
    done = recast("convert", job(workdir, *arguments, **options), "--events", "-", cwd=workdir)
    out = {}
    for line in map(json.loads, done.out.splitlines()):
        if line["event"] == "ready":
            rank = int(line["target"].removeprefix("live[").removesuffix("]")) if "[" in line["target"] else 0
            assert rank not in out.setdefault(line["tensor"], set())
            out[line["tensor"]].add(rank)
    return out


def sizes(folder):
    """{stored name: elements}"""
    with safe_open(folder / "model.safetensors", "pt") as file:
        out = {}
        for name in file.keys():
            out[name] = 1
            for extent in file.get_slice(name).get_shape():
                out[name] *= extent
        return out


def layer_of(name):
    parts = name.split(".")
    return int(parts[2]) if parts[:2] == ["model", "layers"] else None


def ranks_of_layers(where):
    out = [set() for _ in range(LAYERS)]
    for name, ranks in where.items():
        if layer_of(name) is not None:
            out[layer_of(name)] |= ranks
    assert all(len(ranks) == 1 for ranks in out)
    return [min(ranks) for ranks in out]


@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 5])
def test_by_cost_is_the_cheapest_of_all_divisions(workdir, folder, ranks):
    where, count = held(workdir, folder, ASSIGN.format(how="by_cost(params)"), ranks=ranks), sizes(folder)
    assert set(where) == set(count) and where["model.embed_tokens.weight"] == {0}
    assert where["model.norm.weight"] == where["lm_head.weight"] == {ranks - 1}
    chosen = ranks_of_layers(where)
    assert chosen == sorted(chosen) and set(chosen) == set(range(ranks))

    def cost(layers):
        stages = [0] * ranks
        stages[0] += count["model.embed_tokens.weight"]
        stages[-1] += count["model.norm.weight"] + count["lm_head.weight"]
        for name, elements in count.items():
            if layer_of(name) is not None:
                stages[layers[layer_of(name)]] += elements
        return max(stages)

    every = [layers for layers in itertools.product(range(ranks), repeat=LAYERS)
             if list(layers) == sorted(layers) and set(layers) == set(range(ranks))]
    assert cost(chosen) == min(map(cost, every))
    # The heavy ends have a say: alone, the layers would be divided another way.
    if ranks == 3:
        assert chosen == [0, 1, 1, 1, 2]


@pytest.mark.parametrize("ranks", [2, 3, 5])
def test_uniform_counts_layers(workdir, folder, ranks):
    chosen = ranks_of_layers(held(workdir, folder, ASSIGN.format(how="uniform"), ranks=ranks))
    begins = [stage * LAYERS // ranks for stage in range(ranks + 1)]
    assert chosen == [stage for stage in range(ranks) for _ in range(begins[stage], begins[stage + 1])]


def test_layers_part_by_part_are_the_same(workdir, folder):
    parts = "layer[l].{n: q k v o} : by_cost(params)   layer[l].{n: gate up down}, layer[l].ln1 : by_cost(params)\n" \
            "layer[l].ln2 : by_cost(params)   embed : first   norm, head : last"
    assert held(workdir, folder, parts, ranks=3) == held(workdir, folder, ASSIGN.format(how="by_cost(params)"), ranks=3)


def test_a_rank_has_several_stages(workdir, folder):
    looped = held(workdir, folder, ASSIGN.format(how="uniform"), ranks=2, chunks=2, kind="interleaved")
    assert ranks_of_layers(looped) == [0, 1, 0, 1, 1] and looped["lm_head.weight"] == {1}
    folded = held(workdir, folder, ASSIGN.format(how="uniform"), ranks=2, chunks=2, kind="zb_v")
    assert ranks_of_layers(folded) == [0, 1, 1, 0, 0]
    assert folded["lm_head.weight"] == folded["model.embed_tokens.weight"] == {0}


def test_stages_by_number(workdir, folder):
    where = held(workdir, folder, "embed : stage(0)   layer[l].{n: q k v o ln1} : stage(1)\n"
                                  "layer[l].{n: gate up down ln2}, norm : stage(2)   head : stage(0)", ranks=3)
    for name, ranks in where.items():
        expected = 0 if name in ("model.embed_tokens.weight", "lm_head.weight") else \
            1 if "self_attn" in name or "input_layernorm" in name else 2
        assert ranks == {expected}, name


def test_tied_ends_are_on_both(workdir, tied):
    where = held(workdir, tied, ASSIGN.format(how="by_cost(params)"), ranks=3)
    assert "lm_head.weight" not in where and where["model.embed_tokens.weight"] == {0, 2}
    assert all(len(ranks) == 1 for name, ranks in where.items() if name != "model.embed_tokens.weight")
    # One stage may have both ends.
    where = held(workdir, tied, "embed, head : first   layer[l] : uniform   norm : last", ranks=3)
    assert where["model.embed_tokens.weight"] == {0}
    # Copies part where updates come while microbatches are under way.
    refused = recast("check", job(workdir, tied, ASSIGN.format(how="uniform"), kind="pipedream"), check=False)
    assert refused.code == 2 and "stages 0 and 1 share a parameter" in refused.err, refused.err


@pytest.mark.parametrize("assign, message", [
    ('"**" : stage(1)', "leaves stage 0 of 2 without a tensor"),
    ("embed, layer[l], norm, head : first", "leaves stage 1 of 2 without a tensor"),
    ("embed : first   layer[l], norm : last", "gives no stage to a tensor"),
    ("embed : first   layer[l] : uniform   norm, head : last   layer[l].q : first", "two rules of `assign`"),
    ("embed, emb : first   layer[l] : uniform   norm, head : last", "assigns `emb`, of which the model 'llama' has no tensor"),
    ("embed : first   layers[l] : uniform   norm, head : last", "assigns `layers[l]`, of which the model"),
    ("embed : first   layer : uniform   norm, head : last", "assigns `layer`, of which the model"),
    ("embed : first   layer[l], norm : uniform   head : last", "assigns by layers a tensor that is of none"),
    ("embed : first   layer[l].q : uniform   layer[l].{n: k v o gate up down ln1 ln2} : by_cost(params)   norm, head : last",
     "some layers by number and some by cost"),
], ids=["empty_first", "empty_last", "unassigned", "twice", "absent", "absent_group", "group_without_index", "no_layer",
        "both_ways"])
def test_refused(workdir, folder, assign, message):
    done = recast("check", job(workdir, folder, assign), check=False, cwd=workdir)
    assert done.code == 2 and message in done.err, done.err


def test_paths_need_a_model(workdir, folder):
    path = job(workdir, folder, ASSIGN.format(how="uniform"))
    path.write_text("".join(line for line in path.read_text().replace("as hf(m)", "as same").splitlines(True)
                            if not line.startswith(("use", "let"))))
    done = recast("check", path, check=False, cwd=workdir)
    assert done.code == 2 and "assigns paths of a model, and the source is `as same`" in done.err


def test_two_stacks_of_layers_have_no_order(workdir):
    names = [f"{stack}.layers.{i}.weight" for stack in ("encoder", "decoder") for i in range(2)]
    save_file({name: torch.full((4,), float(i)) for i, name in enumerate(names)}, workdir / "t5.safetensors")
    path = workdir / "job.ucl"
    text = f"""source from = safetensors("{workdir / 't5.safetensors'}") as same
    pipeline p {{ ranks = 2  microbatches = 4  schedule = gpipe  assign {{ RULES }} }}
    target live = memory() as same stages p
    restore from -> live {{ weight : keep   deadline p }}"""
    path.write_text(text.replace("RULES", '"**" : uniform'))
    done = recast("check", path, check=False, cwd=workdir)
    assert done.code == 2 and "layers of two stacks, `decoder.layers.` and `encoder.layers.`" in done.err, done.err
    path.write_text(text.replace("RULES", '"encoder.**" : first   "decoder.**" : last'))
    recast("check", path, cwd=workdir)
