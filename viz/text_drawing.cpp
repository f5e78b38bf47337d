#include "viz/text_drawing.h"

#include <algorithm>
#include <map>

#include "viz/box_text.h"
#include "viz/text.h"

namespace glassbox::viz {
namespace {

using Node = Diagram::Node;

// A line beside the boxes: what a node wrote, for all readers but the one right below it.
struct Line {
  int from = -1, last = -1;
  int lane = -1;  // -1: no room
};

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

class TextDrawing {
 public:
  TextDrawing(const Diagram& diagram, const TextOptions& options)
      : diagram_(diagram),
        options_(options),
        goes_on_(diagram.nodes.size(), false),
        inputs_(diagram.nodes.size()),
        line_of_(diagram.nodes.size(), -1),
        notes_(diagram.nodes.size()) {
    if (options.width < 40) fail("to_text", cat("width ", options.width, " must be at least 40"));
    find_lines();
    give_lanes();
    find_width();
  }

  std::string text() {
    for (int n = 0; n < static_cast<int>(diagram_.nodes.size()); ++n) {
      join(n);
      box(n);
      branch(n);
    }
    if (!diagram_.failure.empty()) {
      for (const std::string& line : wrapped(drawn(diagram_.failure), columns(options_.width)))
        out_ += line + "\n";
    }
    return std::move(out_);
  }

 private:
  static std::size_t index(int i) { return static_cast<std::size_t>(i); }
  static std::size_t columns(int n) { return static_cast<std::size_t>(n); }

  std::string drawn(const std::string& text) const {
    if (!options_.ascii) return text;
    return replaced(replaced(replaced(replaced(text, "×", "x"), "→", "->"), "·", "-"), "–", "-");
  }

  // --- lines and lanes --------------------------------------------------------------------------

  void find_lines() {
    for (const Diagram::Edge& edge : diagram_.edges) {
      if (edge.to == edge.from + 1) {
        goes_on_[index(edge.from)] = true;
        continue;
      }
      if (edge.to <= edge.from) {  // no recording has one, but a diagram may
        notes_[index(edge.to)].push_back(diagram_.nodes[index(edge.from)].id);
        continue;
      }
      int& line = line_of_[index(edge.from)];
      if (line < 0) {
        line = static_cast<int>(lines_.size());
        lines_.push_back({edge.from, edge.to, -1});
      }
      lines_[index(line)].last = std::max(lines_[index(line)].last, edge.to);
      std::vector<int>& inputs = inputs_[index(edge.to)];
      if (std::ranges::find(inputs, line) == inputs.end()) inputs.push_back(line);
    }
  }

  // Short lines nearest to the boxes, so that they cross few long ones.
  void give_lanes() {
    std::vector<int> order(lines_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
    std::ranges::stable_sort(
        order, {}, [this](int i) { return lines_[index(i)].last - lines_[index(i)].from; });
    const auto most = index((options_.width - 40) / 2);
    std::vector<std::map<int, int>> lanes;  // last by from
    for (const int i : order) {
      Line& line = lines_[index(i)];
      for (std::size_t l = 0; l < most && line.lane < 0; ++l) {
        if (l == lanes.size()) lanes.emplace_back();
        const auto next = lanes[l].lower_bound(line.from);
        if (next != lanes[l].end() && next->first < line.last) continue;
        if (next != lanes[l].begin() && std::prev(next)->second > line.from) continue;
        lanes[l].emplace(line.from, line.last);
        line.lane = static_cast<int>(l);
      }
    }
    lanes_.assign(lanes.size(), -1);
    for (std::size_t n = 0; n < inputs_.size(); ++n) {
      std::erase_if(inputs_[n], [this, n](int i) {
        if (lines_[index(i)].lane >= 0) return false;
        notes_[n].push_back(diagram_.nodes[index(lines_[index(i)].from)].id);
        return true;
      });
    }
  }

  // --- what is written --------------------------------------------------------------------------

  std::string title(const Node& node) const {
    std::string text = title_of(node);
    if (node.repeat > 1) text += " ×" + std::to_string(node.repeat);
    switch (node.change) {
      case Node::Change::none:
        break;
      case Node::Change::added:
        text = "+ " + text;
        break;
      case Node::Change::removed:
        text = "- " + text;
        break;
      case Node::Change::changed:
        text = "~ " + text;
        break;
    }
    return drawn(node.failure.empty() ? text : "! " + text);
  }
  std::string shape(const Node& node) const {
    const auto& tensors = node.kind == Node::Kind::output ? node.inputs : node.outputs;
    if (!options_.shapes || tensors.empty()) return "";
    return drawn(shape_text(tensors[0], diagram_.batch));
  }

  void find_width() {
    const std::size_t room = columns(options_.width) - 2 * lanes_.size() - (lanes_.empty() ? 0 : 1);
    std::size_t most = 20;
    for (const Node& node : diagram_.nodes) {
      const std::string shape_of = shape(node);
      most =
          std::max(most, width_of(title(node)) + (shape_of.empty() ? 0 : 2) + width_of(shape_of));
      if (options_.details) most = std::max(most, width_of(drawn(detail_text(node, ""))));
      for (const std::string& note : node.notes) most = std::max(most, width_of(drawn(note)));
    }
    width_ = std::min(most + 4, room);
    middle_ = width_ / 2;
  }

  std::vector<std::string> texts(int n) const {
    const Node& node = diagram_.nodes[index(n)];
    const std::size_t room = width_ - 4;
    std::vector<std::string> lines = wrapped(title(node), room);
    if (lines.empty()) lines.emplace_back();
    if (const std::string text = shape(node); !text.empty()) {
      if (width_of(lines.back()) + 2 + width_of(text) > room) lines.emplace_back();
      lines.back() = pad_right(lines.back(), room - std::min(room, width_of(text))) + text;
    }
    const auto more = [&](const std::string& text) {
      for (const std::string& line : wrapped(drawn(text), room)) lines.push_back(line);
    };
    if (options_.details) more(detail_text(node, ""));
    for (const std::string& note : node.notes) more(note);
    for (const std::string& id : notes_[index(n)]) more("reads " + id);
    return lines;
  }

  // --- rows -------------------------------------------------------------------------------------

  std::size_t column_of(std::size_t lane) const { return width_ + 1 + 2 * lane; }

  // A row of what passes beside the boxes.
  std::vector<std::string> row() const {
    std::vector<std::string> cells(width_ + 1 + 2 * lanes_.size(), " ");
    for (std::size_t l = 0; l < lanes_.size(); ++l) {
      if (lanes_[l] >= 0) cells[column_of(l)] = "│";
    }
    return cells;
  }

  void put(std::vector<std::string>& cells, std::size_t at, const std::string& text) const {
    for (const char c : text) {
      if ((static_cast<unsigned char>(c) & 0xC0) == 0x80)
        cells[at - 1] += c;
      else if (at < cells.size())
        cells[at++] = c;
    }
  }

  void write(const std::vector<std::string>& cells) {
    std::string line;
    for (const std::string& cell : cells) line += options_.ascii ? plain(cell) : cell;
    line.resize(line.find_last_not_of(' ') + 1);
    out_ += line + "\n";
  }
  static std::string plain(const std::string& cell) {
    if (cell.size() == 1 || cell == "│") return cell.size() == 1 ? cell : "|";
    for (const std::string_view corner :
         {"┌", "┐", "└", "┘", "├", "┤", "┬", "┴", "┼", "╭", "╮", "╯", "╰"})
      if (cell == corner) return "+";
    return cell == "─" ? "-" : cell;
  }

  // From the middle of the boxes to a lane; lanes that are only crossed stay whole.
  void draw_to(std::vector<std::string>& cells, std::size_t lane) const {
    for (std::size_t c = middle_ + 1; c < column_of(lane); ++c) {
      if (cells[c] == " ") cells[c] = "─";
    }
  }

  // The row where lines come in from the side.
  void join(int n) {
    std::vector<std::size_t> lanes;
    for (const int i : inputs_[index(n)]) lanes.push_back(index(lines_[index(i)].lane));
    if (lanes.empty()) return;
    std::ranges::sort(lanes);
    auto cells = row();
    draw_to(cells, lanes.back());
    for (const std::size_t lane : lanes) {
      const bool ends = lines_[index(lanes_[lane])].last == n, outer = lane == lanes.back();
      cells[column_of(lane)] = ends ? (outer ? "╯" : "┴") : (outer ? "┤" : "┼");
      if (ends) lanes_[lane] = -1;
    }
    cells[middle_] = n > 0 && goes_on_[index(n - 1)] ? "├" : "╭";
    write(cells);
  }

  void box(int n) {
    const bool reads = !inputs_[index(n)].empty() || (n > 0 && goes_on_[index(n - 1)]);
    const int line = line_of_[index(n)];
    const bool is_read = goes_on_[index(n)] || (line >= 0 && lines_[index(line)].lane >= 0);
    border("┌", "┐", reads ? "┴" : "─");
    for (const std::string& text : texts(n)) {
      auto cells = row();
      cells[0] = cells[width_ - 1] = "│";
      // A word that is longer than a line is cut.
      std::vector<std::string> inside(width_ - 4, " ");
      put(inside, 0, text);
      std::ranges::copy(inside, cells.begin() + 2);
      write(cells);
    }
    border("└", "┘", is_read ? "┬" : "─");
  }

  void border(const char* left, const char* right, const char* middle) {
    auto cells = row();
    std::fill_n(cells.begin(), width_, "─");
    cells[0] = left;
    cells[width_ - 1] = right;
    cells[middle_] = middle;
    write(cells);
  }

  // The row where a line leaves to the side.
  void branch(int n) {
    const int line = line_of_[index(n)];
    if (line < 0 || lines_[index(line)].lane < 0) return;
    const std::size_t lane = index(lines_[index(line)].lane);
    auto cells = row();
    draw_to(cells, lane);
    cells[column_of(lane)] = "╮";
    cells[middle_] = goes_on_[index(n)] ? "├" : "╰";
    lanes_[lane] = line;
    write(cells);
  }

  const Diagram& diagram_;
  const TextOptions& options_;
  std::vector<bool> goes_on_;             // by node: the one below reads it
  std::vector<std::vector<int>> inputs_;  // lines by reader
  std::vector<int> line_of_;              // by source
  std::vector<std::vector<std::string>> notes_;
  std::vector<Line> lines_;
  std::vector<int> lanes_;  // what is in each now
  std::size_t width_ = 0, middle_ = 0;
  std::string out_;
};

}  // namespace

std::string to_text(const Diagram& diagram, const TextOptions& options) {
  return TextDrawing(diagram, options).text();
}

}  // namespace glassbox::viz
