#include <iostream>

#include "engine/engine.h"

int main() { std::cout << glassbox::randn({2, 3}).sum().item<float>() << "\n"; }
