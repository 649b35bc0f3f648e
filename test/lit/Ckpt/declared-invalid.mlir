// RUN: recast-opt %s --split-input-file --verify-diagnostics

// expected-error@+1 {{'ckpt.source' op argument unit is not an expression}}
ckpt.source @s format "deepspeed" args [unit]

// -----

// expected-error@+1 {{'ckpt.source' op argument "x" without a name follows a named one}}
ckpt.source @s format "deepspeed" args [#ckpt.arg<"tag", "y">, "x"]

// -----

// expected-error@+1 {{cuts over `tp`, which is no axis of the mesh}}
ckpt.target @s format "dcp" args ["x"] same [#ckpt.same<"*", [#ckpt.chunk<0 by "tp">]>] on #ckpt.mesh<["dp"], [2]>

// -----

// expected-error@+1 {{replicated over `cp`, which is no axis of the mesh}}
ckpt.target @s format "dcp" args ["x"] replicated ["cp"]

// -----

// expected-error@+1 {{attribute 'same' failed to satisfy constraint}}
ckpt.target @s format "dcp" args ["x"] same [1 : i64]

// -----

func.func @f() {
  // expected-error@+1 {{'ckpt.source' op expects parent op 'builtin.module'}}
  ckpt.source @s format "deepspeed" args []
  return
}

// -----

ckpt.target @t format "safetensors" args ["y"]
// expected-error@+1 {{'ckpt.job' op reads @t, which is no ckpt.source}}
ckpt.job @j "convert" from @t to [@t] {
}

// -----

ckpt.source @s format "deepspeed" args ["y"]
// expected-error@+1 {{'ckpt.job' op writes @x, which is no ckpt.target}}
ckpt.job @j "convert" from @s to [@x] {
}

// -----

ckpt.source @s format "deepspeed" args ["y"]
// expected-error@+1 {{'ckpt.job' op has no target}}
ckpt.job @j "convert" from @s to [] {
}

// -----

ckpt.source @s format "deepspeed" args ["y"]
ckpt.target @t format "safetensors" args ["y"]
// expected-error@+1 {{'ckpt.job' op names target @t twice}}
ckpt.job @j "convert" from @s to [@t, @t] {
}

// -----

ckpt.source @s format "deepspeed" args ["x"]
ckpt.target @t format "safetensors" args ["y"]
ckpt.job @j "convert" from @s to [@t] {
  // expected-error@+1 {{'arith.constant' op is not a statement of a job}}
  %0 = arith.constant 1 : i64
}

// -----

ckpt.source @s format "deepspeed" args ["x"]
ckpt.target @t format "safetensors" args ["y"]
// expected-note@+1 {{the job's targets are [@t]}}
ckpt.job @j "convert" from @s to [@t] {
  // expected-error@+1 {{'ckpt.drop' op is for @u, which is no target of the job}}
  ckpt.drop ["step"] for [@u]
}

// -----

ckpt.source @s format "deepspeed" args ["x"]
ckpt.target @t format "safetensors" args ["y"]
ckpt.job @j "convert" from @s to [@t] {
  // expected-error@+1 {{'ckpt.drop' op `for` names at least one target; without it a statement holds for all}}
  ckpt.drop ["step"] for []
}

// -----

ckpt.source @s format "deepspeed" args ["x"]
ckpt.target @t format "safetensors" args ["y"]
ckpt.job @j "convert" from @s to [@t] {
  // expected-error@+1 {{'ckpt.drop' op selects either roles or `else`}}
  ckpt.drop
}

// -----

ckpt.source @s format "deepspeed" args ["x"]
ckpt.target @t format "safetensors" args ["y"]
ckpt.job @j "convert" from @s to [@t] {
  // expected-error@+1 {{'ckpt.drop' op selects either roles or `else`}}
  ckpt.drop else ["step"]
}

// -----

ckpt.source @s format "deepspeed" args ["x"]
ckpt.target @t format "safetensors" args ["y"]
ckpt.job @j "convert" from @s to [@t] {
  // expected-error@+1 {{'ckpt.drop' op selects no role}}
  ckpt.drop []
}

// -----

ckpt.source @s format "deepspeed" args ["x"]
ckpt.target @t format "safetensors" args ["y"]
ckpt.job @j "convert" from @s to [@t] {
  // expected-error@+1 {{'ckpt.drop' op `in` names at least one pattern}}
  ckpt.drop ["step"] in []
}

// -----

ckpt.source @s format "deepspeed" args ["x"]
ckpt.target @t format "safetensors" args ["y"]
ckpt.job @j "convert" from @s to [@t] {
  // expected-error@+1 {{'ckpt.role' op selects either roles or `else`}}
  ckpt.role  {
  ^bb0(%x: !ckpt.state):
    ckpt.yield %x : !ckpt.state
  }
}

// -----

ckpt.source @s format "deepspeed" args ["x"]
ckpt.target @t format "safetensors" args ["y"]
ckpt.job @j "convert" from @s to [@t] {
  // expected-error@+1 {{'ckpt.role' op `from` names a role}}
  ckpt.role ["w"] from "" {
  ^bb0(%x: !ckpt.state):
    ckpt.yield %x : !ckpt.state
  }
}

// -----

ckpt.source @s format "deepspeed" args ["x"]
ckpt.target @t format "safetensors" args ["y"]
ckpt.job @j "convert" from @s to [@t] {
  // expected-error@+1 {{'ckpt.role' op the region has one argument, a !ckpt.state}}
  ckpt.role ["w"] {
  ^bb0(%x: !ckpt.state, %y: !ckpt.state):
    ckpt.yield %x : !ckpt.state
  }
}

// -----

ckpt.source @s format "deepspeed" args ["x"]
ckpt.target @t format "safetensors" args ["y"]
ckpt.job @j "convert" from @s to [@t] {
  // expected-error@+1 {{'ckpt.role' op the region yields one !ckpt.state}}
  ckpt.role ["w"] {
  ^bb0(%x: !ckpt.state):
    ckpt.yield
  }
}

// -----

ckpt.source @s format "deepspeed" args ["x"]
ckpt.target @t format "safetensors" args ["y"]
ckpt.job @j "convert" from @s to [@t] {
  // expected-error@+1 {{'ckpt.objects' op names either keys or `else`}}
  ckpt.objects keep
}

// -----

ckpt.source @s format "deepspeed" args ["x"]
ckpt.target @t format "safetensors" args ["y"]
ckpt.job @j "convert" from @s to [@t] {
  // expected-error@+1 {{'ckpt.objects' op names either keys or `else`}}
  ckpt.objects else ["a"] keep
}

// -----

ckpt.source @s format "deepspeed" args ["x"]
ckpt.target @t format "safetensors" args ["y"]
ckpt.job @j "convert" from @s to [@t] {
  // expected-error@+1 {{'ckpt.objects' op names no key}}
  ckpt.objects [] keep
}

// -----

ckpt.source @s format "deepspeed" args ["x"]
ckpt.target @t format "safetensors" args ["y"]
ckpt.job @j "convert" from @s to [@t] {
  // expected-error@+1 {{'ckpt.objects' op has a value exactly with `set`}}
  ckpt.objects ["a"] set
}

// -----

ckpt.source @s format "deepspeed" args ["x"]
ckpt.target @t format "safetensors" args ["y"]
ckpt.job @j "convert" from @s to [@t] {
  // expected-error@+1 {{'ckpt.objects' op has a value exactly with `set`}}
  ckpt.objects ["a"] keep 1 : i64
}

// -----

ckpt.source @s format "deepspeed" args ["x"]
ckpt.target @t format "safetensors" args ["y"]
ckpt.job @j "convert" from @s to [@t] {
  // expected-error@+1 {{'ckpt.files' op names no file}}
  ckpt.files [] from "x"
}

// -----

ckpt.source @s format "deepspeed" args ["x"]
ckpt.target @t format "safetensors" args ["y"]
ckpt.job @j "convert" from @s to [@t] {
  // expected-error@+1 {{attribute 'condition' failed to satisfy constraint: an expression}}
  ckpt.expect unit
}

// -----

ckpt.source @s format "deepspeed" args ["x"]
ckpt.target @t format "safetensors" args ["y"]
ckpt.job @j "convert" from @s to [@t] {
  // expected-error@+1 {{attribute 'condition' failed to satisfy constraint: an expression}}
  ckpt.check 1 : i32
}

// -----

ckpt.source @s format "deepspeed" args ["x"]
ckpt.target @t format "safetensors" args ["y"]
ckpt.job @j "convert" from @s to [@t] {
  // expected-error@+1 {{'ckpt.budget' op is at least one byte}}
  ckpt.budget #ckpt.size<0>
}

// -----

// expected-error@+1 {{'ckpt.budget' op expects parent op 'ckpt.job'}}
ckpt.budget #ckpt.size<1>
