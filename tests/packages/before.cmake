# Include it before Glassbox comes: remembers what must not change.
foreach(name CMAKE_CXX_STANDARD CMAKE_CXX_FLAGS CMAKE_BUILD_TYPE CMAKE_RUNTIME_OUTPUT_DIRECTORY
             CMAKE_POSITION_INDEPENDENT_CODE CMAKE_CXX_COMPILER_LAUNCHER BUILD_SHARED_LIBS)
  set(before_${name} "${${name}}")
endforeach()
