"""Model folders: transformers writes what Recast reads, and loads what it writes, bit for bit."""
import pytest
import torch

from checkpoints import assert_same_bits, expect, stamped
from conftest import recast
from test_torch_refused import odd_files


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory):
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(vocab_size=64, n_positions=16, n_embd=16, n_layer=2, n_head=2)
    torch.manual_seed(7)
    model = transformers.GPT2LMHeadModel(config).eval()
    folder = tmp_path_factory.mktemp("hub")
    model.save_pretrained(folder)
    return transformers, model, folder


@pytest.mark.parametrize("to, shard", [("torch", None), ("torch", "20KB"), ("safetensors", "20KB"), ("safetensors", None)])
def test_transformers_loads_what_was_converted(tiny_model, to, shard, workdir):
    transformers, model, folder = tiny_model
    recast("convert", folder, "-o", workdir / "out", "--to", to, *(["--max-shard-size", shard] if shard else []))
    assert (workdir / "out" / "config.json").read_bytes() == (folder / "config.json").read_bytes()
    assert (workdir / "out" / "generation_config.json").exists()
    loaded = transformers.AutoModelForCausalLM.from_pretrained(workdir / "out")
    expect(loaded.state_dict(), model.state_dict())
    tokens = torch.tensor([[1, 5, 9, 2]])
    with torch.no_grad():
        assert_same_bits(loaded.eval()(tokens).logits, model(tokens).logits, "logits")
    recast("convert", workdir / "out", "-o", workdir / "back", "--to", "safetensors" if to == "torch" else "torch")
    assert recast("diff", folder, workdir / "back").code == 0


def test_a_pointer_in_a_model_folder_is_named(tiny_model, workdir):
    _, _, folder = tiny_model
    (workdir / "hub").mkdir()
    (workdir / "hub" / "config.json").write_bytes((folder / "config.json").read_bytes())
    (workdir / "hub" / "model.safetensors").write_bytes(odd_files()["pointer"][1])
    done = recast("inspect", workdir / "hub", check=False)
    assert done.code == 3 and "model.safetensors" in done.err and "git lfs pull" in done.err


def test_what_is_copied_and_what_is_left_out_is_said(tiny_model, workdir):
    _, _, folder = tiny_model
    done = recast("convert", folder, "-o", workdir / "pt", "--to", "torch")
    assert "copied    config.json, generation_config.json" in done.out
    torch.save({"model": {"w": torch.ones(2)}, "epoch": 3, "args": {"lr": 0.1}}, workdir / "train.pt")
    done = recast("convert", workdir / "train.pt", "-o", workdir / "st", "--to", "safetensors")
    assert "left out  dropped for 'out': object 'args', object 'epoch'" in done.out, done.out


TINY = dict(vocab_size=64, num_hidden_layers=2, hidden_size=16, intermediate_size=24, num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=32)
FAMILIES = {  # One that Recast has a model of, and ones that it has none of.
    "Llama": ("ForCausalLM", TINY), "Mistral": ("ForCausalLM", TINY), "Qwen2": ("ForCausalLM", {**TINY, "tie_word_embeddings": True}),
    "Qwen3": ("ForCausalLM", {**TINY, "head_dim": 8}),
    "GPT2": ("LMHeadModel", dict(vocab_size=64, n_positions=16, n_embd=16, n_layer=2, n_head=2)),
    "Bert": ("ForMaskedLM", dict(vocab_size=64, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24)),
    "T5": ("ForConditionalGeneration", dict(vocab_size=64, d_model=16, d_kv=8, d_ff=24, num_layers=2, num_heads=2)),
}


@pytest.mark.parametrize("to", ["torch", "safetensors"])
@pytest.mark.parametrize("family", FAMILIES)
def test_stamped_models_of_transformers_keep_every_element_in_its_place(family, to, workdir):
    transformers = pytest.importorskip("transformers")
    head, options = FAMILIES[family]
    model = getattr(transformers, family + head)(getattr(transformers, family + "Config")(**options)).to(torch.bfloat16)
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(stamped(name, tuple(value.shape), torch.int16).abs().view(torch.bfloat16).reshape(value.shape))
    model.save_pretrained(workdir / "hub", max_shard_size="4KB")
    recast("convert", workdir / "hub", "-o", workdir / "out", "--to", to, "--max-shard-size", "6KB")
    assert len(list((workdir / "out").glob("*-of-*"))) > 1 and recast("verify", workdir / "out").code == 0
    recast("convert", workdir / "hub", "-o", workdir / "whole", "--to", to)
    for folder in ("out", "whole"):
        loaded = getattr(transformers, family + head).from_pretrained(workdir / folder, dtype=torch.bfloat16)
        expect(loaded.state_dict(), model.state_dict())
        assert recast("diff", workdir / "hub", workdir / folder).code == 0
