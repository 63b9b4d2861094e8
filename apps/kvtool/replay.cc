#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "commands.h"
#include "progress.h"
#include "recording.h"
#include "trace_flags.h"
#include "trace_input.h"
#include "trace_replay.h"

namespace kvcache::kvtool {
namespace {

struct ReplayArguments {
  std::string trace;
  TraceOptions options;
  unsigned threads = 1;
  std::uint32_t shards = 0;
  RecordOptions record = WholeRecording();

  bool Records() const { return !record.path.empty(); }
};

double PerSecond(const ReplayResult& result) {
  return result.seconds > 0 ? static_cast<double>(result.requests) / result.seconds : 0;
}

double Microseconds(const ReplayResult& result, double quantile) {
  return static_cast<double>(result.latency.Percentile(quantile)) / 1e3;
}

std::string ToJsonText(const ReplayArguments& arguments, const StoredKeys& stored,
                       const ReplayResult& result, const Stats& stats) {
  Json json{{"trace", arguments.trace},
            {"requests", result.requests},
            {"requests_per_second", PerSecond(result)},
            {"seconds", result.seconds},
            {"threads", arguments.threads},
            {"keys", stored.keys},
            {"keys_stored", stored.stored},
            {"store_reads", stats.total.loads},
            {"other_operations", result.other_operations},
            {"bad_lines", result.bad_lines},
            {"p50_us", Microseconds(result, 0.5)},
            {"p99_us", Microseconds(result, 0.99)},
            {"p99_9_us", Microseconds(result, 0.999)}};
  json.update(Json::parse(stats.ToJson()));
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void PrintText(Output& out, const StoredKeys& stored, const ReplayResult& result,
               const Stats& stats) {
  const auto row = [&out](std::string_view name, const std::string& value) {
    out.Line(fmt::format("{:<20}{}", name, value));
  };
  const ShardStats& total = stats.total;
  row("policy", stats.policy);
  row("capacity", CapacityText(stats));
  row("requests", GroupDigits(result.requests));
  row("hits", GroupDigits(total.hits));
  row("misses", GroupDigits(total.misses));
  row("hit ratio", fmt::format("{:.4f}", stats.hit_ratio()));
  row("absent", GroupDigits(total.absent));
  row("evictions", GroupDigits(total.evictions));
  row("store reads", GroupDigits(total.loads));
  row("keys stored before", GroupDigits(stored.stored));
  row("requests per second", GroupDigits(static_cast<std::uint64_t>(PerSecond(result))));
  row("latency",
      fmt::format("p50 {:.1f} us, p99 {:.1f} us, p99.9 {:.1f} us", Microseconds(result, 0.5),
                  Microseconds(result, 0.99), Microseconds(result, 0.999)));
  if (!stats.recording.path.empty()) row("recorded", RecordedText(stats.recording));
}

// With one thread the tier is one shard, unless asked otherwise: what published miss ratios mean.
std::uint32_t Shards(const ReplayArguments& arguments) {
  return arguments.shards == 0 && arguments.threads == 1 ? 1 : arguments.shards;
}

// The second pass. What was looked up is recorded, however it ended.
Outcome<ReplayResult> LookUp(Session& session, const ReplayArguments& arguments,
                             const TraceInput& input, Cache& cache, std::uint64_t requests) {
  if (arguments.Records()) {
    const auto started = cache.StartRecording(arguments.record);
    if (!started) return std::unexpected(started.error());
  }
  auto result =
      ReplayTrace(session, input.path(), input.options(), cache, arguments.threads, requests);
  if (arguments.Records()) {
    const auto recorded = cache.StopRecording();
    if (!recorded) return std::unexpected(recorded.error());
  }
  return result;
}

Outcome<ExitStatus> Replay(Session& session, const ReplayArguments& arguments) {
  if (arguments.Records()) {
    const auto checked = CheckRecording(arguments.record, arguments.trace);
    if (!checked) return std::unexpected(checked.error());
  }
  TraceOptions options = arguments.options;
  options.hex_keys = session.flags().hex;
  const auto input = TraceInput::Open(arguments.trace, options);  // it is read twice
  if (!input) return std::unexpected(input.error());
  // Without a recording there is nothing that has to end in good order.
  if (arguments.Records()) session.CatchInterrupts();
  const Access access = session.writable() ? Access::kCreate : Access::kRead;
  const auto cache = session.Open(access, Shards(arguments));
  if (!cache) return std::unexpected(cache.error());
  StoredKeys stored;
  if (session.writable()) {
    const auto result = StoreMissingKeys(session, input->path(), input->options(), **cache);
    if (!result) return std::unexpected(result.error());
    stored = *result;
  }
  const Stats before = (*cache)->GetStats();
  const auto result = LookUp(session, arguments, *input, **cache, stored.requests);
  if (!result) return std::unexpected(result.error());
  const Stats stats = (*cache)->GetStats() - before;
  if (session.flags().json) {
    session.out().Line(ToJsonText(arguments, stored, *result, stats));
  } else {
    PrintText(session.out(), stored, *result, stats);
  }
  return ExitStatus::kDone;
}

}  // namespace

void AddReplay(CLI::App& app, Action& action) {
  const auto [command, arguments] = AddCommand(
      app, action, "replay", "Store a trace's keys, look them up, and measure the cache", Replay);
  AddTrace(*command, arguments->trace);
  AddTraceFlags(*command, arguments->options);
  command->add_option("--threads", arguments->threads, "Threads that share the requests")
      ->type_name("T")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024).description(""));
  command
      ->add_option("--shards", arguments->shards,
                   "Shards of the tier, a power of two\n(default 1 with one thread, else chosen)")
      ->type_name("N")
      ->check(CLI::Range(1, 1024).description(""));
  command
      ->add_option("--record", arguments->record.path,
                   "Record what is looked up into this file, as a trace")
      ->type_name("FILE");
  AddRecordFlags(*command, arguments->record, "--record-sample", "the file of --record");
  SetExamples(
      *command,
      "Reads count as requests; a trace's other operations are left out. First each key that the\n"
      "database lacks is stored with a value of the trace's size, or of 100 bytes: use a database\n"
      "of its own. Then every request is looked up through the cache, and hits, misses,\n"
      "throughput and latency of that are printed. Reading the trace is not counted.\n"
      "With --hex, keys that begin with 0x are hex, as in recordings; others are as they are.\n"
      "With --read-only or --secondary nothing is stored, and keys that the database lacks\n"
      "count as absent.\n"
      "With --record, FILE gets a line key,size for each lookup; see kvtool trace record --help.\n"
      "When it is interrupted, FILE has what was looked up.\n"
      "\n" +
          TraceFormatsHelp() +
          "\n"
          "Examples:\n"
          "  kvtool --db bench.db --policy lru-k:k=2 --capacity 64MiB replay web.txt.zst\n"
          "  kvtool --db bench.db --policy lfu --capacity 2048entries replay web.txt.zst --json\n"
          "  kvtool --db bench.db replay web.txt.zst --record sample.txt --record-sample 0.01\n");
}

}  // namespace kvcache::kvtool
