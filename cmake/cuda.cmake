# The CUDA backend: a library of its own that the engine opens when a CUDA device is first asked
# for. GLASSBOX_CUDA is AUTO (built where the CUDA Toolkit and cuDNN are found), ON (an error where
# they are not) or OFF.

# In another project it is built when that project says so: it takes minutes.
if(PROJECT_IS_TOP_LEVEL)
  set(GLASSBOX_CUDA AUTO CACHE STRING "Build the CUDA backend: AUTO, ON or OFF")
else()
  set(GLASSBOX_CUDA OFF CACHE STRING "Build the CUDA backend: AUTO, ON or OFF")
endif()
set_property(CACHE GLASSBOX_CUDA PROPERTY STRINGS AUTO ON OFF)

# What is missing goes into the line of the summary, or with ON into an error.
function(glassbox_no_cuda fact)
  if(GLASSBOX_CUDA STREQUAL "AUTO")
    glassbox_feature(CUDA "off (${fact})")
  else()
    message(FATAL_ERROR "GLASSBOX_CUDA is ON, but ${fact}")
  endif()
endfunction()

# What follows runs as part of the project's own list: a language that is enabled inside a function is
# known there alone.
if(NOT GLASSBOX_CUDA)
  glassbox_feature(CUDA "off (-DGLASSBOX_CUDA=ON)")
  return()
endif()
if(GLASSBOX_SANITIZE)
  glassbox_no_cuda("nvcc has no sanitizers")
  return()
endif()
include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  glassbox_no_cuda("nvcc of the CUDA Toolkit 12 or 13 is not found")
  return()
endif()
# Unless they are given: machine code for each generation that nvcc knows, made from one portable
# form, which is kept for generations that come. One form is one pass of the compiler, where CMake
# makes one for each architecture; nothing in engine/cuda differs between them.
set(architectures "")
if(NOT CMAKE_CUDA_ARCHITECTURES)
  execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --list-gpu-code OUTPUT_VARIABLE known ERROR_QUIET)
  foreach(architecture 80 86 89 90 100 120)
    if(known MATCHES "sm_${architecture}\n")
      list(APPEND architectures ${architecture})
    endif()
  endforeach()
  if(NOT 80 IN_LIST architectures)
    glassbox_no_cuda("${CMAKE_CUDA_COMPILER} does not know sm_80")
    return()
  endif()
  list(TRANSFORM architectures PREPEND sm_ OUTPUT_VARIABLE codes)
  list(JOIN codes "," codes)
  set(cuda_code -gencode=arch=compute_80,code=[${codes},compute_80])
  set(CMAKE_CUDA_ARCHITECTURES OFF)
endif()
enable_language(CUDA)
if(GLASSBOX_CCACHE AND NOT CMAKE_CUDA_COMPILER_LAUNCHER)
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${GLASSBOX_CCACHE})
endif()
find_package(CUDAToolkit 12.0 QUIET)
find_package(CUDNN 9 QUIET)
if(NOT CUDAToolkit_FOUND OR NOT TARGET CUDA::cublasLt)
  glassbox_no_cuda("the CUDA Toolkit 12 or 13 with cuBLAS is not found")
  return()
endif()
if(NOT TARGET CUDNN::cudnn)
  glassbox_no_cuda("cuDNN 9 is not found (package libcudnn9-dev-cuda-13, or -DCUDNN_ROOT=)")
  return()
endif()

file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/engine/cuda/*.cu
     ${PROJECT_SOURCE_DIR}/engine/cuda/*.cpp)
if(BUILD_SHARED_LIBS)
  add_library(glassbox_cuda SHARED ${sources})
  target_link_options(glassbox_cuda PRIVATE -Wl,-z,defs)
  target_link_libraries(glassbox_cuda PRIVATE glassbox::engine)
else()  # one program: the kernels go into the engine
  add_library(glassbox_cuda OBJECT ${sources})
  target_include_directories(glassbox_cuda PRIVATE ${PROJECT_SOURCE_DIR})
  target_sources(glassbox_engine PRIVATE $<TARGET_OBJECTS:glassbox_cuda>)
  target_compile_definitions(glassbox_engine PRIVATE GLASSBOX_CUDA_LINKED)
  glassbox_link(engine PRIVATE CUDA::cudart_static CUDA::cublasLt CUDNN::cudnn)
  glassbox_static_package(CUDAToolkit)
endif()
target_link_libraries(glassbox_cuda PRIVATE CUDA::cudart_static CUDA::cublasLt CUDNN::cudnn)
target_compile_features(glassbox_cuda PRIVATE cxx_std_20)
if(NOT architectures)
  set(architectures "${CMAKE_CUDA_ARCHITECTURES}")
  if(architectures STREQUAL native)
    set(architectures "${CMAKE_CUDA_ARCHITECTURES_NATIVE}")
  endif()
  string(REGEX REPLACE "[af]?-(real|virtual)" "" architectures "${architectures}")
  set(cuda_code "")
endif()
# The portable code comes last, as compute_80; without one a newer generation is refused.
if(cuda_code)
  list(APPEND architectures compute_80)
elseif(NOT CMAKE_CUDA_ARCHITECTURES MATCHES "-real$|^native$")
  list(GET architectures -1 last)
  list(APPEND architectures compute_${last})
endif()
list(JOIN architectures " " architectures)
target_compile_definitions(glassbox_cuda PRIVATE
                           GLASSBOX_CUDA_ARCHITECTURES="${architectures}")
# CMake 3.25 knows nvcc's C++17 alone and drops a CUDA_STANDARD of 20 without a word.
set_target_properties(glassbox_cuda PROPERTIES CUDA_STANDARD_REQUIRED OFF)
target_compile_options(glassbox_cuda PRIVATE
  $<$<COMPILE_LANGUAGE:CUDA>:-std=c++20 --expt-relaxed-constexpr ${cuda_code}
    -Xcompiler=-Wall,-Wextra>
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow $<$<BOOL:${GLASSBOX_WERROR}>:-Werror>>)
# Where the libraries were found: the toolkit's folder counts as the linker's own, so that CMake
# writes no path to it.
get_target_property(cudnn CUDNN::cudnn IMPORTED_LOCATION)
get_filename_component(cudnn ${cudnn} DIRECTORY)
set(found ${cudnn} ${CUDAToolkit_LIBRARY_DIR})
set_target_properties(glassbox_cuda PROPERTIES BUILD_RPATH "${found}"
                      INSTALL_RPATH "${GLASSBOX_ORIGIN};${found}"
                      VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
glassbox_feature(CUDA "on, CUDA ${CUDAToolkit_VERSION}, cuDNN ${CUDNN_VERSION}, sm ${architectures}")
