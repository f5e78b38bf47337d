// The text of a pattern: a tree by recursive descent, then instructions.
#include <algorithm>
#include <charconv>
#include <memory>

#include "engine/graph/pattern_program.h"

namespace glassbox::detail {
namespace {

constexpr int max_depth = 100, max_repeats = 1000;
constexpr std::size_t max_instructions = 20000;

struct Tree {
  enum class Kind { op, serial, either, branches, skip };
  Kind kind = Kind::op;
  int test = -1;  // of an op
  std::vector<Tree> parts;
  std::string capture;
  int least = 1, most = 1;  // repetitions; most -1: any number
  std::size_t begin = 0, end = 0;

  bool repeats() const { return least != 1 || most != 1; }
};

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) { program_.text = text; }

  PatternProgram parse() {
    Tree tree = body();
    if (!at_end()) unexpected(mixed_.empty() ? "'>' or the end" : mixed_);
    if (can_be_empty(tree)) error(0, "this matches no op at all: every part is optional");
    check_skips(tree, false);
    program_.begin = emit(tree, emit_one({PatternInstruction::Kind::accept}));
    return std::move(program_);
  }

 private:
  // --- characters -------------------------------------------------------------------------------

  [[noreturn]] void error(std::size_t at, const std::string& what) const {
    int line = 1, column = 1;
    for (std::size_t i = 0; i < at; ++i) {
      const auto c = static_cast<unsigned char>(text_[i]);
      if (c == '\n') {
        ++line;
        column = 1;
      } else if ((c & 0xC0) != 0x80) {  // one column per character of UTF-8
        ++column;
      }
    }
    const bool lines = text_.find('\n') != text_.npos;
    fail("pattern", cat(lines ? cat("line ", line, ", ") : std::string(), "column ", column, ": ",
                        what, " in \"", text_, "\""));
  }
  [[noreturn]] void unexpected(const std::string& wanted) {
    space();
    if (at_end()) error(at_, "expected " + wanted + ", got the end");
    std::size_t end = at_ + 1;
    while (end < text_.size() && is_letter(text_[at_]) && is_letter(text_[end])) ++end;
    while (end < text_.size() && (static_cast<unsigned char>(text_[end]) & 0xC0) == 0x80) ++end;
    error(at_, cat("expected ", wanted, ", got '", text_.substr(at_, end - at_), "'"));
  }

  void space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos) ++at_;
  }
  std::string between(std::size_t begin, std::size_t end) const {
    while (end > begin && std::string_view(" \t\r\n").find(text_[end - 1]) != text_.npos) --end;
    return std::string(text_.substr(begin, end - begin));
  }
  bool at_end() {
    space();
    return at_ == text_.size();
  }
  char peek() { return at_end() ? '\0' : text_[at_]; }
  bool take(std::string_view token) {
    space();
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  std::string_view word() {
    space();
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_letter(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  bool take_or() {
    const std::size_t before = at_;
    if (word() == "or") return true;
    at_ = before;
    return false;
  }
  int number(const std::string& wanted) {
    space();
    int n = 0;
    const auto [end, failed] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), n);
    if (failed != std::errc() || n < 0) unexpected(wanted);
    if (n > max_repeats) error(at_, cat("at most ", max_repeats, " repetitions"));
    at_ = static_cast<std::size_t>(end - text_.data());
    return n;
  }

  // --- structure --------------------------------------------------------------------------------

  // step > step > ..., or step | step | ...
  Tree body() {
    if (++depth_ > max_depth) error(at_, cat("more than ", max_depth, " parentheses deep"));
    Tree tree;
    tree.kind = Tree::Kind::serial;
    space();
    tree.begin = at_;
    tree.parts.push_back(step());
    tree.end = at_;
    const char joint = peek();
    if (joint == '|') tree.kind = Tree::Kind::branches;
    while ((joint == '>' || joint == '|') && take({&joint, 1})) {
      tree.parts.push_back(step());
      tree.end = at_;
    }
    mixed_.clear();
    const char next = peek();
    if ((next == '>' || next == '|') && next != joint)
      mixed_ = "parentheses around what belongs together: '>' and '|' are not mixed";
    --depth_;
    return tree;
  }

  Tree step() {
    Tree first = item();
    if (!take_or()) return first;
    Tree tree;
    tree.kind = Tree::Kind::either;
    tree.begin = first.begin;
    tree.parts.push_back(std::move(first));
    do {
      tree.parts.push_back(item());
    } while (take_or());
    tree.end = tree.parts.back().end;
    return tree;
  }

  Tree item() {
    space();
    const std::size_t begin = at_;
    std::string capture;
    if (const std::string_view name = word(); !name.empty() && peek() == ':') {
      take(":");
      capture = name;
    } else {
      at_ = begin;
    }
    Tree tree = atom();
    tree.begin = begin;
    tree.end = at_;
    if (!capture.empty()) {
      if (std::ranges::find(program_.captures, capture) == program_.captures.end())
        program_.captures.push_back(capture);
      if (tree.kind == Tree::Kind::skip) error(begin, "'_' has no op to name");
      tree.capture = capture;
    }
    repetition(tree);
    return tree;
  }

  Tree atom() {
    constexpr const char* wanted = "an op, '.', '_' or '('";
    if (take("(")) {
      Tree tree = body();
      if (!take(")")) unexpected(mixed_.empty() ? "'>', '|' or ')'" : mixed_);
      return tree;
    }
    Tree tree;
    space();
    const std::size_t begin = at_;
    PatternTest test;
    if (take(".")) {
    } else if (const char quote = peek(); quote == '"' || quote == '\'') {
      take({&quote, 1});
      const std::size_t end = text_.find(quote, at_);
      if (end == text_.npos) error(begin, cat("expected a closing ", quote, ", got the end"));
      test.op = text_.substr(at_, end - at_);
      if (test.op.empty()) error(begin, "expected the name of an op between the quotes");
      at_ = end + 1;
    } else {
      test.op = word();
      if (test.op.empty()) unexpected(wanted);
      if (test.op == "or") error(begin, cat("expected ", wanted, ", got 'or'"));
      if (test.op == "_") {
        tree.kind = Tree::Kind::skip;
        return tree;
      }
    }
    if (take("[")) {
      do {
        condition(test);
      } while (take(","));
      if (!take("]")) unexpected("',' or ']'");
    }
    if (take("!")) test.closed = true;
    test.text = between(begin, at_);
    test.column = static_cast<int>(begin) + 1;
    tree.test = static_cast<int>(program_.tests.size());
    program_.tests.push_back(std::move(test));
    return tree;
  }

  void repetition(Tree& tree) {
    const std::size_t before = at_;
    if (take("+")) {
      tree.most = -1;
    } else if (take("*")) {
      tree.least = 0;
      tree.most = -1;
    } else if (take("?")) {
      tree.least = 0;
    } else if (take("{")) {
      tree.least = tree.most = number("a number of repetitions");
      if (take(",")) tree.most = peek() == '}' ? -1 : number("a number of repetitions or '}'");
      if (!take("}")) unexpected("',' or '}'");
      if (tree.most == 0 || (tree.most > 0 && tree.most < tree.least))
        error(before, "repetitions must be {n}, {n,} or {n,m} with m at least n and 1");
    }
    if (tree.repeats() && tree.kind == Tree::Kind::skip)
      error(before, "'_' is not repeated: it has no op");
    tree.end = at_;
  }

  // --- options ----------------------------------------------------------------------------------

  void condition(PatternTest& test) {
    using Compare = PatternCondition::Compare;
    PatternCondition made;
    space();
    const std::size_t begin = at_;
    made.name = value();
    if (made.name.empty()) unexpected("an option as k=3, 3x3 or bias");
    static constexpr std::pair<std::string_view, Compare> signs[] = {
        {"<=", Compare::le}, {">=", Compare::ge}, {"!=", Compare::ne}, {"==", Compare::eq},
        {"=", Compare::eq},  {"<", Compare::lt},  {">", Compare::gt}};
    const auto* const sign = std::find_if(std::begin(signs), std::end(signs),
                                          [this](const auto& s) { return take(s.first); });
    if (sign == std::end(signs)) {
      made.numbers = numbers_in(made.name);
      const bool is_kernel = made.numbers.size() > 1;
      if (!is_kernel && !made.numbers.empty())
        error(begin, cat("expected an option as k=3, 3x3 or bias, got '", made.name, "'"));
      made.text = is_kernel ? made.name : "true";
      if (is_kernel) made.name = "k";
    } else {
      if (!std::ranges::all_of(made.name, is_letter) || !numbers_in(made.name).empty())
        error(begin, cat("expected the name of an option, got '", made.name, "'"));
      made.compare = sign->second;
      space();
      const std::size_t at = at_;
      made.text = value();
      if (made.text.empty()) unexpected("a value");
      made.numbers = numbers_in(made.text);
      if (made.compare > Compare::ne && made.numbers.size() != 1)
        error(at, cat("'", sign->first, "' compares with one number, got '", made.text, "'"));
    }
    test.conditions.push_back(std::move(made));
  }

  // Letters, digits and what numbers and lists of them are made of.
  std::string value() {
    space();
    if (const char quote = peek(); quote == '"' || quote == '\'') {
      const std::size_t end = text_.find(quote, at_ + 1);
      if (end == text_.npos) error(at_, cat("expected a closing ", quote, ", got the end"));
      const std::string text(text_.substr(at_ + 1, end - at_ - 1));
      at_ = end + 1;
      return text;
    }
    constexpr std::string_view times = "×";
    std::string text;
    while (at_ < text_.size()) {
      if (text_.substr(at_).starts_with(times)) {
        text += 'x';
        at_ += times.size();
      } else if (is_letter(text_[at_]) || text_[at_] == '.' || text_[at_] == '-' ||
                 (text_[at_] == '+' && !text.empty())) {
        text += text_[at_++];
      } else {
        break;
      }
    }
    return text;
  }

  // Of "3", "-1.5", "3x3"; empty for a word.
  static std::vector<double> numbers_in(std::string_view text) {
    std::vector<double> numbers;
    // Why: from_chars takes inf and nan, which are words here.
    if (text.find_first_of("0123456789") == text.npos) return {};
    const char *at = text.data(), *const end = at + text.size();
    while (true) {
      double number = 0;
      const auto [stop, failed] = std::from_chars(at, end, number);
      if (failed != std::errc()) return {};
      numbers.push_back(number);
      if (stop == end) return numbers;
      if (*stop != 'x') return {};
      at = stop + 1;
    }
  }

  // --- what no grammar says
  // -----------------------------------------------------------------------

  static bool can_be_empty(const Tree& tree) {
    if (tree.least == 0) return true;
    switch (tree.kind) {
      case Tree::Kind::op:
        return false;
      case Tree::Kind::skip:
        return true;
      case Tree::Kind::either:
        return std::ranges::any_of(tree.parts, can_be_empty);
      case Tree::Kind::serial:
      case Tree::Kind::branches:
        return std::ranges::all_of(tree.parts, can_be_empty);
    }
    __builtin_unreachable();
  }

  void check_skips(const Tree& tree, bool is_branch) const {
    if (tree.kind == Tree::Kind::skip && !is_branch)
      error(tree.begin, "'_' stands alone as one of several branches: (Conv | _)");
    int skips = 0;
    for (const Tree& part : tree.parts) {
      const bool beside = tree.kind == Tree::Kind::branches;
      check_skips(part, beside);
      if (!beside) continue;
      if (part.kind == Tree::Kind::skip && ++skips > 1)
        error(part.begin, "a second '_': a node reads another one once");
      const Tree* first = &part;
      while (first->kind == Tree::Kind::serial && !first->repeats()) first = &first->parts[0];
      if (first->kind == Tree::Kind::branches)
        error(first->begin, "a branch cannot begin with branches; write them beside the others");
    }
  }

  // --- instructions -----------------------------------------------------------------------------

  int emit_one(PatternInstruction instruction) {
    if (program_.instructions.size() >= max_instructions)
      error(0, "too large: repetitions inside repetitions multiply");
    program_.instructions.push_back(instruction);
    return static_cast<int>(program_.instructions.size()) - 1;
  }

  // What goes on at `next` after the tree; returns where it begins.
  int emit(const Tree& tree, int next) {
    using Kind = PatternInstruction::Kind;
    if (tree.most < 0) {
      // (tree)*: the loop's split comes first, so that the body can return to it.
      const int loop = emit_one({Kind::split, -1, next});
      const int begin = emit_named(tree, loop);
      program_.instructions[static_cast<std::size_t>(loop)].a = begin;
      next = loop;
    }
    const int optional = tree.most < 0 ? 0 : tree.most - tree.least, end = next;
    for (int i = 0; i < optional; ++i) next = emit_one({Kind::split, emit_named(tree, next), end});
    for (int i = 0; i < tree.least; ++i) next = emit_named(tree, next);
    return next;
  }

  int emit_named(const Tree& tree, int next) {
    using Kind = PatternInstruction::Kind;
    if (tree.capture.empty()) return emit_body(tree, next);
    const auto at = std::ranges::find(program_.captures, tree.capture);
    const int index = static_cast<int>(at - program_.captures.begin());
    const int close = emit_one({Kind::close, next, -1, index});
    return emit_one({Kind::open, emit_body(tree, close), -1, index});
  }

  int emit_body(const Tree& tree, int next) {
    using Kind = PatternInstruction::Kind;
    switch (tree.kind) {
      case Tree::Kind::skip:
        return next;
      case Tree::Kind::op:
        return emit_one({Kind::op, next, -1, tree.test});
      case Tree::Kind::serial:
        for (std::size_t i = tree.parts.size(); i-- > 0;) next = emit(tree.parts[i], next);
        return next;
      case Tree::Kind::either: {
        int other = emit(tree.parts.back(), next);
        for (std::size_t i = tree.parts.size() - 1; i-- > 0;)
          other = emit_one({Kind::split, emit(tree.parts[i], next), other});
        return other;
      }
      case Tree::Kind::branches: {
        PatternBranches made;
        made.text = between(tree.begin, tree.end);
        made.column = static_cast<int>(tree.begin) + 1;
        for (const Tree& part : tree.parts)
          made.begins.push_back(emit(part, emit_one({Kind::accept})));
        program_.branches.push_back(std::move(made));
        return emit_one({Kind::branches, next, -1, static_cast<int>(program_.branches.size()) - 1});
      }
    }
    __builtin_unreachable();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::string mixed_;  // what is wrong with the joint that the last body stopped at
  PatternProgram program_;
};

}  // namespace

PatternProgram parse_pattern(std::string_view text) { return Parser(text).parse(); }

}  // namespace glassbox::detail
