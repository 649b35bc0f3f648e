// Texts that several of the language's tests look at.
#pragma once

#include "lang/ast/Builder.h"

#include <string_view>

namespace recast::lang::test {

inline constexpr std::string_view kJob0 = R"(
source run = deepspeed("runs/z3")               as same
target uni = deepspeed-universal("runs/z3-uni") as same
target hub = safetensors("export")              as same
convert run -> uni, hub {
  for uni { else: keep   objects { else: keep } }
  for hub { weight: master | cast(bf16)   frozen: keep | cast(bf16)   buffer: keep   drop master, exp_avg, exp_avg_sq, step   objects { else: drop }   files { "config.json", "tokenizer*" : copy from "runs/z3" } }
  budget 512MiB
}
)";

/// Every production of the grammar, each at least once.
inline constexpr std::string_view kEverything = R"(
let root = "runs"   let zero = 1 + 2 * (3 - 1) / 2   let big = 4GiB   let rate = 2e-2   let yes = true
let pair = (1, "two", 0.5)   let mesh = (dp = 8, tp = 2)   let choice = zero ?? 3   let d = bf16
source old = deepspeed(root + "/z3", tag = "global_step3") as same { "**.mean" varying dp   "**.seen" stage dp at 0 3 } on (dp = 8)
target new = safetensors("out", max_shard_size = big) as same {
  "model.embed*" pad d0 to multiple of 128 * tp split d0 by tp (ceil)
  "layers.**.w?" split d0 d1 by tp, ep (widths 3 5 0) chunk 0 by dp
  "flat.*" flat dp per group
  "flat2.*" flat dp per param
  "even" split d0 by tp (even)   "balanced" split d0 by tp (balanced)
} on (dp = 2, tp = 4, ep = 1) replicated ep, dp
target other = deepspeed_universal("out2") as same
model tiny(c, heads) {
  dims g = c.kv_heads ?? c.heads, r = heads / g, d = c.head_dim ?? 8, h = c.hidden, L = c.layers + 0, V = 100
  embed (V, h)
  layer[l < L] {
    q (g r d, h)   k (g d, h)   v (g d, h)
    expert[e < c.experts ?? 1] { w (h) if c.experts > 1 and c.layers >= 2 }
    tied (h)   scale ()
  }
  head (V, h) tied embed when c.tie == true if c.has_head ?? true
}
view packed of tiny over (tp, ep) {
  ignore "rotary.*"
  embed = "embed" pad V to multiple of 128 * tp split V by tp
  layer[l].[q, k, v] = "layers.{l}.qkv" : "((g r d) + (g d) + (g d)) h" split g r by tp (ceil)
  layer[l].expert[e].{n: w} = "layers.{l}.{n}" : "e h" chunk 0 by ep
  layer[l].tied = "layers.{l}.tied" varying ep stage tp if h > 4
  layer[l].scale = "layers.{l}.scale"
  head = "head" flat tp per param
}
pipeline p {
  ranks = 2 * 2   chunks = 1   microbatches = 32   schedule = pipeoptim_paper   group = 4
  update = every(1)   weights = predict(adamw, s = derived)   cost = (f = 1, b = 2.5, comm = 0.1)
  assign { layer[l] : by_cost(params)   embed : first   head, "norm*" : last   "x" : stage(zero)   "y", layer[l].{n: q k} : uniform }
}
pipeline q { ranks = 2   microbatches = 1   actions = ("0F0 0B0", "1F0 1B0")   rank_of = (0, 1)   update = flush   weights = stash   ties = synced }
target live = memory() as packed(m) on (tp = 2, ep = 2) stages p
let m = tiny(config(root + "/config.json"), 8)
source viewed = deepspeed("runs/v") as packed(m) on (tp = 2, ep = 2)
convert old -> new, other {
  only "layers.*", layer[l].{n: q k v}, head
  init weight in "x", layer[l].q : constant(0.5)
  init bias : ones
  frozen in layer[l].q, layer[l].[k, v] : keep
  drop buffer in layer[l].expert[e].w
  expect old.zero == 3 and old.mesh == (dp = 8) and old.iteration < 10 and old.step >= 2 and 1 != 2
  expect old.iteration + 1 <= 10 * zero and old.tag > "a" and yes
  master, exp_avg in "layers.*", "norm?" : keep
  drop exp_avg in "head*"   drop step, exp_avg_sq
  drop : keep   for : keep | cast(f8e4m3fn, overflow = saturate)
  objects : role(objects) | cast(d, round = rne)   check, in in "x" : role(drop)
  check weight == old.weight otherwise lossless
  check weight == old.weight
  otherwise, and : keep
  ahead in "x" : predict(master, exp_avg, cast, s = 3, rule = adam, betas = (0.9, 0.95), decay = yes) | cast(f32)
  mean in "x" : average | cast(f32)   seen in "x" : role(select) | select(dp = zero)
  for new {
    weight : master | cast(f32)   frozen, buffer : keep
    drop else
    objects { lr_scheduler, args.tp : keep   a.b.c : set(4)   x : merge   y : per_rank   z : by_name   else : drop }
    files { "config.json", "tok*" : copy from root + "/hf" }
  }
  for other { else : keep   objects { else : keep } }
  budget 1GiB
}
restore viewed -> live {
  else : keep   deadline : keep
  ahead : predict(master, exp_avg, exp_avg_sq, s = p.lag, rule = adamw) | cast(bf16)
  deadline p
  check p.cut == drained and p.lag >= 0
}
)";

/// Job 0 as a program says it.
inline void buildJob0(SpecBuilder &s) {
  auto run = s.source("run", deepspeed("runs/z3"));
  auto uni = s.target("uni", deepspeed_universal("runs/z3-uni"));
  auto hub = s.target("hub", safetensors("export"));
  auto job = s.convert(run, {uni, hub});
  auto toUni = job.forTarget(uni);
  toUni.keepElse().objects().keepElse();
  auto toHub = job.forTarget(hub);
  toHub.role("weight") = role("master") | cast(bf16);
  toHub.role("frozen") = keep() | cast(bf16);
  toHub.keep({"buffer"}).drop({"master", "exp_avg", "exp_avg_sq", "step"});
  toHub.objects().dropElse();
  toHub.files({"config.json", "tokenizer*"}, "runs/z3");
  job.budget(512 * MiB);
}

/// kEverything as a program says it.
inline void buildEverything(SpecBuilder &s) {
  auto root = s.let("root", "runs");
  auto zero = s.let("zero", Value(1) + Value(2) * (Value(3) - Value(1)) / Value(2));
  auto big = s.let("big", bytes(4 * GiB));
  s.let("rate", 2e-2);
  auto yes = s.let("yes", true);
  s.let("pair", tuple({arg(1), arg("two"), arg(0.5)}));
  s.let("mesh", tuple({arg("dp", 8), arg("tp", 2)}));
  s.let("choice", zero.orElse(3));
  auto d = s.let("d", bf16);

  auto old = s.source("old", deepspeed(root + Value("/z3")).tag("global_step3"));
  old.same("**.mean", {varying("dp")}).same("**.seen", {stage("dp", {0, 3})}).on({{"dp", 8}});
  auto next = s.target("new", safetensors("out").arg("max_shard_size", big));
  next.same("model.embed*", {pad("d0", Value(128) * name("tp")), split({"d0"}, {"tp"}, "ceil")})
      .same("layers.**.w?", {splitWidths({"d0", "d1"}, {"tp", "ep"}, {3, 5, 0}), chunk(0, "dp")})
      .same("flat.*", {flat("dp", "group")})
      .same("flat2.*", {flat("dp", "param")})
      .same("even", {split({"d0"}, {"tp"}, "even")})
      .same("balanced", {split({"d0"}, {"tp"}, "balanced")})
      .on({{"dp", 2}, {"tp", 4}, {"ep", 1}})
      .replicated({"ep", "dp"});
  auto other = s.target("other", deepspeed_universal("out2"));

  auto tiny = s.model("tiny", {"c", "heads"});
  auto c = name("c");
  tiny.dim("g", c["kv_heads"].orElse(c["heads"]))
      .dim("r", name("heads") / name("g"))
      .dim("d", c["head_dim"].orElse(8))
      .dim("h", c["hidden"])
      .dim("L", c["layers"] + 0)
      .dim("V", 100);
  tiny.tensor("embed", {"V", "h"});
  auto layer = tiny.group("layer", "l", name("L"));
  layer.tensor("q", {"g r d", "h"});
  layer.tensor("k", {"g d", "h"});
  layer.tensor("v", {"g d", "h"});
  layer.group("expert", "e", c["experts"].orElse(1))
      .tensor("w", {"h"})
      .onlyIf(c["experts"] > 1 && c["layers"] >= 2);
  layer.tensor("tied", {"h"});
  layer.tensor("scale", {});
  tiny.tensor("head", {"V", "h"})
      .tiedWhen("embed", c["tie"] == true)
      .onlyIf(c["has_head"].orElse(true));
  auto packed = s.view("packed", "tiny").over({"tp", "ep"});
  packed.ignore("rotary.*");
  packed.rule("embed", "embed").step(pad("V", Value(128) * name("tp"))).step(split({"V"}, {"tp"}));
  packed.rule("layer[l].[q, k, v]", "layers.{l}.qkv")
      .map("((g r d) + (g d) + (g d)) h")
      .step(split({"g", "r"}, {"tp"}, "ceil"));
  packed.rule("layer[l].expert[e].{n: w}", "layers.{l}.{n}").map("e h").step(chunk(0, "ep"));
  packed.rule("layer[l].tied", "layers.{l}.tied")
      .step(varying("ep"))
      .step(stage("tp"))
      .onlyIf(name("h") > 4);
  packed.rule("layer[l].scale", "layers.{l}.scale");
  packed.rule("head", "head").step(flat("tp", "param"));
  auto p = s.pipeline("p");
  p.set("ranks", Value(2) * 2).set("chunks", 1).set("microbatches", 32);
  p.set("schedule", name("pipeoptim_paper")).set("group", 4);
  p.set("update", callOf("every", {arg(1)}));
  p.set("weights", callOf("predict", {arg(name("adamw")), arg("s", name("derived"))}));
  p.set("cost", tuple({arg("f", 1), arg("b", 2.5), arg("comm", 0.1)}));
  p.assign(operation("by_cost", {arg(name("params"))}), {}, {"layer[l]"});
  p.assign(operation("first"), {}, {"embed"}).assign(operation("last"), {"norm*"}, {"head"});
  p.assign(operation("stage", {arg(name("zero"))}), {"x"});
  p.assign(operation("uniform"), {"y"}, {"layer[l].{n: q k}"});
  auto q = s.pipeline("q");
  q.set("ranks", 2).set("microbatches", 1);
  q.set("actions", tuple({arg("0F0 0B0"), arg("1F0 1B0")})).set("rank_of", tuple({arg(0), arg(1)}));
  q.set("update", name("flush")).set("weights", name("stash")).set("ties", name("synced"));
  auto live = s.target("live", memory());
  live.as("packed", name("m")).on({{"tp", 2}, {"ep", 2}}).stages("p");

  auto m = s.let("m", tiny({config(root + Value("/config.json")), 8}));
  auto viewed = s.source("viewed", deepspeed("runs/v"));
  viewed.as("packed", m).on({{"tp", 2}, {"ep", 2}});

  auto job = s.convert(old, {next, other});
  job.only({"layers.*"}, {"layer[l].{n: q k v}", "head"});
  job.init({"weight"}, operation("constant", {arg(0.5)}), {"x"}, {"layer[l].q"});
  job.init({"bias"}, operation("ones"));
  job.role("frozen").at({"layer[l].q", "layer[l].[k, v]"}) = keep();
  job.drop({"buffer"}, {}, {"layer[l].expert[e].w"});
  job.expect(old["zero"] == 3 && old["mesh"] == tuple({arg("dp", 8)}) && old["iteration"] < 10 &&
             old["step"] >= 2 && Value(1) != Value(2));
  job.expect(old["iteration"] + 1 <= Value(10) * zero && old["tag"] > "a" && yes);
  job.roles({"master", "exp_avg"}).in({"layers.*", "norm?"}) = keep();
  job.drop({"exp_avg"}, {"head*"}).drop({"step", "exp_avg_sq"});
  job.role("drop") = keep();
  job.role("for") = keep() | cast(f8e4m3fn, saturate);
  job.role("objects") = operation("role", {arg(name("objects"))}) |
                        operation("cast", {arg(d), arg("round", name("rne"))});
  job.roles({"check", "in"}).in({"x"}) = role("drop");
  job.check(name("weight") == old["weight"], "lossless");
  job.check(name("weight") == old["weight"]);
  job.keep({"otherwise", "and"});
  job.role("ahead").in({"x"}) =
      predict({"master", "exp_avg", "cast"},
              {arg("s", 3), arg("rule", name("adam")), arg("betas", tuple({arg(0.9), arg(0.95)})),
               arg("decay", name("yes"))}) |
      cast(f32);
  job.role("mean").in({"x"}) = average() | cast(f32);
  job.role("seen").in({"x"}) = role("select") | operation("select", {arg("dp", zero)});
  auto toNew = job.forTarget(next);
  toNew.role("weight") = role("master") | cast(f32);
  toNew.keep({"frozen", "buffer"}).dropElse();
  toNew.objects()
      .keep({"lr_scheduler", "args.tp"})
      .set("a.b.c", 4)
      .merge({"x"})
      .perRank({"y"})
      .byName({"z"})
      .dropElse();
  toNew.files({"config.json", "tok*"}, root + Value("/hf"));
  job.forTarget(other).keepElse().objects().keepElse();
  job.budget(GiB);

  auto restore = s.restore(viewed, {live});
  restore.keepElse().keep({"deadline"});
  restore.role("ahead") = predict({"master", "exp_avg", "exp_avg_sq"},
                                  {arg("s", p["lag"]), arg("rule", name("adamw"))}) |
                          cast(bf16);
  restore.deadline("p");
  restore.check(p["cut"] == name("drained") && p["lag"] >= 0);
}

} // namespace recast::lang::test
