#include "tier/policy_registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cmath>
#include <mutex>
#include <set>
#include <utility>

#include "base/printable.h"
#include "policy/arc.h"
#include "policy/clock.h"
#include "policy/fifo.h"
#include "policy/gdsf.h"
#include "policy/lfu.h"
#include "policy/lfu_da.h"
#include "policy/lirs.h"
#include "policy/lru.h"
#include "policy/lru_k.h"
#include "policy/s3_fifo.h"
#include "policy/sieve.h"
#include "policy/slru.h"
#include "policy/two_q.h"
#include "policy/w_tiny_lfu.h"

namespace kvcache {
namespace {

template <class P>
std::unique_ptr<Policy> MakePlain(const PolicyContext& context, const std::vector<double>&) {
  return std::make_unique<P>(context);
}

std::unique_ptr<Policy> MakeLru(const PolicyContext& context, const std::vector<double>&) {
  if (context.exact && context.one_thread) return std::make_unique<LruInList>(context);
  return std::make_unique<Lru>(context);
}

std::unique_ptr<Policy> MakeClock(const PolicyContext& context, const std::vector<double>& values) {
  return std::make_unique<Clock>(context, static_cast<unsigned>(values[0]));
}

std::unique_ptr<Policy> MakeLruK(const PolicyContext& context, const std::vector<double>& values) {
  return std::make_unique<LruK>(context, static_cast<std::size_t>(values[0]), values[1]);
}

std::unique_ptr<Policy> MakeS3Fifo(const PolicyContext& context,
                                   const std::vector<double>& values) {
  return std::make_unique<S3Fifo>(context, values[0], values[1],
                                  static_cast<std::uint32_t>(values[2]));
}

std::unique_ptr<Policy> MakeSlru(const PolicyContext& context, const std::vector<double>& values) {
  return std::make_unique<Slru>(context, values[0], static_cast<unsigned>(values[1]),
                                values[2] != 0);
}

std::unique_ptr<Policy> MakeTwoQ(const PolicyContext& context, const std::vector<double>& values) {
  return std::make_unique<TwoQ>(context, values[0], values[1]);
}

std::unique_ptr<Policy> MakeLirs(const PolicyContext& context, const std::vector<double>& values) {
  return std::make_unique<Lirs>(context, values[0], values[1]);
}

std::unique_ptr<Policy> MakeWTinyLfu(const PolicyContext& context,
                                     const std::vector<double>& values) {
  return std::make_unique<WTinyLfu>(context, values[0], values[1], values[2] != 0,
                                    static_cast<unsigned>(values[3]));
}

// A share of the capacity.
PolicyParameter Share(std::string name, double value, std::string help) {
  return {.name = std::move(name), .value = value, .least = 0, .most = 1, .help = std::move(help)};
}

// Adding a policy: one header, and one row here or below.

// The built-in ones to which the capacity is nothing.
std::vector<PolicyInfo> UndividingPolicies() {
  return {
      {.name = "lru",
       .help = "the least recently used entry leaves",
       .parameters = {},
       .make = MakeLru},
      {.name = "lfu",
       .help = "the least often used entry leaves; of equals, the least recently used",
       .parameters = {},
       .make = MakePlain<Lfu>},
      {.name = "lru-k",
       .help = "the entry whose K-th last use is oldest leaves (O'Neil et al. 1993)",
       .parameters = {{.name = "k",
                       .value = 2,
                       .least = 1,
                       .most = 16,
                       .integer = true,
                       .help = "how many uses count"},
                      {.name = "history",
                       .value = 1,
                       .least = 0,
                       .most = 1e9,
                       .integer = false,
                       .help = "evicted keys remembered, as a multiple of the resident ones"}},
       .make = MakeLruK},
      {.name = "fifo",
       .help = "the oldest entry leaves",
       .parameters = {},
       .make = MakePlain<Fifo>},
      {.name = "clock",
       .help = "the oldest entry leaves unless it was hit since the hand came by (Corbató 1968)",
       .parameters = {{.name = "bits",
                       .value = 1,
                       .least = 1,
                       .most = 8,
                       .integer = true,
                       .help = "of each entry's counter of hits"}},
       .make = MakeClock},
      {.name = "sieve",
       .help = "a hand goes from old to new and takes what was not hit (Zhang et al. 2024)",
       .parameters = {},
       .make = MakePlain<Sieve>},
      {.name = "lfu-da",
       .help = "lfu whose counts age, so that what was popular once leaves (Arlitt et al. 1999)",
       .parameters = {},
       .touch_needs_lock = true,
       .make = MakePlain<LfuDa>},
      {.name = "gdsf",
       .help = "the least often used for its size leaves, with ageing (Cherkasova 1998)",
       .parameters = {},
       .touch_needs_lock = true,
       .make = MakePlain<Gdsf>},
  };
}

// Those that divide the capacity.
std::vector<PolicyInfo> DividingPolicies() {
  return {
      {.name = "s3-fifo",
       .help = "small queue on probation, main one, memory of evicted keys (Yang et al. 2023)",
       .parameters = {Share("small", 0.1, "of the capacity that new entries may take"),
                      {.name = "ghost",
                       .value = 0.9,
                       .least = 0,
                       .most = 1e3,
                       .help = "evicted keys remembered, as a share of the capacity"},
                      {.name = "promote",
                       .value = 2,
                       .least = 1,
                       .most = 3,
                       .integer = true,
                       .help = "hits with which an entry moves to the main queue"}},
       .make = MakeS3Fifo},
      {.name = "slru",
       .help = "lru lists one above the other; a hit takes an entry one up (Karedla et al. 1994)",
       .parameters = {Share("protected", 0.8, "of the capacity that entries once hit may take"),
                      {.name = "segments",
                       .value = 2,
                       .least = 2,
                       .most = Slru::kMostSegments,
                       .integer = true,
                       .help = "lists, of which all but the lowest share what is protected"},
                      {.name = "fill",
                       .value = 0,
                       .least = 0,
                       .most = 1,
                       .integer = true,
                       .help = "1: new entries enter the lowest list that has room"}},
       .touch_needs_lock = true,
       .make = MakeSlru},
      {.name = "2q",
       .help = "queue on probation, lru for keys that came back after it (Johnson, Shasha 1994)",
       .parameters = {Share("kin", 0.25, "of the capacity that new entries may take"),
                      {.name = "kout",
                       .value = 0.5,
                       .least = 0,
                       .most = 1e3,
                       .help = "evicted keys remembered, as a share of the capacity"}},
       .touch_needs_lock = true,
       .make = MakeTwoQ},
      {.name = "arc",
       .help = "keys seen once and keys seen again, shared by hindsight (Megiddo, Modha 2003)",
       .parameters = {},
       .touch_needs_lock = true,
       .make = MakePlain<Arc>},
  };
}

// Those of them that keep what proves its worth from what does not.
std::vector<PolicyInfo> FilteringPolicies() {
  return {
      {.name = "lirs",
       .help = "what was used twice within a short time stays (Jiang, Zhang 2002)",
       .parameters = {Share("hir", 0.01, "of the capacity for entries that did not prove that yet"),
                      {.name = "ghost",
                       .value = 2,
                       .least = 0,
                       .most = 1e9,
                       .help = "evicted keys remembered, as a multiple of the resident ones"}},
       .touch_needs_lock = true,
       .make = MakeLirs},
      {.name = "w-tinylfu",
       .help = "window, main part for what a sketch of uses ranks higher (Einziger et al. 2017)",
       .parameters = {Share("window", 0.01, "of the capacity for new entries, at first"),
                      Share("protected", 0.8, "of the main part for entries that were hit there"),
                      {.name = "adaptive",
                       .value = 1,
                       .least = 0,
                       .most = 1,
                       .integer = true,
                       .help = "1: the window's size climbs towards more hits"},
                      {.name = "sample",
                       .value = 10,
                       .least = 1,
                       .most = 1000,
                       .integer = true,
                       .help = "uses an entry after which the sketch's counts are halved"}},
       .touch_needs_lock = true,
       .make = MakeWTinyLfu},
  };
}

std::vector<PolicyInfo> AllBuiltIn() {
  std::vector<PolicyInfo> rows = UndividingPolicies();
  for (PolicyInfo& row : DividingPolicies()) rows.push_back(std::move(row));
  for (PolicyInfo& row : FilteringPolicies()) rows.push_back(std::move(row));
  return rows;
}

struct Registry {
  std::mutex mutex;
  std::vector<PolicyInfo> rows = AllBuiltIn();
};

Registry& TheRegistry() {
  static Registry registry;
  return registry;
}

std::string Names(const std::vector<PolicyInfo>& rows) {
  std::vector<std::string> names;
  for (const PolicyInfo& row : rows) names.push_back(row.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

bool IsName(std::string_view name) {
  return !name.empty() &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

// Texts from users, as they stand in messages.
std::string Quoted(std::string_view text) { return fmt::format("'{}'", Excerpt(text)); }

std::string Range(const PolicyParameter& parameter) {
  return fmt::format("{}{} from {:g} to {:g}", parameter.name,
                     parameter.integer ? " is a whole number" : " is a number", parameter.least,
                     parameter.most);
}

bool IsWithin(const PolicyParameter& parameter, double value) {
  return std::isfinite(value) && value >= parameter.least && value <= parameter.most &&
         (!parameter.integer || value == std::floor(value));
}

// That what ToString writes of the defaults, ParsePolicy reads.
Result<void> CheckParameters(const PolicyInfo& info) {
  std::set<std::string_view> names;
  for (const PolicyParameter& parameter : info.parameters) {
    if (!IsName(parameter.name) || !names.insert(parameter.name).second) {
      return Fail(ErrorCode::kInvalidArgument,
                  fmt::format("policy {}: parameter name {} is not of a-z, 0-9 and '-', or there "
                              "twice",
                              info.name, Quoted(parameter.name)));
    }
    if (!IsWithin(parameter, parameter.value)) {
      return Fail(ErrorCode::kInvalidArgument,
                  fmt::format("policy {}: the default, {:g}, is out of bounds: {}", info.name,
                              parameter.value, Range(parameter)));
    }
  }
  return {};
}

// One "name=value" into its place in the spec; `given` says which have had one.
Result<void> ParseParameter(std::string_view text, PolicySpec& spec, std::vector<bool>& given) {
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  for (std::size_t i = 0; i < spec.values.size(); ++i) {
    const PolicyParameter& parameter = spec.info.parameters[i];
    if (parameter.name != name) continue;
    if (given[i]) {
      return Fail(ErrorCode::kInvalidArgument,
                  fmt::format("policy {}: {} is given twice", spec.info.name, name));
    }
    given[i] = true;
    const std::string_view number =
        equals == std::string_view::npos ? std::string_view{} : text.substr(equals + 1);
    double value = 0;
    const auto [end, error] = std::from_chars(number.begin(), number.end(), value);
    if (error != std::errc{} || end != number.end() || !IsWithin(parameter, value)) {
      return Fail(ErrorCode::kInvalidArgument,
                  fmt::format("policy {}: {} is out of bounds: {}", spec.info.name, Quoted(text),
                              Range(parameter)));
    }
    spec.values[i] = value;
    return {};
  }
  std::vector<std::string> known;
  for (const PolicyParameter& parameter : spec.info.parameters) known.push_back(parameter.name);
  return Fail(ErrorCode::kInvalidArgument,
              known.empty() ? fmt::format("policy {} takes no parameters, given {}", spec.info.name,
                                          Quoted(text))
                            : fmt::format("policy {} has no parameter {}; it takes {}",
                                          spec.info.name, Quoted(name), fmt::join(known, ", ")));
}

}  // namespace

Result<void> RegisterPolicy(PolicyInfo info) {
  if (!IsName(info.name)) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("policy name {} is not of a-z, 0-9 and '-'", Quoted(info.name)));
  }
  if (!info.make) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("policy {} has no function to make it", info.name));
  }
  if (auto parameters = CheckParameters(info); !parameters) return parameters;
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  for (const PolicyInfo& row : registry.rows) {
    if (row.name == info.name) {
      return Fail(ErrorCode::kInvalidArgument,
                  fmt::format("policy {} is registered already", info.name));
    }
  }
  registry.rows.push_back(std::move(info));
  return {};
}

std::vector<PolicyInfo> RegisteredPolicies() {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  return registry.rows;
}

std::string PolicySpec::ToString() const {
  std::string text = info.name;
  for (std::size_t i = 0; i < values.size(); ++i) {
    // As many digits as tell the value from all others.
    text += fmt::format("{}{}={}", i == 0 ? ":" : ",", info.parameters[i].name, values[i]);
  }
  return text;
}

Result<PolicySpec> ParsePolicy(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  const std::vector<PolicyInfo> rows = RegisteredPolicies();
  for (const PolicyInfo& row : rows) {
    if (row.name != name) continue;
    PolicySpec spec{row, {}};
    for (const PolicyParameter& parameter : row.parameters) spec.values.push_back(parameter.value);
    if (colon == std::string_view::npos) return spec;
    std::vector<bool> given(spec.values.size());
    for (std::string_view rest = text.substr(colon + 1);;) {
      const std::size_t comma = rest.find(',');
      if (auto parsed = ParseParameter(rest.substr(0, comma), spec, given); !parsed) {
        return std::unexpected(parsed.error());
      }
      if (comma == std::string_view::npos) return spec;
      rest = rest.substr(comma + 1);
    }
  }
  return Fail(ErrorCode::kInvalidArgument,
              fmt::format("no policy {}; there are {}", Quoted(name), Names(rows)));
}

}  // namespace kvcache
