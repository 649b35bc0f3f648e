// RUN: recast-opt %s --verify-roundtrip | FileCheck %s
// RUN: recast-opt %s --canonicalize | FileCheck %s --check-prefix=CANON

#varying = #ckpt.layout<mesh = <["dp", "tp"], [2, 2]>, steps = [#ckpt.varying<"tp">, #ckpt.split<["d0"] by ["dp"]>]>
!varying = !ckpt.value<tensor<8xf32>, on = #varying>

// CHECK-DAG: #[[$VARYING:.+]] = #ckpt.layout<mesh = #{{.+}}, steps = [#ckpt.varying<"tp">, #ckpt.split<["d0"] by ["dp"]>]>
// CHECK-DAG: #[[$AT1:.+]] = #ckpt.layout<mesh = #{{.+}}, steps = [#ckpt.stage<"tp" at [1]>, #ckpt.split<["d0"] by ["dp"]>]>
// CHECK-DAG: #[[$SAME:.+]] = #ckpt.layout<mesh = #{{.+}}, steps = [#ckpt.split<["d0"] by ["dp"]>]>

// CHECK-LABEL: func.func @ways_out
// CHECK:         ckpt.select %{{.+}} at "tp" = 1 : !ckpt.value<tensor<8xf32>, on = #[[$VARYING]]>
// CHECK-NEXT:    ckpt.reshard %{{.+}} : !ckpt.value<tensor<8xf32>, on = #[[$AT1]]> to !ckpt.value<tensor<8xf32>>
// CHECK-NEXT:    ckpt.average %{{.+}} : !ckpt.value<tensor<8xf32>, on = #[[$VARYING]]>
// CHECK-NEXT:    ckpt.mean %{{.+}}, %{{.+}} : !ckpt.value<tensor<8xf32>, on = #[[$SAME]]>
func.func @ways_out(%x: !varying) -> !ckpt.value<tensor<8xf32>> {
  %0 = ckpt.select %x at "tp" = 1 : !varying
  %1 = ckpt.reshard %0 : !ckpt.value<tensor<8xf32>, on = #ckpt.layout<mesh = <["dp", "tp"], [2, 2]>,
      steps = [#ckpt.stage<"tp" at [1]>, #ckpt.split<["d0"] by ["dp"]>]>> to !ckpt.value<tensor<8xf32>>
  %2 = ckpt.average %x : !varying
  %3 = ckpt.mean %2, %2 : !ckpt.value<tensor<8xf32>, on = #ckpt.layout<mesh = <["dp", "tp"], [2, 2]>,
      steps = [#ckpt.split<["d0"] by ["dp"]>]>>
  func.call @use(%3) : (!ckpt.value<tensor<8xf32>, on = #ckpt.layout<mesh = <["dp", "tp"], [2, 2]>,
      steps = [#ckpt.split<["d0"] by ["dp"]>]>>) -> ()
  return %1 : !ckpt.value<tensor<8xf32>>
}
func.func private @use(!ckpt.value<tensor<8xf32>, on = #ckpt.layout<mesh = <["dp", "tp"], [2, 2]>,
    steps = [#ckpt.split<["d0"] by ["dp"]>]>>)

// A version of a cast is the cast of the version; casts of averages stay behind them.
// CANON-LABEL: func.func @select_of_cast
// CANON:         %[[S:.+]] = ckpt.select %{{.+}} at "tp" = 0 : !ckpt.value<tensor<8xf32>, on =
// CANON-NEXT:    %[[C:.+]] = ckpt.cast %[[S]] to bf16
// CANON-NEXT:    return %[[C]]
!at0 = !ckpt.value<tensor<8xbf16>, on = #ckpt.layout<mesh = <["dp", "tp"], [2, 2]>,
    steps = [#ckpt.stage<"tp" at [0]>, #ckpt.split<["d0"] by ["dp"]>]>>
func.func @select_of_cast(%x: !varying) -> !at0 {
  %0 = ckpt.cast %x to bf16 : !varying
  %1 = ckpt.select %0 at "tp" = 0 : !ckpt.value<tensor<8xbf16>, on = #varying>
  return %1 : !at0
}

// CANON-LABEL: func.func @average_of_cast
// CANON-NEXT:    ckpt.cast
// CANON-NEXT:    ckpt.average
// CANON-NEXT:    return
func.func @average_of_cast(%x: !varying) -> !ckpt.value<tensor<8xbf16>, on = #ckpt.layout<
    mesh = <["dp", "tp"], [2, 2]>, steps = [#ckpt.split<["d0"] by ["dp"]>]>> {
  %0 = ckpt.cast %x to bf16 : !varying
  %1 = ckpt.average %0 : !ckpt.value<tensor<8xbf16>, on = #varying>
  return %1 : !ckpt.value<tensor<8xbf16>, on = #ckpt.layout<mesh = <["dp", "tp"], [2, 2]>,
      steps = [#ckpt.split<["d0"] by ["dp"]>]>>
}
