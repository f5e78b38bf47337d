// The fixed parts of the summary's page. Detail of summary_html.cpp.
#pragma once
#include <string_view>

namespace glassbox::viz::detail {

extern const std::string_view page_head, page_style, page_tools, page_script;

}  // namespace glassbox::viz::detail
