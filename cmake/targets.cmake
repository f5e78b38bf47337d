# Helpers that make the project's targets. A folder without sources is an INTERFACE library, so
# that a part can be headers alone.

# glassbox_glob(RESULT FOLDER): the .cpp files under a folder of the repository.
function(glassbox_glob result folder)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cpp)
  set(${result} ${sources} PARENT_SCOPE)
endfunction()

# Where installed programs and libraries look for libraries: beside themselves, so that an install
# works in any prefix.
file(RELATIVE_PATH to_libraries /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
if(IS_ABSOLUTE "${CMAKE_INSTALL_BINDIR}" OR IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  file(RELATIVE_PATH to_libraries ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
endif()
if(APPLE)
  set(GLASSBOX_ORIGIN @loader_path)
else()
  set(GLASSBOX_ORIGIN $ORIGIN)
endif()
set(GLASSBOX_TO_LIBRARIES ${GLASSBOX_ORIGIN}/${to_libraries})

# glassbox_library(NAME [SOURCE...]): glassbox_NAME, known as glassbox::NAME.
function(glassbox_library name)
  if(ARGN)
    add_library(glassbox_${name} ${ARGN})
    target_compile_features(glassbox_${name} PUBLIC cxx_std_20)
    glassbox_flags(glassbox_${name})
    # Until 1.0 the second number changes with the binary interface.
    set_target_properties(glassbox_${name} PROPERTIES
      VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
      INSTALL_RPATH ${GLASSBOX_ORIGIN})
  else()
    add_library(glassbox_${name} INTERFACE)
    target_compile_features(glassbox_${name} INTERFACE cxx_std_20)
  endif()
  set_target_properties(glassbox_${name} PROPERTIES EXPORT_NAME ${name})
  add_library(glassbox::${name} ALIAS glassbox_${name})
endfunction()

# glassbox_link(NAME [PUBLIC TARGET...] [PRIVATE TARGET...]). A header-only dependency stays in the
# build tree: who links an installed static library does not need it.
function(glassbox_link name)
  cmake_parse_arguments(arg "" "" "PUBLIC;PRIVATE" ${ARGN})
  glassbox_scope(scope ${name})
  target_link_libraries(glassbox_${name} ${scope} ${arg_PUBLIC})
  if(scope STREQUAL PUBLIC)
    foreach(target IN LISTS arg_PRIVATE)
      if(target MATCHES "^glassbox_dep_(fmt|nlohmann_json|cli11)$")
        set(target $<BUILD_INTERFACE:${target}>)
      endif()
      target_link_libraries(glassbox_${name} PRIVATE ${target})
    endforeach()
  endif()
endfunction()

# glassbox_scope(RESULT NAME): what "public" is called for this library.
function(glassbox_scope result name)
  get_target_property(type glassbox_${name} TYPE)
  if(type STREQUAL INTERFACE_LIBRARY)
    set(${result} INTERFACE PARENT_SCOPE)
  else()
    set(${result} PUBLIC PARENT_SCOPE)
  endif()
endfunction()

# glassbox_program(NAME SOURCE...): a program that sees all.
function(glassbox_program name)
  add_executable(${name} ${ARGN})
  glassbox_flags(${name})
  target_link_libraries(${name} PRIVATE glassbox::cli)
  set_target_properties(${name} PROPERTIES INSTALL_RPATH ${GLASSBOX_TO_LIBRARIES})
endfunction()

# glassbox_programs(PREFIX FOLDER [TARGET...]): each FOLDER/NAME.cpp is the program PREFIXNAME.
function(glassbox_programs prefix folder)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cpp)
  foreach(source IN LISTS sources)
    cmake_path(GET source STEM name)
    glassbox_program(${prefix}${name} ${source})
    target_link_libraries(${prefix}${name} PRIVATE ${ARGN})
  endforeach()
endfunction()
