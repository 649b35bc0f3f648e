# What the rooms that include MLIR are built with. Sanitized builds leave them out.
find_package(MLIR 22.1 REQUIRED CONFIG)
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)

add_library(recast_mlir_options INTERFACE)
target_link_libraries(recast_mlir_options INTERFACE recast_options MLIR LLVM)
target_include_directories(recast_mlir_options SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
# Only the shared libMLIR and libLLVM: one static component beside them duplicates TypeIDs.

recast_precompiled_header(mlir recast_mlir_options)

function(recast_mlir_library name)
  cmake_parse_arguments(ARG "" "" "LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC recast_mlir_options ${ARG_LINK})
  recast_precompiled(${name} mlir)
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()
