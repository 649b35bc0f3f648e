// RUN: recast-opt %s --split-input-file --verify-diagnostics

// expected-error@+1 {{a mesh of 2 axes has 1 sizes}}
func.func private @f() attributes {a = #ckpt.mesh<["dp", "tp"], [2]>}

// -----

// expected-error@+1 {{mesh axis `dp` appears twice}}
func.func private @f() attributes {a = #ckpt.mesh<["dp", "dp"], [2, 2]>}

// -----

// expected-error@+1 {{mesh axis `dp` has size 0, expected at least 1}}
func.func private @f() attributes {a = #ckpt.mesh<["dp"], [0]>}

// -----

// expected-error@+1 {{mesh axis 0 has no name}}
func.func private @f() attributes {a = #ckpt.mesh<[""], [2]>}

// -----

// expected-error@+1 {{the number of ranks of the mesh does not fit 64 bits}}
func.func private @f() attributes {a = #ckpt.mesh<["a", "b"], [4611686018427387904, 4]>}

// -----

// expected-error@+1 {{axis `h` has no extent}}
func.func private @f() attributes {a = #ckpt.axes<"f h", {f = 2}>}

// -----

// expected-error@+1 {{axis `x` is not in the map "f h"}}
func.func private @f() attributes {a = #ckpt.axes<"f h", {f = 2, h = 2, x = 3}>}

// -----

// expected-error@+1 {{an axis has two extents}}
func.func private @f() attributes {a = #ckpt.axes<"f h", {f = 2, h = 2, f = 3}>}

// -----

// expected-error@+1 {{axis `f` has extent -1}}
func.func private @f() attributes {a = #ckpt.axes<"f", {f = -1}>}

// -----

// expected-error@+1 {{the map "(f)" is written "f"}}
func.func private @f() attributes {a = #ckpt.axes<"(f)", {f = 2}>}

// -----

// expected-error@+1 {{an empty map: the axes of a tensor as it is are left out}}
func.func private @f() attributes {a = #ckpt.axes<"", {f = 2}>}

// -----

// expected-error@+1 {{a map has at most 1024 parts}}
func.func private @f() attributes {a = #ckpt.axes<"(a + a + a + a + a + a + a + a + a + a + a) (b + b + b + b + b + b + b + b + b + b + b) (c + c + c + c + c + c + c + c + c + c + c)", {a = 2, b = 2, c = 2}>}

// -----

// expected-error@+1 {{expected an axis name or '(' at column 3, got the end}}
func.func private @f() attributes {a = #ckpt.axes<"(f", {f = 2}>}

// -----

// expected-error@+1 {{axis `V` is padded to a multiple of 0, expected at least 1}}
func.func private @f() attributes {a = #ckpt.pad<"V" to 0>}

// -----

// expected-error@+1 {{a pad step names an axis}}
func.func private @f() attributes {a = #ckpt.pad<"" to 2>}

// -----

// expected-error@+1 {{a split step has widths exactly with `rule widths`}}
func.func private @f() attributes {a = #ckpt.split<["h"] by ["tp"] [3, 1]>}

// -----

// expected-error@+1 {{a split step has widths exactly with `rule widths`}}
func.func private @f() attributes {a = #ckpt.split<["h"] by ["tp"] rule widths>}

// -----

// expected-error@+1 {{a split step has the negative width -1}}
func.func private @f() attributes {a = #ckpt.split<["h"] by ["tp"] rule widths [3, -1]>}

// -----

// expected-error@+1 {{a chunk step cuts dimension -1, expected at least 0}}
func.func private @f() attributes {a = #ckpt.chunk<-1 by "dp">}

// -----

// expected-error@+1 {{a chunk step names a mesh axis}}
func.func private @f() attributes {a = #ckpt.chunk<0 by "">}

// -----

// expected-error@+1 {{a flat step names a mesh axis}}
func.func private @f() attributes {a = #ckpt.flat<"" per param>}

// -----

// expected-error@+1 {{an empty layout: a whole tensor is written without one}}
func.func private @f() attributes {a = #ckpt.layout<>}

// -----

// expected-error@+1 {{`steps` is left out rather than empty}}
func.func private @f() attributes {a = #ckpt.layout<mesh = <["dp"], [2]>, steps = []>}

// -----

// expected-error@+1 {{1 : i64 is not a layout step}}
func.func private @f() attributes {a = #ckpt.layout<mesh = <["dp"], [2]>, steps = [1 : i64]>}

// -----

// expected-error@+1 {{cuts over `tp`, which is no axis of the mesh}}
func.func private @f() attributes {a = #ckpt.layout<mesh = <["dp"], [2]>, steps = [#ckpt.chunk<0 by "tp">]>}

// -----

// expected-error@+1 {{cuts over `dp`, which is no axis of the mesh}}
func.func private @f() attributes {a = #ckpt.layout<steps = [#ckpt.flat<"dp" per group>]>}

// -----

// expected-error@+1 {{a size of -1 bytes}}
func.func private @f() attributes {a = #ckpt.size<-1>}

// -----

// expected-error@+1 {{an argument without a name is written as its value}}
func.func private @f() attributes {a = #ckpt.arg<"", 1 : i64>}

// -----

// expected-error@+1 {{1 : i32 is not an expression}}
func.func private @f() attributes {a = #ckpt.arg<"x", 1 : i32>}

// -----

// expected-error@+1 {{a call names what it calls}}
func.func private @f() attributes {a = #ckpt.call<"", []>}

// -----

// expected-error@+1 {{f32 is not an argument}}
func.func private @f() attributes {a = #ckpt.call<"f", [f32]>}

// -----

// expected-error@+1 {{a member names its field}}
func.func private @f() attributes {a = #ckpt.member<#ckpt.word<"x">, "">}

// -----

// expected-error@+1 {{f32 is not an expression}}
func.func private @f() attributes {a = #ckpt.member<f32, "x">}

// -----

// expected-error@+1 {{`=>` is not an operator}}
func.func private @f() attributes {a = #ckpt.binary<"=>", 1 : i64, 2 : i64>}

// -----

// expected-error@+1 {{unit is not an expression}}
func.func private @f() attributes {a = #ckpt.binary<"==", unit, 2 : i64>}

// -----

// expected-error@+1 {{an empty name pattern}}
func.func private @f() attributes {a = #ckpt.same<"", []>}

// -----

// expected-error@+1 {{"chunk" is not a layout step}}
func.func private @f() attributes {a = #ckpt.same<"*", ["chunk"]>}

// -----

// expected-error@+1 {{there are 1 patterns before '->' for the 2 parts behind it}}
func.func private @f() attributes {a = #ckpt.axes<"a b -> (a + b)", {a = 2, b = 2}>}

// -----

// expected-error@+1 {{do not have the same axes, each once: part 1 has a before it and b behind it}}
func.func private @f() attributes {a = #ckpt.axes<"a + a -> (a + b)", {a = 2, b = 2}>}

// -----

// expected-error@+1 {{a stage step names a mesh axis}}
func.func private @f() attributes {a = #ckpt.stage<"">}

// -----

// expected-error@+1 {{the coordinates of a stage step are not negative and rise, got 1}}
func.func private @f() attributes {a = #ckpt.stage<"pp" at [1, 1]>}

// -----

// expected-error@+1 {{a varying step names a mesh axis}}
func.func private @f() attributes {a = #ckpt.varying<"">}

// -----

// expected-error@+1 {{expected '->' at column 10}}
func.func private @f() attributes {a = #ckpt.pieces<"{0}">}

// -----

// expected-error@+1 {{more than one list of pieces}}
func.func private @f() attributes {a = #ckpt.pieces<"{0 -> 0} varying tp">}

// -----

// expected-error@+1 {{the pieces "{0->0[2:1:1]}" are written "{0 -> 0 [2:1:1]}"}}
func.func private @f() attributes {a = #ckpt.pieces<"{0->0[2:1:1]}">}

// -----

// expected-error@+1 {{step #ckpt.varying<"tp"> cuts over `tp`, which is no axis of the mesh}}
func.func private @f() attributes {a = #ckpt.layout<mesh = <["dp"], [2]>, steps = [#ckpt.varying<"tp">]>}
