# What a project that takes Glassbox into its own build may expect: nothing but targets and variables
# that begin with its name. Include it after Glassbox came.

add_library(mine ../own.cpp)  # neither shared nor with anyone's flags
get_target_property(type mine TYPE)
if(NOT type STREQUAL "STATIC_LIBRARY")
  message(FATAL_ERROR "a library of the project became a ${type}")
endif()
foreach(name CMAKE_CXX_STANDARD CMAKE_CXX_FLAGS CMAKE_BUILD_TYPE CMAKE_RUNTIME_OUTPUT_DIRECTORY
             CMAKE_POSITION_INDEPENDENT_CODE CMAKE_CXX_COMPILER_LAUNCHER BUILD_SHARED_LIBS)
  if(NOT "${${name}}" STREQUAL "${before_${name}}")
    message(FATAL_ERROR "${name} was '${before_${name}}' and is '${${name}}'")
  endif()
endforeach()
foreach(directory_property COMPILE_OPTIONS COMPILE_DEFINITIONS INCLUDE_DIRECTORIES LINK_OPTIONS)
  get_directory_property(value ${directory_property})
  if(value)
    message(FATAL_ERROR "${directory_property} of the project is ${value}")
  endif()
endforeach()
foreach(target glassbox_tests glassbox summary bench_train_step)
  if(TARGET ${target})
    message(FATAL_ERROR "the target ${target} is for Glassbox itself")
  endif()
endforeach()
get_directory_property(variables CACHE_VARIABLES)
foreach(variable IN LISTS variables)
  get_property(help CACHE ${variable} PROPERTY HELPSTRING)
  get_property(type CACHE ${variable} PROPERTY TYPE)
  # Options: what is neither CMake's, nor a package's that was found, nor FetchContent's.
  if(type MATCHES "^(BOOL|STRING|PATH)$" AND
     NOT variable MATCHES "^(GLASSBOX_|CMAKE_|FETCHCONTENT_|OpenMP_|PKG_CONFIG_|.*_DIR$|.*_ROOT$)")
    message(FATAL_ERROR "${variable} is an option without GLASSBOX_ before its name")
  endif()
endforeach()

add_executable(consumer ../consumer.cpp)
target_link_libraries(consumer PRIVATE glassbox::glassbox mine)
if(NOT TARGET glassbox::cli)
  message(FATAL_ERROR "glassbox::cli is missing")
endif()
