#include "glassbox/cli.h"

int main(int argc, char** argv) { return glassbox::cli(argc, argv); }
