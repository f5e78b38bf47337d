# glassbox_dependency(NAME PACKAGE PACKAGE VERSION TARGET TARGET HEADER FILE [DEFINE ...]
#                     GIT URL TAG TAG)
#
# Makes the target glassbox_dep_NAME of a header-only library: found on the system, else in the
# folder ${GLASSBOX_DEPS}/NAME, else fetched from GIT at TAG. Only headers are used, so that none
# of their build systems runs. GLASSBOX_GIT_NAME names another repository to fetch from.

include(FetchContent)
set(GLASSBOX_DEPS "" CACHE PATH "Folder with copies of the dependencies, one sub-folder each")

function(glassbox_dependency name)
  cmake_parse_arguments(arg "" "TARGET;HEADER;GIT;TAG" "PACKAGE;DEFINE" ${ARGN})
  set(GLASSBOX_GIT_${name} ${arg_GIT} CACHE STRING "Where ${name} is fetched from")
  mark_as_advanced(GLASSBOX_GIT_${name})
  set(target glassbox_dep_${name})
  add_library(${target} INTERFACE)

  list(GET arg_PACKAGE 0 package)
  find_package(${arg_PACKAGE} CONFIG QUIET)
  if(TARGET ${arg_TARGET})
    target_link_libraries(${target} INTERFACE ${arg_TARGET})
    glassbox_note_dependency("${name}" "${${package}_VERSION}, system")
    return()
  endif()

  set(where "${GLASSBOX_DEPS}/${name}")
  glassbox_find_header(include ${where} ${arg_HEADER})
  if(GLASSBOX_DEPS AND include)
    glassbox_note_dependency("${name}" "${where}")
  else()
    message(STATUS "Fetching ${name} ${arg_TAG} from ${GLASSBOX_GIT_${name}}")
    # A SOURCE_SUBDIR without a CMakeLists.txt: fetch, but build nothing.
    FetchContent_Declare(${target} GIT_REPOSITORY ${GLASSBOX_GIT_${name}} GIT_TAG ${arg_TAG}
                         GIT_SHALLOW TRUE SOURCE_SUBDIR headers-only)
    FetchContent_MakeAvailable(${target})
    glassbox_find_header(include ${${target}_SOURCE_DIR} ${arg_HEADER})
    if(NOT include)
      message(FATAL_ERROR "${name}: ${arg_HEADER} is not in ${GLASSBOX_GIT_${name}} ${arg_TAG}")
    endif()
    glassbox_note_dependency("${name}" "${arg_TAG}, fetched")
  endif()
  target_include_directories(${target} SYSTEM INTERFACE ${include})
  target_compile_definitions(${target} INTERFACE ${arg_DEFINE})
endfunction()

# Sets RESULT to the include folder of a source tree at WHERE, or to "".
function(glassbox_find_header result where header)
  set(${result} "" PARENT_SCOPE)
  foreach(folder include single_include .)
    if(EXISTS ${where}/${folder}/${header})
      set(${result} ${where}/${folder} PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

# Keeps a line for the configure summary.
function(glassbox_note_dependency name text)
  set_property(GLOBAL APPEND PROPERTY GLASSBOX_DEPENDENCIES "${name} (${text})")
endfunction()

# glassbox_feature(NAME TEXT): a line of the configure summary that `glassbox --version` shows too.
# TEXT is "on, LIBRARY VERSION" or "off (package DEBIAN-PACKAGE)".
function(glassbox_feature name text)
  set_property(GLOBAL APPEND PROPERTY GLASSBOX_FEATURES "${name}|${text}")
endfunction()

# glassbox_static_package(PACKAGE): who links the static libraries must find_package it.
function(glassbox_static_package)
  string(JOIN " " call ${ARGN})
  set_property(GLOBAL APPEND PROPERTY GLASSBOX_STATIC_PACKAGES "${call}")
endfunction()

# glassbox_optional(LIBRARY WHAT PACKAGE TARGET DEFINE APT [HEADERS_ONLY])
#
# Links TARGET of the CMake package PACKAGE to the library glassbox_LIBRARY and defines DEFINE for
# it where the package is found. Either way a line of the configure summary says so: WHAT is what
# the library is for, APT the Debian package that turns it on. -DGLASSBOX_WITH_PACKAGE=OFF leaves
# it out. HEADERS_ONLY: TARGET's headers are read and nothing is linked, for what the library opens
# itself when it is first needed.
function(glassbox_optional library what package target define apt)
  option(GLASSBOX_WITH_${package} "Use ${package}, if it is there, for ${what}" ON)
  mark_as_advanced(GLASSBOX_WITH_${package})
  if(GLASSBOX_WITH_${package})
    find_package(${package} QUIET)
  endif()
  if(GLASSBOX_WITH_${package} AND TARGET ${target})
    if("HEADERS_ONLY" IN_LIST ARGN)
      target_include_directories(glassbox_${library} SYSTEM PRIVATE
                                 $<TARGET_PROPERTY:${target},INTERFACE_INCLUDE_DIRECTORIES>)
      target_link_libraries(glassbox_${library} PRIVATE ${CMAKE_DL_LIBS})
    else()
      target_link_libraries(glassbox_${library} PRIVATE ${target})
      glassbox_static_package(${package})
    endif()
    target_compile_definitions(glassbox_${library} PRIVATE ${define})
    set(version ${${package}_VERSION})
    if(NOT version)  # what some find modules call it
      set(version ${${package}_VERSION_STRING})
    endif()
    set(text "on, ${package} ${version}")
  else()
    set(text "off (package ${apt})")
  endif()
  glassbox_feature("${what}" "${text}")
endfunction()
