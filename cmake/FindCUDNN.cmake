# cuDNN 9: the target CUDNN::cudnn and CUDNN_VERSION. Looked for in CUDNN_ROOT and $CUDNN_PATH, where
# the CUDA toolkit's libraries are, on the system, and in pip's wheels (nvidia/cudnn), which have
# only libcudnn.so.9.
set(hints ${CUDNN_ROOT} $ENV{CUDNN_ROOT} $ENV{CUDNN_PATH})
foreach(folder IN LISTS CUDAToolkit_LIBRARY_DIR)
  get_filename_component(root ${folder}/.. ABSOLUTE)
  # In wheels cuDNN lies beside the toolkit: nvidia/cu13 and nvidia/cudnn.
  list(APPEND hints ${root} ${root}/../cudnn)
endforeach()
find_path(CUDNN_INCLUDE_DIR cudnn_version.h HINTS ${hints} PATH_SUFFIXES include)
find_library(CUDNN_LIBRARY NAMES cudnn libcudnn.so.9 NAMES_PER_DIR HINTS ${hints}
             PATH_SUFFIXES lib lib64 lib/x64)
mark_as_advanced(CUDNN_INCLUDE_DIR CUDNN_LIBRARY)
if(CUDNN_INCLUDE_DIR)
  file(STRINGS ${CUDNN_INCLUDE_DIR}/cudnn_version.h lines
       REGEX "#define CUDNN_(MAJOR|MINOR|PATCHLEVEL) ")
  string(REGEX MATCH "CUDNN_MAJOR ([0-9]+)" ignored "${lines}")
  set(CUDNN_VERSION ${CMAKE_MATCH_1})
  string(REGEX MATCH "CUDNN_MINOR ([0-9]+)" ignored "${lines}")
  string(APPEND CUDNN_VERSION .${CMAKE_MATCH_1})
  string(REGEX MATCH "CUDNN_PATCHLEVEL ([0-9]+)" ignored "${lines}")
  string(APPEND CUDNN_VERSION .${CMAKE_MATCH_1})
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CUDNN REQUIRED_VARS CUDNN_LIBRARY CUDNN_INCLUDE_DIR
                                  VERSION_VAR CUDNN_VERSION)
if(CUDNN_FOUND AND NOT TARGET CUDNN::cudnn)
  add_library(CUDNN::cudnn SHARED IMPORTED)
  set_target_properties(CUDNN::cudnn PROPERTIES IMPORTED_LOCATION ${CUDNN_LIBRARY}
                        INTERFACE_INCLUDE_DIRECTORIES ${CUDNN_INCLUDE_DIR})
endif()
