"""Bound IR of another front end, with a family of its own for each target: merged, a plan, run."""
import json
import re

import torch
from conftest import recast
from safetensors.torch import load_file, save_file

JOB = """source s = safetensors("in") as same
target one = safetensors("one") as same
target two = safetensors("two") as same
convert s -> one, two {
  for one { weight: keep }
  for two { weight: keep | cast(bf16) }
}
"""
BODIES = ("ckpt.yield %x : !x",
          "%0 = ckpt.cast %x to bf16 : !x\n    ckpt.yield %0 : !ckpt.value<tensor<300x70xbf16>>")


def bound_by_hand(folder):
    """The tables as `recast plan` makes them; families written down, as another front end would."""
    (folder / "job.ucl").write_text(JOB)
    recast("plan", "job.ucl", "--no-fuse", "-o", "job.rplan", cwd=folder)
    text = recast("--rplan-to-mlir", "job.rplan", program="recast-translate", cwd=folder).out
    text = re.sub(r"schema 0x\w+ instance 0x\w+", "schema 0x0 instance 0x0", text)
    bodies = iter(zip(("one", "two"), BODIES))

    def family(match):
        target, body = next(bodies)
        return (f'ckpt.family @{target}_weights roles ["weight"] targets [@{target}] members {match[1]} {{\n'
                f"  ^bb0(%x: !x):\n    {body}\n  }}")

    text, found = re.subn(r"plan\.family .* members (dense_resource<.*)", family, text)
    assert found == len(BODIES)
    (folder / "bound.mlir").write_text("!x = !ckpt.value<tensor<300x70xf32>>\n" + text)


def test_one_read_feeds_the_targets_of_families_from_outside(workdir):
    (workdir / "in").mkdir()
    tensors = {name: torch.randn(300, 70) for name in ("a", "b")}
    save_file(tensors, workdir / "in" / "model.safetensors")
    bound_by_hand(workdir)
    size = sum(4 * value.numel() for value in tensors.values())
    for passes, families, reads in ((["--ckpt-merge-families"], 1, size), ([], 2, 2 * size),
                                    (["--ckpt-merge-families", "--ckpt-split-targets", "--ckpt-merge-families"], 1, size)):
        recast("bound.mlir", *passes, "--convert-ckpt-to-plan", "-o", "plan.mlir", program="recast-opt", cwd=workdir)
        recast("--mlir-to-rplan", "plan.mlir", "-o", "plan.rplan", program="recast-translate", cwd=workdir)
        assert json.loads(recast("explain", "plan.rplan", "--json", cwd=workdir).out)["families"] == families
        report = json.loads(recast("run", "plan.rplan", "--json", "--no-sync", "--overwrite", cwd=workdir).out)
        assert report["bytes_read"] == reads and report["bytes_needed"] == size
        for target, dtype in (("one", torch.float32), ("two", torch.bfloat16)):
            written = load_file(workdir / target / "model.safetensors")
            assert written.keys() == tensors.keys()
            assert all(torch.equal(written[name], value.to(dtype)) for name, value in tensors.items())
        why = recast("explain", "plan.rplan", "--why", cwd=workdir).out
        assert ("is read once for one weight, two weight" in why) == (families == 1), why
