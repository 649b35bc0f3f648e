"""Two jobs whose targets share what they read, for tests of what sharing saves and says. `{out}` is where to."""
from conftest import DATA

RUN = DATA / "z1_bf16_dp2" / "native"


def three_targets(source):
    return f'source s = safetensors("{source}") as same\n' + """
target one = safetensors("{out}/one") as same
target two = torch("{out}/two") as same
target three = safetensors("{out}/three") as same
convert s -> one, two, three {{
  for one {{ weight: keep }}
  for two {{ weight: keep | cast(bf16) }}
  for three {{ weight in "a": keep | cast(f16)  drop weight in "x?" }}
}}
"""


def run_and_weights(dtype):
    """A universal folder, and weights made of masters in `dtype`."""
    return f'source run = deepspeed("{RUN}") as same\n' + """
target uni = deepspeed_universal("{out}/uni") as same
target hub = safetensors("{out}/hub") as same
convert run -> uni, hub {{
  for uni {{ else: keep  objects {{ else: keep }} }}
  for hub {{ weight: master | cast(DTYPE)  frozen: keep | cast(bf16)  buffer: keep
            drop master, exp_avg, exp_avg_sq, step  objects {{ else: drop }} }}
}}
""".replace("DTYPE", dtype)
