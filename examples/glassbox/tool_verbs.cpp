#include "glassbox/tool_verbs.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "glassbox/completion.h"
#include "glassbox/devices.h"
#include "glassbox/new_project.h"

namespace glassbox {

namespace {

std::string name_of(const std::string& program) {
  return program.substr(program.find_last_of('/') + 1);
}

void add_devices(CLI::App& app, std::function<void()>& action) {
  CLI::App* verb = app.add_subcommand("devices", "show the processor, its memory, and GPUs");
  verb->callback([&action] { action = [] { fmt::print("{}", devices_text(cpu_info())); }; });
}

void add_new(CLI::App& app, std::function<void()>& action) {
  CLI::App* verb = app.add_subcommand("new", "write a small project with a model of your own");
  const auto name = std::make_shared<std::string>();
  verb->add_option("name", *name, "of the folder, the program and the model")->required();
  verb->footer(
      "Examples:\n  glassbox new mynet && cd mynet && cmake -B build && "
      "cmake --build build\n");
  verb->callback([&action, name] {
    action = [name] {
      new_project(*name);
      fmt::print(
          "wrote {0}: the model is in {0}/{1}.h\n\n"
          "  cd {0}\n  cmake -B build\n  cmake --build build\n  ./build/{0} summary {0}\n",
          *name, file_stem(*name));
    };
  });
}

void add_completion(CLI::App& app, const std::vector<models::Entry>& entries,
                    const std::string& program, std::function<void()>& action) {
  CLI::App* verb = app.add_subcommand("completion", "print a script that completes words");
  const auto shell = std::make_shared<std::string>();
  verb->add_option("shell", *shell, "whose script to print")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  verb->footer(
      "Examples:\n  source <(glassbox completion bash)\n"
      "  glassbox completion fish > ~/.config/fish/completions/glassbox.fish\n");
  verb->callback([&app, &entries, &program, &action, shell] {
    action = [&app, &entries, &program, shell] {
      std::vector<std::string> models;
      for (const models::Entry& entry : entries) models.push_back(entry.name);
      fmt::print("{}", completion(app, *shell, name_of(program), models));
    };
  });
}

}  // namespace

void add_tool_verbs(CLI::App& app, const std::vector<models::Entry>& entries,
                    const std::string& program, std::function<void()>& action) {
  add_devices(app, action);
  add_new(app, action);
  add_completion(app, entries, program, action);
}

}  // namespace glassbox
