"""What transformers itself stores for models of the standard library: configuration, names, shapes.

`python test/real/std_models.py` writes test/data/std/, which the unit tests read."""
import json
import pathlib
import tempfile

DATA = pathlib.Path(__file__).resolve().parent.parent / "data" / "std"

COMMON = dict(vocab_size=48, num_hidden_layers=2, hidden_size=16, intermediate_size=24, num_attention_heads=4,
              num_key_value_heads=2, max_position_embeddings=32, bos_token_id=1, eos_token_id=2)
GPT2 = dict(vocab_size=48, n_layer=2, n_embd=16, n_head=4, n_positions=32, bos_token_id=1, eos_token_id=2)

# Name: file of lang/std, view, class of transformers, options of its configuration.
CASES = {
    "llama": ("llama", "hf", "Llama", COMMON),
    "llama_mha": ("llama", "hf", "Llama", {**COMMON, "num_key_value_heads": None}),
    "llama_biases_tied": ("llama", "hf", "Llama",
                          {**COMMON, "attention_bias": True, "mlp_bias": True, "head_dim": 8, "tie_word_embeddings": True}),
    "mistral": ("llama", "hf", "Mistral", COMMON),
    "qwen2": ("qwen2", "hf", "Qwen2", COMMON),
    "qwen2_tied": ("qwen2", "hf", "Qwen2", {**COMMON, "tie_word_embeddings": True}),
    "qwen3": ("qwen3", "hf", "Qwen3", {**COMMON, "head_dim": 8}),
    "qwen3_biases_tied": ("qwen3", "hf", "Qwen3",
                          {**COMMON, "head_dim": 6, "attention_bias": True, "tie_word_embeddings": True}),
    "gpt2": ("gpt2", "hf", "GPT2", GPT2),
    "gpt2_inner_untied": ("gpt2", "hf", "GPT2", {**GPT2, "n_inner": 40, "tie_word_embeddings": False}),
    "gpt2_base": ("gpt2", "hf_base", "GPT2", GPT2),
}


def build(name):
    """The model of a case, with random values."""
    import transformers
    _, view, family, options = CASES[name]
    config = getattr(transformers, family + "Config")(**options)
    base = {"GPT2": "GPT2Model"}[family] if view == "hf_base" else None
    return getattr(transformers, base or family + ("LMHeadModel" if family == "GPT2" else "ForCausalLM"))(config)


def stored(name):
    """What `save_pretrained` writes for a case."""
    import safetensors
    file, view, _, _ = CASES[name]
    with tempfile.TemporaryDirectory() as folder:
        build(name).save_pretrained(folder)
        config = json.loads((pathlib.Path(folder) / "config.json").read_text())
        config.pop("transformers_version", None)
        with safetensors.safe_open(pathlib.Path(folder) / "model.safetensors", "np") as tensors:
            shapes = {key: tensors.get_slice(key).get_shape() for key in sorted(tensors.keys())}
    return {"file": file, "view": view, "config": config, "tensors": shapes}


if __name__ == "__main__":
    for case in CASES:
        lines = json.dumps(stored(case), indent=1)
        (DATA / f"{case}.json").write_text(lines + "\n")
