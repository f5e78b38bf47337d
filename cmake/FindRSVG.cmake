# librsvg, which draws SVG, with the cairo that it draws on: the target RSVG::RSVG, whose headers are
# all that viz takes.
find_package(PkgConfig QUIET)
if(PKG_CONFIG_FOUND)
  # Its call that tells a size in pixels is as new as 2.52.
  pkg_check_modules(RSVG_LIB QUIET IMPORTED_TARGET librsvg-2.0>=2.52)
  pkg_check_modules(RSVG_CAIRO QUIET IMPORTED_TARGET cairo-pdf cairo-png)
endif()
set(RSVG_VERSION ${RSVG_LIB_VERSION})
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(RSVG REQUIRED_VARS RSVG_LIB_FOUND RSVG_CAIRO_FOUND
                                  VERSION_VAR RSVG_VERSION)
if(RSVG_FOUND AND NOT TARGET RSVG::RSVG)
  add_library(RSVG::RSVG INTERFACE IMPORTED)
  target_link_libraries(RSVG::RSVG INTERFACE PkgConfig::RSVG_LIB PkgConfig::RSVG_CAIRO)
endif()
