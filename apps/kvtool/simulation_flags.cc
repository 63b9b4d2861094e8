#include "simulation_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <thread>

#include "base/printable.h"
#include "kvcache/size.h"

namespace kvcache::kvtool {
namespace {

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t comma = std::min(text.find(',', from), text.size());
    parts.push_back(text.substr(from, comma - from));
    from = comma + 1;
  }
  return parts;
}

// Commas part policies, and parameters of one: what has an equals sign and no colon before it goes
// on with the policy before.
std::vector<std::string> SplitPolicies(const std::string& text) {
  std::vector<std::string> policies;
  for (const std::string& part : Split(text)) {
    const bool parameter =
        part.find('=') != std::string::npos && part.find(':') == std::string::npos;
    if (parameter && !policies.empty()) {
      policies.back() += "," + part;
    } else {
      policies.push_back(part);
    }
  }
  return policies;
}

Outcome<CacheSize> ParseCacheSize(const std::string& text) {
  const auto wrong = [&text] {
    return WrongCall(fmt::format(
        "'{}' is not a cache size; give objects (1000), bytes (64MiB) or a percentage of the "
        "trace's unique keys (0.1%)",
        Excerpt(text)));
  };
  if (text.ends_with('%')) {
    const auto percent = ParseNumber(std::string_view(text).substr(0, text.size() - 1));
    if (!percent || *percent <= 0 || *percent > 1000) return wrong();
    return CacheSize{text, CacheSize::Kind::kPercent, *percent};
  }
  if (const auto plain = ParseNumber(text)) {
    if (*plain < 1 || *plain > 1e15 || *plain != std::floor(*plain)) return wrong();
    return CacheSize{text, CacheSize::Kind::kPlain, *plain};
  }
  const auto bytes = ParseSize(text);
  if (!bytes || *bytes == 0) return wrong();
  return CacheSize{text, CacheSize::Kind::kBytes, static_cast<double>(*bytes)};
}

}  // namespace

std::optional<double> ParseNumber(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), value);
  if (error != std::errc{} || end != text.end() || !std::isfinite(value)) return std::nullopt;
  return value;
}

Outcome<std::vector<PolicyChoice>> ParsePolicies(const std::string& text, Clairvoyants known) {
  std::vector<std::string> clairvoyants = {"opt"};
  if (known == Clairvoyants::kOptAndBound) clairvoyants.emplace_back("opt-bound");
  std::vector<PolicyChoice> policies;
  for (const std::string& name : SplitPolicies(text)) {
    if (name == "all") {
      for (const PolicyInfo& info : RegisteredPolicies()) {
        policies.push_back({info.name, *ParsePolicy(info.name)});
      }
      for (const std::string& other : clairvoyants) policies.push_back({other, std::nullopt});
    } else if (std::ranges::find(clairvoyants, name) != clairvoyants.end()) {
      policies.push_back({name, std::nullopt});
    } else {
      auto policy = ParsePolicy(name);
      if (!policy) {
        return WrongCall(fmt::format("{}; here there are {} and all too", policy.error().message,
                                     fmt::join(clairvoyants, ", ")));
      }
      policies.push_back({name, std::move(*policy)});
    }
  }
  std::vector<PolicyChoice> distinct;
  for (PolicyChoice& policy : policies) {
    const auto same = [&policy](const PolicyChoice& other) {
      return other.Parameters() == policy.Parameters();
    };
    if (std::ranges::none_of(distinct, same)) distinct.push_back(std::move(policy));
  }
  return distinct;
}

std::uint64_t CacheSize::Of(std::uint64_t all) const {
  const double size = kind == Kind::kPercent ? static_cast<double>(all) * value / 100 : value;
  return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::llround(size)));
}

Outcome<std::vector<CacheSize>> ParseCacheSizes(const std::string& text) {
  std::vector<CacheSize> sizes;
  for (const std::string& part : Split(text)) {
    auto size = ParseCacheSize(part);
    if (!size) return std::unexpected(size.error());
    sizes.push_back(std::move(*size));
  }
  return sizes;
}

Outcome<SizeUnit> ChooseUnit(const std::string& asked, const std::vector<CacheSize>& sizes) {
  const auto has = [&sizes](CacheSize::Kind kind) {
    return std::ranges::any_of(sizes, [kind](const CacheSize& size) { return size.kind == kind; });
  };
  if (!has(CacheSize::Kind::kBytes)) {
    return asked == "bytes" ? SizeUnit::kBytes : SizeUnit::kObjects;
  }
  if (asked == "objects" || (asked.empty() && has(CacheSize::Kind::kPlain))) {
    return WrongCall(
        "sizes in bytes and in objects do not go together; give one kind, or percentages");
  }
  return SizeUnit::kBytes;
}

void AddPolicies(CLI::App& command, std::string& policies, const std::string& help) {
  command.add_option("--policy", policies, help)->type_name("all|LIST")->capture_default_str();
  command.preparse_callback([parent = command.get_parent(), &policies](std::size_t) {
    const CLI::Option* before = parent->get_option_no_throw("--policy");
    if (before != nullptr && before->count() > 0) policies = before->results().back();
  });
}

void AddUnit(CLI::App& command, std::string& unit) {
  command
      .add_option("--unit", unit,
                  "Whether objects or bytes fill a cache\n(default: bytes if sizes are in bytes)")
      ->type_name("objects|bytes")
      ->check(CLI::IsMember({"objects", "bytes"}).description(""));
}

void AddThreads(CLI::App& command, unsigned& threads) {
  threads = std::max(1U, std::thread::hardware_concurrency());
  command.add_option("--threads", threads, "Threads (default: one a processor)")
      ->type_name("T")
      ->check(CLI::Range(1, 1024).description(""));
}

std::string_view UnitName(SizeUnit unit) { return unit == SizeUnit::kBytes ? "bytes" : "objects"; }

std::string SizeText(std::uint64_t size, SizeUnit unit) {
  return unit == SizeUnit::kBytes ? FormatSize(size) : GroupDigits(size);
}

OnProgress Reporter(Progress& progress) {
  return [&progress](std::uint64_t requests) { progress.Update({requests, std::nullopt}); };
}

}  // namespace kvcache::kvtool
