"""Tensors that grow between two views: what is new is initialised, or the job is refused."""
import numpy
import pytest
import torch
import transformers
from conftest import recast
from hub_models import MODELS, models, numpy_of  # noqa: F401
from safetensors.torch import save_file


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
