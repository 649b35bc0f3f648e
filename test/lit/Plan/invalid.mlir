// RUN: recast-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{expected a version such as "1.0"}}
plan.header version "1" budget 0 schema 0x0 instance 0x0 spec ""

// -----

// expected-error @below {{'plan.left_out' op says one of object and change, not both}}
"plan.left_out"() {what = "a", why = "b", object = "args.lr", target = "hub"} : () -> ()

// -----

// expected-error @below {{'plan.left_out' op says some of role, change and number of tensors, not all}}
"plan.left_out"() {what = "a", why = "b", role = "weight", target = "hub"} : () -> ()

// -----

// expected-error @below {{'plan.left_out' op names a target for an object or a role, and for nothing else}}
plan.left_out "a" because "b" object "args.lr" set

// -----

// expected-error @below {{'plan.left_out' op names a target for an object or a role, and for nothing else}}
plan.left_out "a" because "b" for "hub"

// -----

// expected-error @below {{'plan.left_out' op is of -3 tensors, which is not between 0 and 2^32 - 1}}
plan.left_out "a" because "b" role "weight" dropped of -3 for "hub"

// -----

// expected-error @below {{'plan.left_out' op is of an object and of a role}}
plan.left_out "a" because "b" object "args.lr" set role "weight" dropped of 3 for "hub"

// -----

// expected-error @below {{'plan.records' op attribute 'rows' failed to satisfy constraint: dense_resource of tensor<Nx4xi64>}}
plan.records dense_resource<t> : tensor<1x3xi64>

// -----

// expected-error @below {{custom op 'plan.stores' invalid kind of attribute specified}}
plan.stores dense<0> : tensor<1x2xi64>

// -----

// expected-error @below {{'plan.stores' op table of stores has type 'tensor<1x2xi64>', but its resource `short` has 8 bytes}}
plan.stores dense_resource<short> : tensor<1x2xi64>
{-# dialect_resources: { builtin: { short: "0x080000000000000000000000" } } #-}

// -----

// expected-error @below {{'plan.stores' op table of stores, row 0, column 1: -1 is not between 0 and 2^32 - 1}}
plan.stores dense_resource<negative> : tensor<1x2xi64>
{-# dialect_resources: { builtin: {
  negative: "0x080000000000000000000000FFFFFFFFFFFFFFFF"
} } #-}

// -----

// expected-error @below {{'plan.extents' op table of extents, row 0, column 0: 4294967295 is not between 0 and 2^32 - 2}}
plan.extents dense_resource<none> : tensor<1x3xi64>
{-# dialect_resources: { builtin: {
  none: "0x08000000FFFFFFFF0000000000000000000000000000000000000000"
} } #-}

// -----

// expected-error @below {{'plan.strings' op text 1 is longer than what is left of 3 bytes}}
plan.strings dense_resource<lengths> : tensor<2x1xi64> bytes dense_resource<bytes> : tensor<3xi8>
{-# dialect_resources: { builtin: {
  lengths: "0x0800000002000000000000000200000000000000",
  bytes: "0x01000000616263"
} } #-}

// -----

// expected-error @below {{'plan.strings' op lengths add up to 2 bytes, there are 3}}
plan.strings dense_resource<lengths> : tensor<1x1xi64> bytes dense_resource<bytes> : tensor<3xi8>
{-# dialect_resources: { builtin: {
  lengths: "0x080000000200000000000000",
  bytes: "0x01000000616263"
} } #-}

// -----

// expected-error @below {{'plan.layout' op does not read as a layout:}}
plan.layout "on the moon"

// -----

// expected-error @below {{'plan.layout' op is not in canonical form, which is "on (dp = 2) flat dp per param"}}
plan.layout "on  (dp=2)  flat dp per param"

// -----

// expected-error @below {{'plan.target' op has 2 groups with 1 sizes}}
plan.target "t" format "f" path "p" tag ""
    groups ["{}", "{}"] sizes [1] names dense_resource<names> : tensor<1x1xi64>

// -----

// expected-error @below {{'plan.target' op a group of 3 names, where 2 are left}}
plan.target "t" format "f" path "p" tag ""
    groups ["{}"] sizes [3] names dense_resource<names> : tensor<2x1xi64>

// -----

// expected-error @below {{'plan.target' op 1 names belong to no group}}
plan.target "t" format "f" path "p" tag ""
    groups ["{}"] sizes [1] names dense_resource<names> : tensor<2x1xi64>

// -----

// expected-error @below {{'plan.target' op groups need hyper-parameters, sizes and names together}}
"plan.target"() {name = "t", format = "f", path = "p", tag = "", group_hyper = ["{}"]} : () -> ()

// -----

// expected-error @below {{attribute 'options' failed to satisfy constraint: dictionary of strings}}
plan.target "t" format "f" path "p" tag "" options {size = 3}

// -----

// expected-error @below {{unknown dtype `float`}}
plan.family @f shape [4] inputs [float layout 0] outputs [] recipe "" members dense_resource<m> : tensor<0x5xi64>

// -----

// expected-error @below {{'plan.family' op has the extent -4 in its shape}}
plan.family @f shape [-4] inputs [f32 layout 0] outputs [f32 layout 0 target 0]
    recipe "load 0 f32; store %0 0" members dense_resource<m> : tensor<0x8xi64>

// -----

// expected-error @below {{'plan.family' op does not read as a recipe:}}
plan.family @f shape [4] inputs [f32 layout 0] outputs [f32 layout 0 target 0]
    recipe "load 0 f32; store %1 0" members dense_resource<m> : tensor<0x8xi64>

// -----

// expected-error @below {{'plan.family' op recipe is not in canonical form, which is "load 0 f32; store %0 0"}}
plan.family @f shape [4] inputs [f32 layout 0] outputs [f32 layout 0 target 0]
    recipe "load 0 f32;  store %0 0" members dense_resource<m> : tensor<0x8xi64>

// -----

// expected-error @below {{'plan.family' op has 2 inputs and 1 outputs, its recipe 1 and 1}}
plan.family @f shape [4] inputs [f32 layout 0, f32 layout 0] outputs [f32 layout 0 target 0]
    recipe "load 0 f32; store %0 0" members dense_resource<m> : tensor<0x12xi64>

// -----

// expected-error @below {{'plan.family' op input 0 is bf16, its recipe loads f32}}
plan.family @f shape [4] inputs [bf16 layout 0] outputs [f32 layout 0 target 0]
    recipe "load 0 f32; store %0 0" members dense_resource<m> : tensor<0x8xi64>

// -----

// expected-error @below {{'plan.family' op output 0 is f16, its recipe stores f32}}
plan.family @f shape [4] inputs [f32 layout 0] outputs [f16 layout 0 target 0]
    recipe "load 0 f32; store %0 0" members dense_resource<m> : tensor<0x8xi64>

// -----

// expected-error @below {{'plan.family' op has a table of 5 columns, 1 inputs and 1 outputs need 8}}
plan.family @f shape [4] inputs [f32 layout 0] outputs [f32 layout 0 target 0]
    recipe "load 0 f32; store %0 0" members dense_resource<m> : tensor<0x5xi64>

// -----

// expected-error @below {{'plan.family' op table of members, row 0, column 1: -2 is not between -1 and 2^32 - 2}}
plan.family @f shape [4] inputs [f32 layout 0] outputs [f32 layout 0 target 0]
    recipe "load 0 f32; store %0 0" members dense_resource<m> : tensor<1x8xi64>
{-# dialect_resources: { builtin: {
  m: "0x080000000000000000000000FEFFFFFFFFFFFFFF000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
} } #-}

// -----

// expected-error @below {{'plan.deadlines' op table of deadlines, row 0, column 0: -1 is not between 0 and 2^32 - 2}}
plan.deadlines "p" time 1.0 rows dense_resource<m> : tensor<1x4xi64>
{-# dialect_resources: { builtin: {
  m: "0x08000000FFFFFFFFFFFFFFFF000000000000000000000000000000000000000000000000"
} } #-}

// -----

// expected-error @below {{'plan.target' op has the rank -2}}
plan.target "live" format "memory" path "" tag "" rank -2

// -----

func.func @nested() {
  // expected-error @below {{'plan.layout' op expects parent op 'builtin.module'}}
  plan.layout "whole"
  return
}
