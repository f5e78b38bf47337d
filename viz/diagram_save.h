// A diagram as a file, by its ending.
#pragma once
#include <string>
#include <vector>

#include "viz/svg.h"

namespace glassbox::viz {

// What a file's ending may be: ".pdf", ".svg", ...
const std::vector<std::string>& diagram_endings();

// .pdf .svg .png .dot .gv .html .mmd .json .txt, and .model_explorer.json. A name without an ending
// gets .pdf, or .svg where no PDF can be made. Returns the file that was written; it is whole
// or as it was. Throws Error for another ending and for a disk that refuses.
std::string save(const Diagram& diagram, const std::string& file, const DrawOptions& options = {});

}  // namespace glassbox::viz
