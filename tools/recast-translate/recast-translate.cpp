// recast-translate: plan artifacts to their text form (the plan dialect) and back.
#include "compiler/Target/Translate.h"

#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"

int main(int argc, char **argv) {
  recast::registerPlanTranslations();
  return mlir::failed(mlir::mlirTranslateMain(argc, argv, "Recast translation driver"));
}
