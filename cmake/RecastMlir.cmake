# What the rooms that include MLIR are built with. Sanitized builds leave them out.
find_package(MLIR 22.1 REQUIRED CONFIG)
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)

add_library(recast_mlir_options INTERFACE)
target_link_libraries(recast_mlir_options INTERFACE recast_options
                      "$<$<NOT:$<BOOL:$<TARGET_PROPERTY:RECAST_STANDALONE>>>:MLIR>"
                      "$<$<NOT:$<BOOL:$<TARGET_PROPERTY:RECAST_STANDALONE>>>:LLVM>"
                      "$<$<BOOL:$<TARGET_PROPERTY:RECAST_STANDALONE>>:recast_static_mlir>")
target_include_directories(recast_mlir_options SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
# All programs share libMLIR and libLLVM but those with the property RECAST_STANDALONE, which hold
# what they need of the archives. Never both: one static component beside the shared libraries
# duplicates TypeIDs.
add_library(recast_static_mlir INTERFACE)
file(GLOB archives ${LLVM_LIBRARY_DIR}/libMLIR*.a ${LLVM_LIBRARY_DIR}/libLLVM*.a) # lld wants no order.
target_link_libraries(recast_static_mlir INTERFACE ${archives} ZLIB::ZLIB "$<TARGET_NAME_IF_EXISTS:zstd::libzstd_shared>")
target_link_options(recast_static_mlir INTERFACE -Wl,--gc-sections)

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
