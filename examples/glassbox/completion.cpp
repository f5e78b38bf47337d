#include "glassbox/completion.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <sstream>

#include "engine/core/error.h"

namespace glassbox {

namespace {

struct Option {
  std::vector<std::string> names;  // "--output", "-o"; none: by position
  std::string what;                // its description
  bool takes_value = false;
  std::vector<std::string> choices;  // values to offer; none: files
};

struct Verb {
  std::string name, what;
  std::vector<Option> options, positions;
};

// The choices of CLI::IsMember are in the type: "TEXT:{tree,torchsummary}".
std::vector<std::string> choices_of(const CLI::Option& option,
                                    const std::vector<std::string>& models) {
  const std::vector<std::string>& names = option.get_lnames();
  const std::string position = option.get_positional() ? option.get_name(true) : "";
  const auto is_model = [](const std::string& name) { return name == "model"; };
  if (is_model(position) || position == "a" || position == "b" ||
      std::any_of(names.begin(), names.end(), is_model))
    return models;
  const std::string type = option.get_type_name();
  const std::size_t begin = type.find('{'), end = type.find('}');
  std::vector<std::string> choices;
  if (begin == std::string::npos || end == std::string::npos) return choices;
  std::istringstream list(type.substr(begin + 1, end - begin - 1));
  for (std::string choice; std::getline(list, choice, ',');) choices.push_back(choice);
  return choices;
}

// A description without what has a meaning inside the quotes of the three shells, and with the
// apostrophe that has none.
std::string plain(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '\n') {
      result += ' ';
    } else if (c == '\'') {
      result += "\u2019";
    } else if (std::string("`\"\\$[]:").find(c) == std::string::npos) {
      result += c;
    }
  }
  return result;
}

std::vector<Verb> verbs_of(const CLI::App& app, const std::vector<std::string>& models) {
  std::vector<Verb> verbs;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    Verb verb{sub->get_name(), plain(sub->get_description()), {}, {}};
    for (const CLI::Option* option : sub->get_options()) {
      Option entry{{},
                   plain(option->get_description()),
                   option->get_items_expected_max() > 0,
                   choices_of(*option, models)};
      for (const std::string& name : option->get_lnames()) entry.names.push_back("--" + name);
      for (const std::string& name : option->get_snames()) entry.names.push_back("-" + name);
      (option->get_positional() ? verb.positions : verb.options).push_back(std::move(entry));
    }
    verbs.push_back(std::move(verb));
  }
  return verbs;
}

std::string identifier(std::string program) {
  for (char& c : program) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return "_" + program;
}

std::string spaced(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

std::vector<std::string> names_of(const std::vector<Verb>& verbs) {
  std::vector<std::string> names;
  for (const Verb& verb : verbs) names.push_back(verb.name);
  return names;
}

// ---- bash

// Why the line is split here: bash itself cuts words at = and @, which model names hold.
constexpr const char* bash_head =
    R"(# Completion of {program} for bash, from `{program} completion bash`.
{function}() {{
  local line=${{COMP_LINE:0:COMP_POINT}} word previous verb options= values= head=
  local -a words
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  word=${{words[-1]}} previous=${{words[-2]-}} verb=${{words[1]-}}
  COMPREPLY=()
  if ((${{#words[@]}} <= 2)); then
    COMPREPLY=($(compgen -W '{verbs} --help --version' -- "$word"))
    return
  fi
  case $word in --*=*) previous=${{word%%=*}} head=$previous= word=${{word#*=}} ;; esac
)";

constexpr const char* bash_tail = R"(  if [[ -z $head && $word == -* ]]; then
    values=$options
  fi
  COMPREPLY=($(compgen -W "$values" -- "$word"))
  local whole=$head$word
  local cut=${{whole%"${{whole##*[@=:]}}"}} i
  cut=${{cut#"$head"}}
  for i in "${{!COMPREPLY[@]}}"; do COMPREPLY[i]=${{COMPREPLY[i]#"$cut"}}; done
}}
complete -o default -F {function} {program}
)";

std::string bash(const std::vector<Verb>& verbs, const std::string& program) {
  using namespace fmt::literals;
  const std::string function = identifier(program);
  std::string text = fmt::format(fmt::runtime(bash_head), "program"_a = program,
                                 "function"_a = function, "verbs"_a = spaced(names_of(verbs)));
  text += "  case $verb in\n";
  for (const Verb& verb : verbs) {
    std::string options, values, files, first;
    for (const Option& option : verb.options) {
      for (const std::string& name : option.names) {
        options += (options.empty() ? "" : " ") + name;
        if (option.takes_value && option.choices.empty())
          files += (files.empty() ? "" : " | ") + name;
      }
      if (option.choices.empty()) continue;
      values += fmt::format("        {}) values='{}' options= ;;\n", fmt::join(option.names, " | "),
                            spaced(option.choices));
    }
    if (!files.empty()) values += "        " + files + ") values= options= ;;\n";
    for (const Option& position : verb.positions) {
      if (first.empty()) first = spaced(position.choices);
    }
    text += fmt::format("    {})\n      options='{}' values='{}'\n", verb.name, options, first);
    if (!values.empty()) text += "      case $previous in\n" + values + "      esac\n";
    text += "      ;;\n";
  }
  return text + "  esac\n" +
         fmt::format(fmt::runtime(bash_tail), "program"_a = program, "function"_a = function);
}

// ---- zsh

std::string zsh_values(const Option& option) {
  return option.choices.empty() ? ":_files" : fmt::format(":({})", spaced(option.choices));
}

std::string zsh(const std::vector<Verb>& verbs, const std::string& program) {
  const std::string function = identifier(program);
  std::string text = fmt::format(
      "#compdef {0}\n# Completion of {0} for zsh, from `{0} completion zsh`.\n{1}() {{\n"
      "  local -a verbs=(\n",
      program, function);
  for (const Verb& verb : verbs) text += fmt::format("    '{}:{}'\n", verb.name, verb.what);
  text +=
      "  )\n  if ((CURRENT == 2)); then\n    _describe verb verbs\n    return\n  fi\n"
      "  local verb=$words[2]\n  shift words\n  ((CURRENT--))\n  case $verb in\n";
  for (const Verb& verb : verbs) {
    text += fmt::format("    {})\n      _arguments", verb.name);
    for (const Option& option : verb.options) {
      for (const std::string& name : option.names) {
        text += fmt::format(" \\\n        '{}[{}]{}'", name, option.what,
                            option.takes_value ? ":value" + zsh_values(option) : "");
      }
    }
    int place = 0;
    for (const Option& position : verb.positions)
      text += fmt::format(" \\\n        '{}:{}{}'", ++place, position.what, zsh_values(position));
    text += "\n      ;;\n";
  }
  return text + fmt::format(
                    "  esac\n}}\nif [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n"
                    "  {1} \"$@\"\nelse\n  compdef {1} {0}\nfi\n",
                    program, function);
}

// ---- fish

std::string fish(const std::vector<Verb>& verbs, const std::string& program) {
  std::string text =
      fmt::format("# Completion of {0} for fish, from `{0} completion fish`.\n", program);
  for (const Verb& verb : verbs) {
    text += fmt::format("complete -c {} -f -n __fish_use_subcommand -a {} -d '{}'\n", program,
                        verb.name, verb.what);
  }
  for (const Verb& verb : verbs) {
    const std::string head =
        fmt::format("complete -c {} -n '__fish_seen_subcommand_from {}'", program, verb.name);
    for (const Option& option : verb.options) {
      text += head;
      for (const std::string& name : option.names) {
        text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (option.takes_value) {
        text += option.choices.empty() ? " -r" : fmt::format(" -x -a '{}'", spaced(option.choices));
      }
      text += fmt::format(" -d '{}'\n", option.what);
    }
    for (const Option& position : verb.positions) {
      if (!position.choices.empty())
        text += fmt::format("{} -f -a '{}'\n", head, spaced(position.choices));
    }
  }
  return text;
}

}  // namespace

std::string completion(const CLI::App& app, const std::string& shell, const std::string& program,
                       const std::vector<std::string>& models) {
  const std::vector<Verb> verbs = verbs_of(app, models);
  if (shell == "bash") return bash(verbs, program);
  if (shell == "zsh") return zsh(verbs, program);
  if (shell == "fish") return fish(verbs, program);
  fail("completion", "no script for the shell \"" + shell + "\"; there are bash, zsh, fish");
}

}  // namespace glassbox
