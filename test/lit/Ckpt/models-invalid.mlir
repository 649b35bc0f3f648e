// RUN: recast-opt %s --split-input-file --verify-diagnostics

ckpt.model @m params ["c"] {
  ckpt.tensor "a" axes []
  // expected-error@+1 {{'ckpt.tensor' op `a` stands twice}}
  ckpt.tensor "a" axes []
}

// -----

ckpt.model @m params ["c"] {
  // expected-error@+1 {{'ckpt.tensor' op has `when` without `tied`}}
  ckpt.tensor "a" axes [] when true
}

// -----

ckpt.model @m params [] {
  // expected-error@+1 {{'ckpt.budget' op}}
  ckpt.budget #ckpt.size<1>
}

// -----

// expected-error@+1 {{'ckpt.view' op is of @n, which is no ckpt.model}}
ckpt.view @v of @n over [] {
}

// -----

ckpt.model @m params [] {
  ckpt.tensor "a" axes []
}
ckpt.view @v of @m over [] {
  // expected-error@+1 {{'ckpt.rule' op has no stored name}}
  ckpt.rule #ckpt.path<#ckpt.segment<name = "a">> stored ""
}

// -----

ckpt.model @m params [] {
  ckpt.tensor "a" axes []
}
ckpt.view @v of @m over [] {
  // expected-error@+1 {{'ckpt.rule' op "x" is not a layout step}}
  ckpt.rule #ckpt.path<#ckpt.segment<name = "a">> stored "a" steps ["x"]
}

// -----

// expected-error@+1 {{a path with two packs}}
module attributes {test.p = #ckpt.path<#ckpt.segment<members = ["a"]>, #ckpt.segment<members = ["b"]>>} {}

// -----

// expected-error@+1 {{a segment has either a name or members}}
module attributes {test.p = #ckpt.segment<index = "l">} {}

// -----

// expected-error@+1 {{a choice or pack of nothing}}
module attributes {test.p = #ckpt.segment<members = []>} {}

// -----

// expected-error@+1 {{`a` stands twice}}
module attributes {test.p = #ckpt.segment<members = ["a", "a"]>} {}
