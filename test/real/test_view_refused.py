"""Views that are no bijection, and files that do not fit their view."""
import json

import pytest
import torch
from conftest import recast
from hub_models import job, models  # noqa: F401
from safetensors.torch import save_file

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
