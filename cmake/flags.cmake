# Build type, compiler cache, language, warnings, sanitizers, and the flags of the CPU level.

get_property(multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
if(NOT multi_config AND NOT CMAKE_BUILD_TYPE)
  if(PROJECT_IS_TOP_LEVEL)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
  else()
    set(CMAKE_BUILD_TYPE Release)  # in this folder alone: an engine without -O2 is of no use
  endif()
endif()

find_program(GLASSBOX_CCACHE ccache)
mark_as_advanced(GLASSBOX_CCACHE)
if(GLASSBOX_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${GLASSBOX_CCACHE})
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)  # the CPU backend's objects go into the engine
if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
  set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
endif()

# -Wconversion is left out: kernels mix index types all day long.
function(glassbox_flags target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wnon-virtual-dtor
                         -Woverloaded-virtual $<$<BOOL:${GLASSBOX_WERROR}>:-Werror>)
endfunction()

if(GLASSBOX_SANITIZE)
  if(NOT GLASSBOX_SANITIZE MATCHES "^(address|undefined|address,undefined|thread)$")
    message(FATAL_ERROR "GLASSBOX_SANITIZE: '${GLASSBOX_SANITIZE}' is none of address, undefined, "
                        "address,undefined, thread")
  endif()
  add_compile_options(-fsanitize=${GLASSBOX_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer -g1 -O1
                      # clang 14 finds null pointers in copies of nothing into an empty vector.
                      $<$<CXX_COMPILER_ID:Clang>:-fno-sanitize=null>)
  add_link_options(-fsanitize=${GLASSBOX_SANITIZE})
endif()

# glassbox_cold(TARGET): what it does takes little time. Under the sanitizers it is compiled without
# the optimizer, which takes them twice as long.
function(glassbox_cold target)
  if(GLASSBOX_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
  endif()
endfunction()

if(GLASSBOX_CPU STREQUAL native)
  set(GLASSBOX_CPU_FLAGS -march=native)
elseif(GLASSBOX_CPU STREQUAL avx512)
  set(GLASSBOX_CPU_FLAGS -march=x86-64-v4)
elseif(GLASSBOX_CPU STREQUAL avx2)
  set(GLASSBOX_CPU_FLAGS -march=x86-64-v3)
elseif(GLASSBOX_CPU STREQUAL baseline)
  set(GLASSBOX_CPU_FLAGS "")
else()
  message(FATAL_ERROR "GLASSBOX_CPU: '${GLASSBOX_CPU}' is none of native, avx512, avx2, baseline")
endif()
if(GLASSBOX_CPU_FLAGS)
  include(CheckCXXCompilerFlag)
  check_cxx_compiler_flag(${GLASSBOX_CPU_FLAGS} GLASSBOX_HAS_CPU_${GLASSBOX_CPU})
  if(NOT GLASSBOX_HAS_CPU_${GLASSBOX_CPU})
    message(FATAL_ERROR "GLASSBOX_CPU: the compiler does not know ${GLASSBOX_CPU_FLAGS}; "
                        "-DGLASSBOX_CPU=baseline always works")
  endif()
endif()

# What a processor must have for engine/cpu as it is built here: by the macros that the flags define.
set(GLASSBOX_CPU_SETS "")
execute_process(COMMAND ${CMAKE_CXX_COMPILER} ${GLASSBOX_CPU_FLAGS} -dM -E -x c++ /dev/null
                OUTPUT_VARIABLE macros ERROR_QUIET)
foreach(set SSE2 SSE4_2 AVX AVX2 FMA AVX512F AVX512BW AVX512VL)
  if(macros MATCHES "#define __${set}__ ")
    list(APPEND GLASSBOX_CPU_SETS ${set})
  endif()
endforeach()
list(JOIN GLASSBOX_CPU_SETS " " GLASSBOX_CPU_SETS)
string(REPLACE "_" "." GLASSBOX_CPU_SETS "${GLASSBOX_CPU_SETS}")
