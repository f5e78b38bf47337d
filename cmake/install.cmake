# `cmake --install`: libraries, headers, the program, and what find_package and pkg-config read. The
# components are libraries, development, program and documentation.

include(CMakePackageConfigHelpers)
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/glassbox)
set(headers_dir ${GLASSBOX_INCLUDE_DIR}/glassbox)

set(libraries engine layers viz datasets)
if(TARGET glassbox_cli)
  list(APPEND libraries cli)
endif()
list(TRANSFORM libraries PREPEND glassbox_ OUTPUT_VARIABLE library_targets)
set_target_properties(glassbox_all PROPERTIES EXPORT_NAME glassbox)

install(TARGETS ${library_targets} glassbox_all EXPORT glassbox
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT libraries
                NAMELINK_COMPONENT development
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)

# Opened at run time: nothing links it, and no package that lacks it is broken.
if(TARGET glassbox_cuda AND BUILD_SHARED_LIBS)
  install(TARGETS glassbox_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT cuda
          NAMELINK_COMPONENT cuda)
endif()

# ---- Headers: the public ones. A backend's own stay inside, but for what one's own op is given.

foreach(folder engine layers viz datasets)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder} DESTINATION ${headers_dir}
          COMPONENT development FILES_MATCHING PATTERN "*.h"
          PATTERN "engine/cpu" EXCLUDE PATTERN "engine/cuda" EXCLUDE)
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/engine/cpu/context.h DESTINATION ${headers_dir}/engine/cpu
        COMPONENT development)
install(FILES ${PROJECT_SOURCE_DIR}/examples/glassbox/glassbox.h DESTINATION ${headers_dir}
        COMPONENT development)
if(TARGET glassbox_cli)
  install(FILES ${PROJECT_SOURCE_DIR}/examples/glassbox/cli.h DESTINATION ${headers_dir}
          COMPONENT development)
endif()

# ---- The program, its completion and the pages

if(TARGET glassbox)
  install(TARGETS glassbox RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
  if(NOT CMAKE_CROSSCOMPILING)
    # By the program itself: it knows its verbs, options and models.
    set(completion ${PROJECT_BINARY_DIR}/generated/completion.bash)
    add_custom_command(OUTPUT ${completion} DEPENDS glassbox VERBATIM
                       COMMAND glassbox completion bash > ${completion}.new
                       COMMAND ${CMAKE_COMMAND} -E rename ${completion}.new ${completion})
    add_custom_target(glassbox_completion ALL DEPENDS ${completion})
    install(FILES ${completion} RENAME glassbox COMPONENT program
            DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  endif()
endif()

set(doc_dir ${CMAKE_INSTALL_DATADIR}/doc/glassbox)
# Debian's name for it.
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE RENAME copyright DESTINATION ${doc_dir}
        COMPONENT documentation)
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md
        DESTINATION ${doc_dir} COMPONENT documentation)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs DESTINATION ${doc_dir} COMPONENT documentation)

# ---- find_package and pkg-config

# A static library leaves its own libraries to who links it.
set(static_packages "")
if(NOT BUILD_SHARED_LIBS)
  get_property(static_packages GLOBAL PROPERTY GLASSBOX_STATIC_PACKAGES)
endif()
set(GLASSBOX_STATIC_PACKAGES "")
foreach(package IN LISTS static_packages)
  string(APPEND GLASSBOX_STATIC_PACKAGES "find_dependency(${package})\n")
endforeach()
configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/glassboxConfig.cmake.in
  ${PROJECT_BINARY_DIR}/generated/glassboxConfig.cmake INSTALL_DESTINATION ${config_dir}
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/generated/glassboxConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/generated/glassboxConfig.cmake
              ${PROJECT_BINARY_DIR}/generated/glassboxConfigVersion.cmake
        DESTINATION ${config_dir} COMPONENT development)
install(EXPORT glassbox NAMESPACE glassbox:: FILE glassboxTargets.cmake DESTINATION ${config_dir}
        COMPONENT development)

file(RELATIVE_PATH GLASSBOX_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
list(REVERSE library_targets)  # a library before those that it needs
list(TRANSFORM library_targets PREPEND "-l")
list(JOIN library_targets " " GLASSBOX_PC_LIBS)
set(GLASSBOX_PC_FLAGS "")
if(GLASSBOX_NO_RECORDER)
  set(GLASSBOX_PC_FLAGS " -DGLASSBOX_NO_RECORDER")
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/glassbox.pc.in
               ${PROJECT_BINARY_DIR}/generated/glassbox.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/generated/glassbox.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

if(NOT GLASSBOX_CPU STREQUAL baseline)
  install(CODE "message(WARNING \"These libraries are built with -DGLASSBOX_CPU=${GLASSBOX_CPU} and \
stop with an illegal instruction on a processor without ${GLASSBOX_CPU_SETS}. For other machines \
build with -DGLASSBOX_CPU=baseline.\")" COMPONENT libraries)
endif()
