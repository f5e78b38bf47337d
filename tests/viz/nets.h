#pragma once
// Nets described in JSON (tests/data/summary/make_nets.py says how), built as modules.
#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "layers/module.h"

namespace glassbox::test {

std::shared_ptr<layers::ModuleBase> build_net(const nlohmann::json& net);

}  // namespace glassbox::test
