"""Small models of transformers whose elements are a function of name and index, and jobs between their views."""
import pytest
import torch
import transformers
from safetensors.torch import load_file

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


def numpy_of(path):
    return {name: tensor.numpy() for name, tensor in load_file(path).items()}
