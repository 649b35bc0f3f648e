//===- CkptPredictOps.td - weights as they will be some updates ahead ------------------------------===//

#ifndef RECAST_DIALECT_CKPT_PREDICT_OPS_TD
#define RECAST_DIALECT_CKPT_PREDICT_OPS_TD

include "dialect/Ckpt/CkptTypes.td"
include "dialect/Ckpt/CkptExprAttrs.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Ckpt_PredictOp : Ckpt_Op<"predict", [Pure, AllTypesMatch<["weights", "result"]>]> {
  let summary = "Weights as they will be some updates ahead: a rule";
  let description = [{
    The first operation of a chain. `states` are the roles of the optimizer's states of the same
    tensor: the velocity, or Adam's moments. `args` are what the text gives by name: `rule`, the
    number of updates `s`, and hyper-parameters; what is not given, binding takes from the tensor's
    parameter group and step. What it computes is `ckpt.extrapolate`.

    **Constraints:** at least one state; each argument is an `#ckpt.arg`.

    ```mlir
    %0 = ckpt.predict %x with ["exp_avg", "exp_avg_sq"]
        args [#ckpt.arg<"s", 3 : i64>, #ckpt.arg<"rule", #ckpt.word<"adamw">>] : !ckpt.state
    ```
  }];
  let arguments = (ins Ckpt_StateType:$weights, StrArrayAttr:$states, ArrayAttr:$args);
  let results = (outs Ckpt_StateType:$result);
  let assemblyFormat = [{
    $weights `with` $states `args` $args attr-dict `:` qualified(type($weights))
  }];
  let hasVerifier = 1;
}

def Ckpt_DirectionAttr : I32EnumAttr<"Direction", "what an update of the optimizer moves along", [
    I32EnumAttrCase<"Velocity", 0, "velocity">, I32EnumAttrCase<"Momentum", 1, "momentum">,
    I32EnumAttrCase<"Adam", 2, "adam">]> {
  let cppNamespace = "::recast::ir::ckpt";
}

def Ckpt_ExtrapolateOp : Ckpt_Op<"extrapolate", [Pure, AttrSizedOperandSegments,
                                                 AllTypesMatch<["weights", "result"]>]> {
  let summary = "Weights, moved along the direction of an optimizer, element by element";
  let description = [{
    Every operand is converted to f64; each operation below rounds once, to nearest even; the result
    is rounded once more, to the element type of the weights.

    | direction | states | scalars | result |
    |---|---|---|---|
    | `velocity` | x | k | w - k * x |
    | `momentum` | v, g | k, u, d | w - k * (u * v + d * g) |
    | `adam` | m, v | k, c1, c2, e | w - k * ((m / c1) / (sqrt(v / c2) + e)) |

    One further scalar, if there is one, is what the weights are multiplied by before (decoupled
    weight decay).

    **Constraints:** as many states and scalars as the table says, or one scalar more; the states
    have the element type of the weights, a float, and their shape; scalars are f64 without
    dimensions, which the table of members holds.

    ```mlir
    %0 = ckpt.extrapolate adam %w with %m, %v by %k, %c1, %c2, %e
        : !ckpt.value<tensor<8xf32>> with !ckpt.value<tensor<8xf32>>, !ckpt.value<tensor<8xf32>>
        by !ckpt.value<tensor<f64>>, !ckpt.value<tensor<f64>>, !ckpt.value<tensor<f64>>, !ckpt.value<tensor<f64>>
    ```
  }];
  let arguments = (ins Ckpt_DirectionAttr:$direction, Ckpt_ValueType:$weights,
                       Variadic<Ckpt_ValueType>:$states, Variadic<Ckpt_ValueType>:$scalars);
  let results = (outs Ckpt_ValueType:$result);
  let assemblyFormat = [{
    $direction $weights `with` $states `by` $scalars attr-dict
    `:` qualified(type($weights)) `with` type($states) `by` type($scalars)
  }];
  let extraClassDeclaration = [{
    /// What the weights are multiplied by, or null.
    ::mlir::Value getDecay();
    static size_t stateCount(Direction direction);
    static size_t scalarCount(Direction direction); ///< Without decay.
  }];
  let hasVerifier = 1;
}

#endif // RECAST_DIALECT_CKPT_PREDICT_OPS_TD
