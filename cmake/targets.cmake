# Helpers that make the project's targets. A folder without sources is an INTERFACE library, so
# that a part can be headers alone.

# glassbox_glob(RESULT FOLDER): the .cpp files under a folder of the repository.
function(glassbox_glob result folder)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cpp)
  set(${result} ${sources} PARENT_SCOPE)
endfunction()

# glassbox_library(NAME [SOURCE...]): glassbox_NAME, known as glassbox::NAME.
function(glassbox_library name)
  if(ARGN)
    add_library(glassbox_${name} ${ARGN})
    target_compile_features(glassbox_${name} PUBLIC cxx_std_20)
    glassbox_flags(glassbox_${name})
  else()
    add_library(glassbox_${name} INTERFACE)
    target_compile_features(glassbox_${name} INTERFACE cxx_std_20)
  endif()
  add_library(glassbox::${name} ALIAS glassbox_${name})
endfunction()

# glassbox_link(NAME [PUBLIC TARGET...] [PRIVATE TARGET...])
function(glassbox_link name)
  cmake_parse_arguments(arg "" "" "PUBLIC;PRIVATE" ${ARGN})
  glassbox_scope(scope ${name})
  target_link_libraries(glassbox_${name} ${scope} ${arg_PUBLIC})
  if(scope STREQUAL PUBLIC)
    target_link_libraries(glassbox_${name} PRIVATE ${arg_PRIVATE})
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
