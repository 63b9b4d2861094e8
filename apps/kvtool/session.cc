#include "session.h"

#include <fmt/format.h>

#include <csignal>
#include <filesystem>
#include <future>
#include <system_error>
#include <utility>

namespace kvcache::kvtool {
namespace {

// RocksDB keeps both files in every database; of one that has lost the first the library says so.
Outcome<void> CheckHoldsDatabase(const std::string& directory) {
  std::error_code error;
  std::filesystem::directory_iterator files(directory, error);
  if (error && error != std::errc::no_such_file_or_directory &&
      error != std::errc::not_a_directory) {
    return Failed(fmt::format("database {}: cannot look into it: {}", directory, error.message()));
  }
  for (const auto& file : files) {
    const std::string name = file.path().filename();
    if (name == "CURRENT" || name.starts_with("MANIFEST-")) return {};
  }
  return Failed(fmt::format("no database at {}; put and load create one", directory));
}

Failure CannotOpen(const Error& error, const std::string& directory) {
  if (error.code != ErrorCode::kBusy) return error;
  return {ExitStatus::kFailed,
          fmt::format(
              "database {}: in use, by a running service perhaps; it can only be read now, with "
              "--read-only, or with --secondary DIR to follow what is written",
              directory)};
}

// On a thread that takes no signals, so that those that RocksDB starts take none either: the line
// editor's handlers, of SIGWINCH and SIGCONT, may run on the main thread only.
Result<std::unique_ptr<Cache>> OpenWithoutSignals(const Options& options) {
  const auto open = [&options] {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    return Cache::Open(options);
  };
  return std::async(std::launch::async, open).get();
}

}  // namespace

Outcome<Cache*> Session::Open(Access access, std::uint32_t shards) {
  if (access != Access::kRead && !writable()) {
    return WrongCall(
        "this command writes, which --read-only and --secondary rule out; leave the "
        "flag out");
  }
  if (cache_ != nullptr) return cache_.get();
  const auto options = MakeOptions(access, shards);
  if (!options) return std::unexpected(options.error());
  auto cache = OpenWithoutSignals(*options);
  if (!cache) return std::unexpected(CannotOpen(cache.error(), flags_.db));
  cache_ = *std::move(cache);
  return cache_.get();
}

Outcome<Options> Session::MakeOptions(Access access, std::uint32_t shards) const {
  if (flags_.db.empty()) return WrongCall("no database given; say which with --db DIR");
  if (flags_.read_only && !flags_.secondary.empty()) {
    return WrongCall("--read-only and --secondary exclude each other; leave one out");
  }
  const auto capacity = ParseCapacity(flags_.capacity);
  if (!capacity) return std::unexpected(capacity.error());
  if (access != Access::kCreate) {
    if (auto holds = CheckHoldsDatabase(flags_.db); !holds) return std::unexpected(holds.error());
  }
  const bool read_only = flags_.secondary.empty() && (flags_.read_only || access == Access::kRead);
  Options options;
  options.path = flags_.db;
  options.rocksdb = {.column_family = flags_.column_family,
                     .create_if_missing = access == Access::kCreate,
                     .read_only = read_only,
                     .secondary_path = flags_.secondary,
                     .options_file = flags_.options_file,
                     .rocksdb_options = nullptr};
  options.capacity = capacity->bytes;
  options.capacity_entries = capacity->entries;
  options.policy = flags_.policy;
  options.shards = shards;
  return options;
}

Outcome<std::string> Session::Decode(const std::string& argument) const {
  if (!flags_.hex) return argument;
  auto bytes = FromHex(argument);
  if (bytes) return *std::move(bytes);
  return WrongCall(
      fmt::format("{} is not hex; with --hex, give an even number of hex digits, such "
                  "as 0x6B0A",
                  Excerpt(argument)));
}

std::string Session::Encode(std::string_view bytes) const {
  if (flags_.hex) return ToHex(bytes);
  return out_.terminal() ? Printable(bytes) : std::string(bytes);
}

}  // namespace kvcache::kvtool
