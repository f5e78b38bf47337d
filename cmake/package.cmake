# The Debian package: `cpack -G DEB` in a build tree of the preset `package`.

set(GLASSBOX_MAINTAINER "The Glassbox authors <glassbox@example.org>"
    CACHE STRING "Who answers for a package made of this build")
mark_as_advanced(GLASSBOX_MAINTAINER)

set(CPACK_PACKAGE_NAME glassbox)
set(CPACK_PACKAGE_VENDOR "The Glassbox authors")
set(CPACK_PACKAGE_CONTACT ${GLASSBOX_MAINTAINER})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "small deep-learning engine that you can see through")
set(CPACK_PACKAGE_DESCRIPTION
    "Glassbox trains convolutional networks in C++20 without LibTorch and without
Python. Every model shows itself: a summary before anything runs, the graph
that really runs, and the history of its training.
.
The package holds the program glassbox, the libraries, their headers, and what
CMake and pkg-config need to build a model of one's own.")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_GENERATOR DEB)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# What builds a model of one's own; no public header needs another library.
# librsvg is opened by name, so that no tool finds it.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "cmake, g++, make, librsvg2-2")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "graphviz, pkg-config")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
# Debian's way to have ldconfig run; CPack only calls it from scripts.
file(WRITE ${PROJECT_BINARY_DIR}/generated/triggers "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_BINARY_DIR}/generated/triggers)
include(CPack)
