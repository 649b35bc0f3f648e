# One target per room of the house. recast_library() for rooms without MLIR, recast_mlir_library()
# for those with it; both take the sources and, after LINK, the rooms they may lean on.

find_package(fmt REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(tl-expected REQUIRED)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)

# -fPIC rather than CMAKE_POSITION_INDEPENDENT_CODE: executables would get -fPIE, and one
# precompiled header cannot serve both.
add_compile_options(-fPIC -Wall -Wextra -Wno-unused-parameter)
if(RECAST_WERROR)
  add_compile_options(-Werror)
endif()
add_link_options(-fuse-ld=lld)

add_library(recast_options INTERFACE)
target_include_directories(recast_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
# The runtime reports errors as values; exceptions of libraries must not cross it.
target_compile_options(recast_options INTERFACE -fno-exceptions)
target_compile_definitions(recast_options INTERFACE JSON_NOEXCEPTION)
target_link_libraries(recast_options INTERFACE fmt::fmt tl::expected nlohmann_json::nlohmann_json)
if(RECAST_SANITIZE)
  # fuzzer-no-link: the counters of libFuzzer, which steer test/fuzz.
  set(sanitizers -fsanitize=address,undefined,fuzzer-no-link)
  target_compile_options(recast_options INTERFACE ${sanitizers} -fno-sanitize-recover=undefined
                         -fno-omit-frame-pointer -gline-tables-only)
  target_link_options(recast_options INTERFACE ${sanitizers})
endif()

# Precompiled headers take half of the time to compile. Three stand: base of what nearly every file
# includes, test with GoogleTest beside it, mlir (RecastMlir.cmake).
function(recast_precompiled_header kind)
  add_library(recast_${kind}_pch OBJECT ${CMAKE_SOURCE_DIR}/cmake/pch/pch.cpp)
  target_link_libraries(recast_${kind}_pch PRIVATE ${ARGN})
  target_precompile_headers(recast_${kind}_pch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch/${kind}.h)
  # Without a time of day in it, ccache knows it again.
  target_compile_options(recast_${kind}_pch PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
endfunction()
function(recast_precompiled target kind)
  target_precompile_headers(${target} REUSE_FROM recast_${kind}_pch)
  target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
endfunction()
recast_precompiled_header(base recast_options)
find_package(GTest REQUIRED)
recast_precompiled_header(test recast_options GTest::gtest GTest::gmock)
# The tests' own code runs for moments: optimizing it further costs more than it saves.
target_compile_options(recast_test_pch PRIVATE -O1)

# Exceptions of libraries (of the command line, of the file system) that end the program, or are caught beside the call.
function(recast_with_exceptions)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS -fexceptions SKIP_PRECOMPILE_HEADERS ON)
endfunction()

function(recast_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC recast_options ${ARG_LINK})
  recast_precompiled(${name} base)
endfunction()

# One GoogleTest program per room: recast_unit_test(layout A.cpp B.cpp LINK recast_layout), with MLIR
# before LINK where MLIR's headers are included.
function(recast_unit_test name)
  cmake_parse_arguments(ARG "MLIR" "" "LINK" ${ARGN})
  add_executable(test_${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(test_${name} PRIVATE ${ARG_LINK} GTest::gtest_main GTest::gmock)
  if(ARG_MLIR)
    target_link_libraries(test_${name} PRIVATE recast_mlir_options)
    recast_precompiled(test_${name} mlir)
  else()
    recast_precompiled(test_${name} test)
    target_compile_options(test_${name} PRIVATE -O1) # As the header.
  endif()
  target_compile_definitions(test_${name} PRIVATE RECAST_TEST_DATA="${CMAKE_SOURCE_DIR}/test/data")
  set_target_properties(test_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test)
  add_test(NAME ${name} COMMAND test_${name})
endfunction()

# A folder joins the build once it has a CMakeLists.txt.
macro(recast_room folder)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/CMakeLists.txt)
    add_subdirectory(${folder})
  endif()
endmacro()
