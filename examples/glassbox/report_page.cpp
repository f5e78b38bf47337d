#include "glassbox/report_page.h"

#include <cstdlib>
#include <set>

#include "engine/core/error.h"
#include "viz/chart_png.h"
#include "viz/svg_writer.h"

namespace glassbox {

namespace {

using viz::detail::xml_escaped;

// Why a policy: nothing in the page may run or be fetched, whatever a name holds.
constexpr std::string_view head = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
)";

constexpr std::string_view style = R"(
:root { --ink: #1f2328; --soft: #5d6673; --line: #e3e7ec; --paper: #ffffff; --card: #f6f8fa; --link: #1457c8; --warn: #b83a04; }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa5b4; --line: #2a313b; --paper: #15191f; --card: #1c222a; --link: #86aefc; --warn: #ec6a38; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1.25rem 3rem; max-width: 75rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; -webkit-text-size-adjust: 100%; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem; padding-top: .75rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
p { margin: .5rem 0; max-width: 48rem; overflow-wrap: anywhere; }
a { color: var(--link); }
.soft { color: var(--soft); }
nav { margin: 1rem 0 0; display: flex; flex-wrap: wrap; gap: .25rem 1rem; font-size: .9rem; }
nav a { text-decoration: none; padding: .15rem 0; }
.cards { display: grid; grid-template-columns: repeat(4, 1fr); gap: .6rem; margin: 1.25rem 0 0; }
.cards div { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .6rem .8rem; min-width: 0; }
.cards b { display: block; font-weight: 400; font-size: .8rem; color: var(--soft); }
.cards span { display: block; font-size: 1.35rem; line-height: 1.3; font-weight: 600; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.cards i { display: block; font-style: normal; font-size: .78rem; color: var(--soft); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; margin: .75rem 0; }
figure { margin: 0; min-width: 0; border: 1px solid var(--line); border-radius: 8px; overflow: hidden; background: var(--paper); }
figure > svg { display: block; width: 100%; height: auto; }
figure.full { overflow-x: auto; margin: .75rem 0; }
figure.full > svg { min-width: 42rem; }
figure.own { overflow: auto; margin: .75rem 0; }
figure.own.tall { max-height: 60rem; }
figure.own > svg { width: auto; max-width: none; margin: 0 auto; }
.columns { columns: 27rem 2; column-gap: 2rem; }
.columns > div { break-inside: avoid; padding-bottom: .5rem; }
.columns > div > :first-child { margin-top: 0; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .75rem; margin: .75rem 0; }
.pictures figure { padding: .6rem; text-align: center; font-size: .82rem; line-height: 1.35; }
.pictures img { width: 96px; height: 96px; object-fit: contain; image-rendering: pixelated; border-radius: 4px; }
.pictures figcaption span { display: block; overflow-wrap: anywhere; }
.pictures figcaption span:first-child { font-weight: 600; }
.pictures figcaption span:last-child { color: var(--soft); }
.table { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .28rem .9rem .28rem 0; border-bottom: 1px solid var(--line); vertical-align: top; font-weight: 400; }
thead th { color: var(--soft); white-space: nowrap; }
td.n, th.n { text-align: right; white-space: nowrap; }
td { overflow-wrap: break-word; max-width: 34rem; }
.table.whole th, .table.whole td { white-space: nowrap; max-width: none; }
code, pre { font-family: "Liberation Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .85em; overflow-wrap: anywhere; }
.warn { border-left: 3px solid var(--warn); padding-left: .75rem; }
footer { margin-top: 2.5rem; padding-top: .75rem; border-top: 1px solid var(--line); font-size: .8rem; color: var(--soft); }
@media (max-width: 40rem) { body { padding: 1rem .8rem 2rem; } .cards { grid-template-columns: repeat(2, 1fr); }
  .pictures { grid-template-columns: repeat(auto-fill, minmax(7.2rem, 1fr)); } }
@media print { @page { margin: 14mm; } body { padding: 0 1px; max-width: none; font-size: 10.5pt; } nav { display: none; }
  h2 { break-after: avoid; margin-top: 1.5rem; } h3, p.soft { break-after: avoid; }
  .columns { columns: 2; column-gap: 1.5rem; }
  figure, .cards, tr { break-inside: avoid; } .figures { grid-template-columns: 1fr 1fr; }
  .cards { grid-template-columns: repeat(4, 1fr); }
  figure.full > svg { min-width: 0; max-height: 235mm; }
  figure.own.tall, figure.own { max-height: none; overflow: hidden; } figure.own > svg { width: auto; max-width: 100%; max-height: 215mm; }
  .table { overflow: visible; } td { max-width: none; } }
)";

std::string joined(const std::vector<Html>& all) {
  std::string text;
  for (const Html& html : all) text += html.text;
  return text;
}

}  // namespace

ReportPage::ReportPage(std::string_view title, std::string_view subtitle)
    : title_(xml_escaped(title)), subtitle_(xml_escaped(subtitle)) {}

void ReportPage::card(std::string_view name, std::string_view value, std::string_view note) {
  cards_ += "<div><b>" + xml_escaped(name) + "</b><span>" + xml_escaped(value) + "</span>" +
            (note.empty() ? "" : "<i>" + xml_escaped(note) + "</i>") + "</div>\n";
}

void ReportPage::begin(std::string_view id, std::string_view title) {
  if (open_) body_ += "</section>\n";
  open_ = true;
  contents_ += "<a href=\"#" + xml_escaped(id) + "\">" + xml_escaped(title) + "</a>\n";
  body_ += "<section id=\"" + xml_escaped(id) + "\">\n<h2>" + xml_escaped(title) + "</h2>\n";
}

void ReportPage::paragraph(std::string_view text) {
  body_ += "<p class=soft>" + xml_escaped(text) + "</p>\n";
}

void ReportPage::figures(const std::vector<Html>& all) {
  if (!all.empty()) body_ += "<div class=figures>\n" + joined(all) + "</div>\n";
}

void ReportPage::columns(const std::vector<Html>& all) {
  body_ += "<div class=columns>\n";
  for (const Html& html : all) body_ += "<div>" + html.text + "</div>\n";
  body_ += "</div>\n";
}

void ReportPage::add(const Html& html) { body_ += html.text; }

void ReportPage::left_out(std::string_view what, std::string_view why) {
  left_out_.push_back("<b>" + xml_escaped(what) + "</b>: " + xml_escaped(why));
}

std::string ReportPage::html() const {
  std::string page(head);
  page += "<title>" + title_ + "</title>\n<style>" + std::string(style) +
          "</style>\n</head>\n<body>\n<header>\n<h1>" + title_ + "</h1>\n<p class=soft>" +
          subtitle_ + "</p>\n";
  if (!cards_.empty()) page += "<div class=cards>\n" + cards_ + "</div>\n";
  page += "<nav>\n" + contents_;
  if (!left_out_.empty()) page += "<a href=\"#left-out\">Left out</a>\n";
  page += "</nav>\n</header>\n<main>\n" + body_ + (open_ ? "</section>\n" : "");
  if (!left_out_.empty()) {
    page += "<section id=\"left-out\">\n<h2>Left out</h2>\n";
    for (const std::string& line : left_out_) page += "<p class=warn>" + line + "</p>\n";
    page += "</section>\n";
  }
  return page + "</main>\n<footer>Made by glassbox.</footer>\n</body>\n</html>\n";
}

// --- elements ------------------------------------------------------------------------------------

Html page_figure(const viz::Chart& chart, FigureSize size) {
  const double width = size == FigureSize::half ? 480 : 960;
  return {std::string(size == FigureSize::half ? "<figure>" : "<figure class=full>") +
          viz::to_svg(chart, {.width = width, .theme = viz::ThemeMode::automatic}) + "</figure>\n"};
}

Html page_svg(const std::string& svg) {
  // One that is much taller than a screen is moved within its frame.
  constexpr double tall = 1500;
  const std::size_t at = svg.find(" height=\"");
  const bool is_tall = at != svg.npos && std::atof(svg.c_str() + at + 9) > tall;
  return {cat("<figure class=\"own", is_tall ? " tall" : "", "\">", svg, "</figure>\n")};
}

namespace {

// The colours of one tag: where they stand, and what they are.
struct TagColor {
  std::size_t at;  // of the colour's #
  char what;       // f of fill, s of stroke
};

std::vector<TagColor> colors_in(std::string_view tag) {
  std::vector<TagColor> found;
  for (const std::string_view attribute : {" fill=\"#", " stroke=\"#"}) {
    const std::size_t at = tag.find(attribute);
    if (at != tag.npos && at + attribute.size() + 6 < tag.size())
      found.push_back({at + attribute.size() - 1, attribute[1]});
  }
  return found;
}

}  // namespace

std::string following_svg(const std::string& light, const std::string& dark) {
  if (light.size() != dark.size()) return light;
  std::string out;
  std::set<std::string> rules;
  std::size_t end = 0;
  for (std::size_t begin = light.find('<'); begin != light.npos; begin = light.find('<', end)) {
    const std::size_t stop = light.find('>', begin);
    if (stop == light.npos) break;
    out.append(light, end, begin - end);
    end = stop + 1;
    std::string tag = light.substr(begin, end - begin), other = dark.substr(begin, end - begin);
    std::string classes;
    for (const TagColor& color : colors_in(tag)) {
      const std::string here = tag.substr(color.at + 1, 6), there = other.substr(color.at + 1, 6);
      other.replace(color.at + 1, 6, here);
      if (here == there) continue;
      const std::string name = cat("gb-", color.what, here, there);
      rules.insert(cat(".", name, "{", color.what == 'f' ? "fill" : "stroke", ":#", there, "}"));
      classes += (classes.empty() ? "" : " ") + name;
    }
    if (tag != other) return light;
    if (!classes.empty()) {
      const std::size_t close = tag.size() - (tag.ends_with("/>") ? 2 : 1);
      tag.insert(close, " class=\"" + classes + "\"");
    }
    out += tag;
  }
  out.append(light, end);
  std::string rule_text;
  for (const std::string& rule : rules) rule_text += rule + "\n";
  const std::size_t inside = out.find('>');
  if (rules.empty() || inside == out.npos) return out;
  return out.insert(inside + 1, "\n<style>@media screen and (prefers-color-scheme: dark) {\n" +
                                    rule_text + "}</style>");
}

Html page_picture(int width, int height, const std::vector<viz::Rgb>& pixels,
                  std::string_view alternative, const std::vector<std::string>& lines) {
  std::string text =
      "<figure><img alt=\"" + xml_escaped(alternative) + "\" src=\"data:image/png;base64," +
      viz::detail::base64(viz::detail::encode_png(width, height, pixels)) + "\"><figcaption>";
  for (const std::string& line : lines) text += "<span>" + xml_escaped(line) + "</span>";
  return {text + "</figcaption></figure>\n"};
}

Html page_pictures(const std::vector<Html>& all) {
  return {"<div class=pictures>\n" + joined(all) + "</div>\n"};
}

Html page_table(const PageTable& table) {
  std::string text = table.title.empty() ? "" : "<h3>" + xml_escaped(table.title) + "</h3>\n";
  text += std::string("<div class=\"table") +
          (!table.header.empty() && !table.code ? " whole" : "") + "\"><table>\n";
  const auto attributes = [&](std::size_t column) {
    return std::string(column < table.left ? "" : " class=n");
  };
  if (!table.header.empty()) {
    text += "<thead><tr>";
    for (std::size_t i = 0; i < table.header.size(); ++i)
      text += "<th" + attributes(i) + ">" + xml_escaped(table.header[i]) + "</th>";
    text += "</tr></thead>\n";
  }
  text += "<tbody>\n";
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    text += "<tr>";
    for (std::size_t i = 0; i < table.rows[r].size(); ++i) {
      const std::string cell = xml_escaped(table.rows[r][i]);
      if (i > 0) {
        text += "<td" + attributes(i) + ">" + cell + "</td>";
        continue;
      }
      text += "<th scope=row";
      if (r < table.depths.size() && table.depths[r] > 0)
        text += cat(" style=\"padding-left:", table.depths[r], "em\"");
      text += table.code ? "><code>" + cell + "</code></th>" : ">" + cell + "</th>";
    }
    text += "</tr>\n";
  }
  return {text + "</tbody></table></div>\n"};
}

}  // namespace glassbox
