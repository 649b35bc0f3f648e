"""`--no-fuse`: reads of its own for every target, and the same bytes in the end."""
import json

import torch
from conftest import recast
from fused_jobs import RUN, run_and_weights, three_targets
from safetensors.torch import save_file


def both(folder, text):
    """Reports and files (without manifests, which name the plan) of the fused and the unfused job."""
    out = []
    for name, options in (("fused", []), ("unfused", ["--no-fuse"])):
        (folder / f"{name}.ucl").write_text(text.format(out=folder / name))
        report = json.loads(recast("convert", folder / f"{name}.ucl", "--json", "--no-sync", *options).out)
        files = {str(p.relative_to(folder / name)): p.read_bytes() for p in (folder / name).rglob("*")
                 if p.is_file() and ".recast" not in p.parts}
        out.append((report, files))
        for path in (folder / name).rglob("manifest.json"):
            recast("verify", path.parent.parent)
    (fused, files), (unfused, others) = out
    assert len(files) > 1 and files.keys() == others.keys()
    assert all(files[name] == others[name] for name in files)
    assert fused["read_over_unique"] == 1.0 and unfused["bytes_needed"] == fused["bytes_needed"]
    assert unfused["bytes_for_checks"] == fused["bytes_for_checks"]
    assert unfused["elements_checked"] == fused["elements_checked"]
    return fused, unfused


def test_each_target_reads_for_itself(workdir):
    (workdir / "in").mkdir()
    tensors = {"a": torch.randn(300, 70), "xb": torch.randn(1000), "xc": torch.randn(64, 64)}
    save_file(tensors, workdir / "in" / "model.safetensors")
    fused, unfused = both(workdir, three_targets(workdir / "in"))
    size = {name: 4 * value.numel() for name, value in tensors.items()}
    assert fused["bytes_read"] == sum(size.values())
    assert unfused["bytes_read"] == 2 * sum(size.values()) + size["a"]


def test_checksums_and_checks_of_a_run(workdir):
    """What two targets read, they read once each, and once more for the checksums of the files."""
    fused, unfused = both(workdir, run_and_weights("bf16"))
    roles = {r["role"]: r["bytes"] for r in json.loads(recast("inspect", RUN, "--json").out)["roles"]}
    shared = roles["master"] + roles["frozen"] + roles["buffer"]
    assert unfused["bytes_read"] - fused["bytes_read"] == 2 * shared
    assert fused["elements_checked"] > 0 and unfused["records_verified"] == fused["records_verified"] > 0
