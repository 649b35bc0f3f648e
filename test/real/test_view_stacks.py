"""Views that stack and pack tensors: layers and experts apart and together, judged by torch and numpy."""
import numpy
import pytest
import torch
from conftest import recast
from hub_models import numpy_of
from safetensors.torch import load_file, save_file

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
