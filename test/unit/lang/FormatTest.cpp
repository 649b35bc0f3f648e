#include "lang/ucl/Format.h"

#include "Texts.h"
#include "lang/ucl/Parser.h"

#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

namespace recast::lang {
namespace {

std::string formatted(std::string_view text) {
  auto out = formatText(text, "job.ucl");
  if (!out)
    ADD_FAILURE() << out.error().str();
  return out ? *out : "";
}

/// Formats twice and compares the meaning.
void expectFormat(std::string_view text, std::string_view expected) {
  std::string once = formatted(text);
  EXPECT_EQ(once, expected);
  EXPECT_EQ(formatted(once), once);
  auto before = parse(text), after = parse(once);
  ASSERT_TRUE(before && after);
  EXPECT_EQ(*before, *after);
}

TEST(Format, JobZero) {
  expectFormat(test::kJob0, R"(source run = deepspeed("runs/z3")               as same
target uni = deepspeed_universal("runs/z3-uni") as same
target hub = safetensors("export")              as same
convert run -> uni, hub {
  for uni {
    else: keep
    objects { else: keep }
  }
  for hub {
    weight: master | cast(bf16)
    frozen: keep | cast(bf16)
    buffer: keep
    drop master, exp_avg, exp_avg_sq, step
    objects { else: drop }
    files { "config.json", "tokenizer*": copy from "runs/z3" }
  }
  budget 512MiB
}
)");
}

TEST(Format, Everything) {
  expectFormat(test::kEverything, R"(let root = "runs"
let zero = 1 + 2 * (3 - 1) / 2
let big = 4GiB
let rate = 2e-2
let yes = true
let pair = (1, "two", 0.5)
let mesh = (dp = 8, tp = 2)
let choice = zero ?? 3
let d = bf16
source old = deepspeed(root + "/z3", tag = "global_step3") as same {
  "**.mean" varying dp
  "**.seen" stage dp at 0 3
} on (dp = 8)
target new = safetensors("out", max_shard_size = big) as same {
  "model.embed*" pad d0 to multiple of 128 * tp split d0 by tp (ceil)
  "layers.**.w?" split d0 d1 by tp, ep (widths 3 5 0) chunk 0 by dp
  "flat.*" flat dp per group
  "flat2.*" flat dp per param
  "even" split d0 by tp (even)
  "balanced" split d0 by tp (balanced)
} on (dp = 2, tp = 4, ep = 1) replicated ep, dp
target other = deepspeed_universal("out2") as same
model tiny(c, heads) {
  dims g = c.kv_heads ?? c.heads, r = heads / g, d = c.head_dim ?? 8, h = c.hidden,
      L = c.layers + 0, V = 100
  embed (V, h)
  layer[l < L] {
    q (g r d, h)
    k (g d, h)
    v (g d, h)
    expert[e < c.experts ?? 1] {
      w (h) if c.experts > 1 and c.layers >= 2
    }
    tied (h)
    scale ()
  }
  head (V, h) tied embed when c.tie == true if c.has_head ?? true
}
view packed of tiny over (tp, ep) {
  ignore "rotary.*"
  embed = "embed" pad V to multiple of 128 * tp split V by tp
  layer[l].[q, k, v] = "layers.{l}.qkv": "((g r d) + (g d) + (g d)) h" split g r by tp (ceil)
  layer[l].expert[e].{n: w} = "layers.{l}.{n}": "e h" chunk 0 by ep
  layer[l].tied = "layers.{l}.tied" varying ep stage tp if h > 4
  layer[l].scale = "layers.{l}.scale"
  head = "head" flat tp per param
}
pipeline p {
  ranks = 2 * 2
  chunks = 1
  microbatches = 32
  schedule = pipeoptim_paper
  group = 4
  update = every(1)
  weights = predict(adamw, s = derived)
  cost = (f = 1, b = 2.5, comm = 0.1)
  assign {
    layer[l]: by_cost(params)
    embed: first
    head, "norm*": last
    "x": stage(zero)
    "y", layer[l].{n: q k}: uniform
  }
}
pipeline q {
  ranks = 2
  microbatches = 1
  actions = ("0F0 0B0", "1F0 1B0")
  rank_of = (0, 1)
  update = flush
  weights = stash
  ties = synced
}
target live = memory() as packed(m) on (tp = 2, ep = 2) stages p
let m = tiny(config(root + "/config.json"), 8)
source viewed = deepspeed("runs/v") as packed(m) on (tp = 2, ep = 2)
convert old -> new, other {
  only "layers.*", layer[l].{n: q k v}, head
  init weight in "x", layer[l].q: constant(0.5)
  init bias: ones
  frozen in layer[l].q, layer[l].[k, v]: keep
  drop buffer in layer[l].expert[e].w
  expect old.zero == 3 and old.mesh == (dp = 8) and old.iteration < 10 and old.step >= 2 and 1 != 2
  expect old.iteration + 1 <= 10 * zero and old.tag > "a" and yes
  master, exp_avg in "layers.*", "norm?": keep
  drop exp_avg in "head*"
  drop step, exp_avg_sq
  drop: keep
  for: keep | cast(f8e4m3fn, overflow = saturate)
  objects: role(objects) | cast(d, round = rne)
  check, in in "x": role(drop)
  check weight == old.weight otherwise lossless
  check weight == old.weight
  otherwise, and: keep
  ahead in "x": predict(master, exp_avg, cast, s = 3, rule = adam, betas = (0.9, 0.95), decay = yes)
      | cast(f32)
  mean in "x": average | cast(f32)
  seen in "x": role(select) | select(dp = zero)
  for new {
    weight: master | cast(f32)
    frozen, buffer: keep
    drop else
    objects {
      lr_scheduler, args.tp: keep
      a.b.c: set(4)
      x: merge
      y: per_rank
      z: by_name
      else: drop
    }
    files { "config.json", "tok*": copy from root + "/hf" }
  }
  for other {
    else: keep
    objects { else: keep }
  }
  budget 1GiB
}
restore viewed -> live {
  else: keep
  deadline: keep
  ahead: predict(master, exp_avg, exp_avg_sq, s = p.lag, rule = adamw) | cast(bf16)
  deadline p
  check p.cut == drained and p.lag >= 0
}
)");
}

TEST(Format, CommentsStay) {
  expectFormat(R"(
# head

#second


let a = 1 # one
let bb = 22   #   two
# own line
let c =  # in the middle
  # of it
  3
convert   # verb
 run -> uni  # ends
 {  # body

   # before else
   else: # what
     keep   # behind keep

   # between


   objects { # why
     else: keep } # behind objects
   for uni { } # empty
   for hub { # only a comment
   }
   files { "a": copy from "b" # behind b
   }
   weight: keep buffer: keep # behind buffer
   # last
} # behind job
# tail
)",
               R"(# head

#second

let a = 1    # one
let bb = 22  #   two
# own line
let c =  # in the middle
    # of it
    3
convert         # verb
    run -> uni  # ends
    {           # body
  # before else
  else:     # what
      keep  # behind keep

  # between

  objects {  # why
    else: keep
  }           # behind objects
  for uni {}  # empty
  for hub {   # only a comment
  }
  files {
    "a": copy from "b"  # behind b
  }
  weight: keep
  buffer: keep  # behind buffer
  # last
}  # behind job
# tail
)");
}

TEST(Format, EveryCommentOfAShuffledTextStays) {
  // A comment at each boundary between tokens, in its own line and behind a token.
  auto list = lex({test::kEverything, {}});
  ASSERT_TRUE(list);
  for (size_t i = 0; i < list->tokens.size(); ++i)
    for (const char *comment : {" # here!\n", "\n# here!\n"}) {
      std::string text(test::kEverything);
      text.insert(list->tokens[i].begin, comment);
      std::string once = formatted(text);
      EXPECT_NE(once.find("# here!"), std::string::npos);
      EXPECT_EQ(formatted(once), once) << text;
      auto before = parse(text), after = parse(once);
      ASSERT_TRUE(before && after) << once;
      EXPECT_EQ(*before, *after);
    }
}

TEST(Format, LongLinesAreBroken) {
  expectFormat("convert run -> uni { a_rather_long_role_name, another_rather_long_role_name, "
               "a_third_rather_long_role_name: a_rather_long_role_name | cast(bf16) | cast(f32) | "
               "cast(bf16) objects { a_rather_long_object, another_rather_long_object, "
               "a_third_rather_long_object, four: keep } }",
               R"(convert run -> uni {
  a_rather_long_role_name, another_rather_long_role_name,
      a_third_rather_long_role_name: a_rather_long_role_name | cast(bf16) | cast(f32) | cast(bf16)
  objects {
    a_rather_long_object, another_rather_long_object, a_third_rather_long_object, four: keep
  }
}
)");
}

TEST(Format, SpellingsOfValuesStay) {
  expectFormat("let a = 1024KiB let b = 1.50 let c = \"\\x41\\\"\" let d = 007",
               "let a = 1024KiB\nlet b = 1.50\nlet c = \"\\x41\\\"\"\nlet d = 007\n");
}

TEST(Format, EmptyTexts) {
  expectFormat("", "");
  expectFormat("\n\n\n", "");
  expectFormat("\n\n# a\n\n\n\n# b\n\n", "# a\n\n# b\n");
}

TEST(Format, TheExampleIsFormatted) {
  std::ifstream file(RECAST_EXAMPLES "/job0.ucl");
  ASSERT_TRUE(file);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(formatted(text.str()), text.str());
}

TEST(Format, WrongTextsAreRefusedLikeByTheParser) {
  auto out = formatText("convert a -> b { x }", "job.ucl");
  auto spec = parse("convert a -> b { x }", "job.ucl");
  ASSERT_FALSE(out);
  ASSERT_FALSE(spec);
  EXPECT_EQ(out.error().message(), spec.error().message());
}

TEST(Format, SpecsAreWrittenCanonically) {
  SpecBuilder s;
  test::buildJob0(s);
  std::string text = format(s.spec());
  EXPECT_EQ(formatted(text), text);
  EXPECT_TRUE(text.starts_with("source run = deepspeed(\"runs/z3\")               as same\n"));
  SpecBuilder strange; // No text can say it, but it can be shown.
  strange.source("a b", safetensors("x"));
  EXPECT_EQ(format(strange.spec()), "source a b = safetensors(\"x\") as same\n");
}

} // namespace
} // namespace recast::lang
