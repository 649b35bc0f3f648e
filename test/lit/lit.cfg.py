"""How the tests that compare a tool's text with FileCheck are run."""

import os

import lit.formats

config.name = "Recast"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".ucl", ".test"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.recast_binary_dir, "test", "lit")

config.environment["PATH"] = os.pathsep.join(
    [config.recast_tools_dir, config.llvm_tools_dir, config.environment.get("PATH", "")]
)
config.environment["FILECHECK_OPTS"] = "-enable-var-scope --allow-unused-prefixes=false"
config.substitutions.append(("%mlir_opt", os.path.join(config.llvm_tools_dir, "mlir-opt")))
config.substitutions.append(("%recast_plugin", config.recast_plugin))
config.substitutions.append(("%recast_source", config.recast_source_dir))
config.substitutions.append(("%recast_test_data", config.recast_test_data))
