// Pickles as Python and numpy write them (tests/data/history/make_pickles.py), pickles that mean
// harm, and pickles that are broken at every byte.
#include "viz/pickle.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <random>

#include "tests/temp_folder.h"
#include "viz/history.h"

using namespace glassbox;
using viz::History;
using viz::Metric;
using viz::Pickle;
using viz::Step;
using namespace std::string_literals;

namespace {

std::string data_file(const std::string& name) {
  return std::string(GLASSBOX_TEST_DATA) + "/history/" + name;
}

History loaded(const std::string& name) {
  History history;
  history.load(data_file(name));
  return history;
}

Pickle parsed(const std::string& bytes) { return Pickle::parse(bytes, "x.pkl"); }

// The message, or that nothing was thrown.
std::string refusal(const std::string& bytes) {
  try {
    parsed(bytes);
  } catch (const Error& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

void check_good(const History& history) {
  REQUIRE(history.steps().size() == 10);
  CHECK(history.step() == Step(90));
  CHECK(history.total_time() == 18);
  const std::vector<double> loss = history["loss"].values();
  const std::vector<std::string> notes = history["note"].text();
  for (std::size_t i = 0; i < 10; ++i) {
    const auto n = static_cast<double>(i);
    CHECK(loss[i] == 1 / (1 + n));
    CHECK(history["accuracy"].values()[i] == static_cast<double>(static_cast<float>(n / 10)));
    CHECK(history["count"].values()[i] == std::pow(2.0, 40) + n);
    CHECK(history["flag"].values()[i] == (i % 2 == 0));
    CHECK(notes[i] ==
          "step " + std::to_string(10 * i) + ": na\xC3\xAFve \xF0\x9F\x98\x80 \\ 'x' \"y\"\n");
    std::vector<double> image(6);
    for (std::size_t k = 0; k < 6; ++k) image[k] = 100 * n + static_cast<double>(k);
    CHECK(history["image"].tensor(i).shape() == Shape{3, 2});
    CHECK(history["image"].tensor(i).dtype() == DType::f32);
    CHECK(history["image"].tensor(i).to_vector<double>() == image);
    CHECK(history["columns"].tensor(i).dtype() == DType::f64);
    CHECK(history["columns"].tensor(i).to_vector<double>() == image);
    CHECK(history["bytes"].tensor(i).to_vector<double>() == std::vector<double>{0, 127, 128, 255});
  }
}

}  // namespace

TEST_CASE("a History that HiddenLayer pickled is loaded, in every protocol") {
  for (int protocol = 0; protocol <= 5; ++protocol) {
    CAPTURE(protocol);
    check_good(loaded("good_" + std::to_string(protocol) + ".pkl"));
  }
  check_good(loaded("old_names_2.pkl"));
}

TEST_CASE("a pickled History with tuples as steps") {
  for (const char* name : {"epochs_2.pkl", "epochs_4.pkl"}) {
    const History history = loaded(name);
    CHECK(history.formatted_steps().front() == "0:0");
    CHECK(history.formatted_steps().back() == "2:3");
    CHECK(history["loss"].x() == history["loss"].values());  // 4 batches: epoch + batch / 4
    CHECK(history.total_time() == 11);
  }
}

TEST_CASE("every type of numpy is read or said to be left out") {
  const History history = loaded("types_4.pkl");
  for (const std::string& type : std::vector<std::string>{"f2", "f4", "f8", "i1", "i2", "i4", "i8",
                                                          "u1", "u2", "u4", "u8", "b1"}) {
    for (const std::string& name : {type, "big_" + type}) {
      CAPTURE(name);
      const Tensor tensor = history[name].tensor(0);
      CHECK(tensor.shape() == Shape{2, 3});
      CHECK(tensor.to_vector<double>() == std::vector<double>{0, 1, 1, 1, 0, 1});
    }
  }
  CHECK(history["minus"].tensor(0).to_vector<double>() == std::vector<double>{-1, -128});
  CHECK(history["large"].tensor(0).to_vector<double>()[0] == std::pow(2.0, 63) + std::pow(2.0, 20));
  CHECK(history["zero_d"].last() == 2.5);
  CHECK(history["empty"].tensor(0).shape() == Shape{0, 3});
  CHECK(history["big_int"].last() == std::pow(2.0, 100));
  CHECK(history["minus_big_int"].last() == -std::pow(2.0, 100));
  CHECK(history["minus_int"].last() == -5);
  CHECK(std::isnan(history["nan"].last()));
  CHECK(history["inf"].last() == HUGE_VAL);
  for (const char* name : {"complex", "strings", "objects", "list", "dict", "none"})
    CHECK_FALSE(history.contains(name));
  REQUIRE(history.notes().size() == 1);
  CHECK(history.notes()[0].find("6 values are neither") != std::string::npos);
}

TEST_CASE("a pickle that would run something is refused by name, and nothing runs") {
  const test::TempFolder folder;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const auto message = [](const std::string& name) {
    try {
      loaded(name);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return "(nothing was thrown)"s;
  };
  for (int protocol = 0; protocol <= 5; ++protocol) {
    const std::string said = message("evil_system_" + std::to_string(protocol) + ".pkl");
    CHECK(said.find("asks for posix.system, which is refused and was not run") !=
          std::string::npos);
  }
  CHECK(message("evil_eval.pkl").find("asks for builtins.eval,") != std::string::npos);
  CHECK(message("evil_exec_0.pkl").find("asks for __builtin__.exec,") != std::string::npos);
  CHECK(message("evil_stack_global.pkl").find("asks for os.system,") != std::string::npos);
  CHECK(message("evil_inst.pkl").find("asks for os.system,") != std::string::npos);
  CHECK(message("evil_obj.pkl").find("asks for os.system,") != std::string::npos);
  CHECK(message("evil_newobj.pkl").find("asks for subprocess.Popen,") != std::string::npos);
  CHECK(message("evil_build.pkl").find("sets the state of an object") != std::string::npos);
  CHECK(message("evil_attribute.pkl").find("asks for numpy.dtype.__init__.__globals__,") !=
        std::string::npos);
  CHECK(message("evil_persid.pkl").find("refers to an object outside") != std::string::npos);
  CHECK(message("evil_extension.pkl").find("refers to an object outside") != std::string::npos);
  CHECK(message("evil_numpy_load.pkl").find("asks for numpy.lib.npyio.load,") != std::string::npos);
  std::filesystem::current_path(before);
  CHECK(test::names_in(folder.path()).empty());
}

TEST_CASE("a history that is refused leaves what was there") {
  History history;
  history.log(3, {{"loss", 0.5}});
  CHECK_THROWS_AS(history.load(data_file("evil_system_4.pkl")), Error);
  CHECK(history["loss"].last() == 0.5);
}

TEST_CASE("a pickle that ends at any byte is an error, never less of a history") {
  for (const char* name : {"good_0.pkl", "good_2.pkl", "good_5.pkl"}) {
    const std::string whole = test::read_bytes(data_file(name));
    std::size_t refused = 0;
    for (std::size_t n = 0; n < whole.size(); ++n) {
      try {
        parsed(whole.substr(0, n));
      } catch (const Error&) {
        ++refused;
      }
    }
    CHECK(refused == whole.size());
  }
}

TEST_CASE("a pickle with any byte changed is read or refused, and does no harm") {
  std::mt19937 random(5);
  std::size_t refused = 0, tried = 0;
  const test::TempFolder folder;
  for (const char* name : {"good_0.pkl", "good_2.pkl", "good_5.pkl", "types_4.pkl"}) {
    const std::string whole = test::read_bytes(data_file(name));
    for (std::size_t i = 0; i < whole.size(); i += 3) {
      std::string changed = whole;
      changed[i] = static_cast<char>(random());
      ++tried;
      try {
        parsed(changed);
      } catch (const Error&) {
        ++refused;
      }
    }
  }
  CHECK(refused > 0);
  CHECK(refused < tried);
}

TEST_CASE("counts and sizes of a pickle are checked before memory is taken") {
  const std::string huge = "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F"s;
  for (const char op : {'\x8d', '\x8e', '\x96', '\x95'})
    CHECK(refusal("\x80\x04"s + op + huge + ".").find("ends too early") != std::string::npos);
  for (const char op : {'X', 'T', 'B', '\x8b'})
    CHECK(refusal("\x80\x02"s + op + "\xFF\xFF\xFF\x7F.").find("ends too early") !=
          std::string::npos);
  // A memo of number 2^32 - 1 is a number, no size.
  CHECK(parsed("\x80\x02Nr\xFF\xFF\xFF\xFF."s).kind(0) == Pickle::Kind::none);
  CHECK(refusal("h\x05."s).find("refers to a value that it has not") != std::string::npos);
  for (const char* broken : {".",      "t.",      "R.",      "b.",       "s.",    "u.",   "a.",
                             "e.",     "\x85.",   "(.",      "((1.",     "}(Nu.", "NNs.", "NNa.",
                             "I1x\n.", "F1,5\n.", "Sabc\n.", "S'abc\n.", "gx\n.", "\xFF."})
    CHECK(refusal(broken).find("is no whole pickle") != std::string::npos);
  CHECK(refusal("\x80\x09N."s).find("protocol 9") != std::string::npos);
}

TEST_CASE("lists in lists to any depth are taken down again") {
  const std::size_t depth = 1'000'000;
  const Pickle deep = parsed(std::string(depth, ']') + std::string(depth - 1, 'a') + ".");
  CHECK(deep.kind(deep.root()) == Pickle::Kind::list);
  CHECK(refusal(std::string(depth, '(') + ".").find("is no whole pickle") != std::string::npos);
  // A list in itself.
  const Pickle ring = parsed(
      "]q\x01h\x01"
      "a."s);
  CHECK(ring.values(ring.root())[0] == ring.root());
}

TEST_CASE("a pickle cannot make far more memory than it has bytes") {
  // A text of 1 MB, encoded ten thousand times in five bytes each.
  std::string bomb =
      "\x80\x02"
      "c_codecs\nencode\nq\x01X"s;
  const std::string text(1 << 20, 'a');
  for (int i = 0; i < 4; ++i) bomb += static_cast<char>(text.size() >> (8 * i));
  bomb += text + "X\x06"s + std::string(3, '\0') + "latin1\x86q\x02"s;
  for (int i = 0; i < 10'000; ++i) bomb += "0h\x01h\x02R"s;
  CHECK(refusal(bomb + ".").find("makes far more than it holds") != std::string::npos);
}

TEST_CASE("what is a pickle and no History says so") {
  const test::TempFolder folder;
  const auto message = [&](const std::string& bytes) {
    test::write_bytes(folder / "x.pkl", bytes);
    History history;
    try {
      history.load(folder / "x.pkl");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return "(nothing was thrown)"s;
  };
  CHECK(message("N.").find("it is no dict of steps") != std::string::npos);
  CHECK(message("(Nd.").find("is no whole pickle") != std::string::npos);
  CHECK(message("}NNs.").find("a step is neither an int nor a tuple") != std::string::npos);
  CHECK(message("}K\x01Ns.").find("a step has no dict of values") != std::string::npos);
  CHECK(message("}K\x01}NNss.").find("a metric's name is no text") != std::string::npos);
  CHECK(message("}K\x01}sK\x01K\x02\x86}s.").find("some steps are ints") != std::string::npos);
  CHECK(message("}K\x01K\x02\x86K\x02\x86}s.").find("a tuple in a tuple") != std::string::npos);
}
