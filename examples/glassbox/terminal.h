// What standard output is.
#pragma once

namespace glassbox {

bool stdout_is_terminal();  // that can redraw a line, so not a "dumb" one
int stdout_width();         // columns of the terminal, 80 where it does not say; 0 when it is none
bool stdout_has_color();    // such a terminal, and NO_COLOR is not set

}  // namespace glassbox
