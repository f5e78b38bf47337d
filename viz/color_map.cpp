#include "viz/color_map.h"

#include <algorithm>
#include <cmath>

#include "engine/core/error.h"
#include "viz/theme.h"

namespace glassbox::viz {
namespace {

// matplotlib's viridis, three bytes a colour, in hexadecimal.
constexpr std::string_view viridis =
    "44015444025544035745055845065A45085B46095C460B5E460C5F460E61470F62471163471265471466471567"
    "47166947186A48196B481A6C481C6E481D6F481E70482071482172482273482374472575472676472777472878"
    "472A79472B7A472C7B462D7C462F7C46307D46317E45327F45347F453580453681443781443982433A83433B83"
    "433C84423D84423E854240854141864142864043874044873F45873F47883E48883E49893D4A893D4B893D4C89"
    "3C4D8A3C4E8A3B508A3B518A3A528B3A538B39548B39558B38568B38578C37588C37598C365A8C365B8C355C8C"
    "355D8C345E8D345F8D33608D33618D32628D32638D31648D31658D31668D30678D30688D2F698D2F6A8D2E6B8E"
    "2E6C8E2E6D8E2D6E8E2D6F8E2C708E2C718E2C728E2B738E2B748E2A758E2A768E2A778E29788E29798E287A8E"
    "287A8E287B8E277C8E277D8E277E8E267F8E26808E26818E25828E25838D24848D24858D24868D23878D23888D"
    "23898D22898D228A8D228B8D218C8D218D8C218E8C208F8C20908C20918C1F928C1F938B1F948B1F958B1F968B"
    "1E978A1E988A1E998A1E998A1E9A891E9B891E9C891E9D881E9E881E9F881EA0871FA1871FA2861FA38620A485"
    "20A58521A68521A78422A78423A88323A98224AA8225AB8126AC8127AD8028AE7F29AF7F2AB07E2BB17D2CB17D"
    "2EB27C2FB37B30B47A32B57A33B67935B77836B87738B97639B9763BBA753DBB743EBC7340BD7242BE7144BE70"
    "45BF6F47C06E49C16D4BC26C4DC26B4FC36951C46853C56755C66657C66559C7645BC8625EC96160C96062CA5F"
    "64CB5D67CC5C69CC5B6BCD596DCE5870CE5672CF5574D05477D05279D1517CD24F7ED24E81D34C83D34B86D449"
    "88D5478BD5468DD64490D64392D74195D73F97D83E9AD83C9DD93A9FD938A2DA37A5DA35A7DB33AADB32ADDC30"
    "AFDC2EB2DD2CB5DD2BB7DD29BADE27BDDE26BFDF24C2DF22C5DF21C7E01FCAE01ECDE01DCFE11CD2E11BD4E11A"
    "D7E219DAE218DCE218DFE318E1E318E4E318E7E419E9E419ECE41AEEE51BF1E51CF3E51EF6E61FF8E621FAE622"
    "FDE724";
static_assert(viridis.size() == 256 * 6);

constexpr std::uint8_t digit(char c) {
  return static_cast<std::uint8_t>(c <= '9' ? c - '0' : c - 'A' + 10);
}
constexpr std::uint8_t byte_at(std::size_t i) {
  return static_cast<std::uint8_t>(digit(viridis[2 * i]) * 16 + digit(viridis[2 * i + 1]));
}

}  // namespace

std::string_view name_of(ColorMap map) { return map == ColorMap::viridis ? "viridis" : "grey"; }

ColorMap color_map_named(std::string_view name) {
  if (name == "viridis") return ColorMap::viridis;
  if (name == "grey" || name == "gray") return ColorMap::grey;
  fail("color map", cat("there is no \"", name, "\"; there are viridis, grey"));
}

Rgb map_color(ColorMap map, double part) {
  if (std::isnan(part)) return nan_color;
  const double scaled = std::clamp(part, 0.0, 1.0) * 256;
  const auto i = std::min(static_cast<std::size_t>(scaled), std::size_t{255});
  if (map == ColorMap::viridis) return {byte_at(3 * i), byte_at(3 * i + 1), byte_at(3 * i + 2)};
  const auto grey = static_cast<std::uint8_t>(i);
  return {grey, grey, grey};
}

std::string hex_of(Rgb color) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string text = "#";
  for (const std::uint8_t byte : {color.red, color.green, color.blue}) {
    text += digits[byte / 16];
    text += digits[byte % 16];
  }
  return text;
}

Rgb rgb_of(std::string_view hex) {
  // Checks the form, and writes what it mixed in capitals.
  const std::string checked = detail::mix(hex, hex, 0);
  const auto byte = [&checked](std::size_t at) {
    return static_cast<std::uint8_t>(digit(checked[at]) * 16 + digit(checked[at + 1]));
  };
  return {byte(1), byte(3), byte(5)};
}

Rgb mixed(Rgb a, Rgb b, double part) {
  const double share = std::clamp(part, 0.0, 1.0);
  const auto channel = [share](std::uint8_t from, std::uint8_t to) {
    return static_cast<std::uint8_t>(std::lround(from + (to - from) * share));
  };
  return {channel(a.red, b.red), channel(a.green, b.green), channel(a.blue, b.blue)};
}

double contrast(Rgb a, Rgb b) {
  const double first = detail::luminance(hex_of(a)), second = detail::luminance(hex_of(b));
  return (std::max(first, second) + 0.05) / (std::min(first, second) + 0.05);
}

Rgb readable_on(Rgb background) {
  constexpr Rgb black{0, 0, 0}, white{255, 255, 255};
  return contrast(background, white) >= contrast(background, black) ? white : black;
}

}  // namespace glassbox::viz
