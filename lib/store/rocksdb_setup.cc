#include "store/rocksdb_setup.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rocksdb/comparator.h>
#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/options_util.h>

#include <algorithm>
#include <utility>

#include "base/printable.h"
#include "store/options_text.h"
#include "store/rocksdb_status.h"

namespace kvcache {
namespace {

// For a database that is made here, and one that has no OPTIONS file.
rocksdb::Options DefaultOptions() {
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));  // absent keys: 1 % read a block
  rocksdb::Options options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.max_log_file_size = std::size_t{1} << 20;
  options.keep_log_file_num = 2;
  return options;
}

// The caller's options, else those of the OPTIONS file (none: an empty name), else the defaults;
// for the column families `names`. One that the file lacks is as its default one.
rocksdb::Status LoadSetup(const RocksDbOptions& options, rocksdb::Env* env,
                          const std::string& options_file, const std::vector<std::string>& names,
                          Setup& setup) {
  if (options.rocksdb_options != nullptr || options_file.empty()) {
    const rocksdb::Options all =
        options.rocksdb_options != nullptr ? *options.rocksdb_options : DefaultOptions();
    setup.db = all;
    setup.families = {{rocksdb::kDefaultColumnFamilyName, all}};
  } else {
    rocksdb::ConfigOptions config;
    config.env = env;
    config.ignore_unknown_options = true;  // of newer versions
    const auto status =
        rocksdb::LoadOptionsFromFile(config, options_file, &setup.db, &setup.families);
    if (!status.ok()) return status;
    setup.db.error_if_exists = false;
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : names) {
    const auto* found = setup.Find(name);
    if (found == nullptr) found = setup.Find(rocksdb::kDefaultColumnFamilyName);
    families.emplace_back(name, found->options);
  }
  setup.families = std::move(families);
  return rocksdb::Status::OK();
}

// Fails where RocksDB would open the database as something else than the OPTIONS file says: whoever
// wrote it had an object that is not here. Without its merge operator, for one, merged keys would
// read as absent.
Result<void> CheckObjects(const std::string& options_file, std::string_view column_family,
                          const Setup& setup, std::string_view where) {
  std::string text;
  const auto read = rocksdb::ReadFileToString(setup.db.env, options_file, &text);
  if (!read.ok()) return FailWith(read, where, fmt::format("read {}", Printable(options_file)));
  for (const NamedObject& object : NamedObjects(text)) {
    const rocksdb::ColumnFamilyDescriptor* family = setup.Find(object.family);
    if (family == nullptr) continue;
    const bool comparator = object.option == "comparator";
    const bool merge_operator = object.option == "merge_operator";
    if ((comparator && object.name != family->options.comparator->Name()) ||
        (merge_operator && family->options.merge_operator == nullptr)) {
      return Fail(
          ErrorCode::kNotSupported,
          fmt::format("{}: by {} column family \"{}\" needs {} \"{}\", which this program "
                      "does not have: give it in rocksdb_options, or wrap the open database",
                      where, Printable(options_file), Excerpt(object.family), object.option,
                      Excerpt(object.name)));
    }
    if (!comparator && !merge_operator && object.family == column_family) {
      return Fail(
          ErrorCode::kNotSupported,
          fmt::format("{}: cannot be cached correctly: {} \"{}\" changes it without a write", where,
                      object.option, Excerpt(object.name)));
    }
  }
  return {};
}

}  // namespace

Result<void> CheckCacheable(const rocksdb::DBOptions& db,
                            const rocksdb::ColumnFamilyOptions& family, std::string_view where) {
  const struct {
    bool found;
    std::string_view reason;
  } refusals[] = {
      {family.comparator->timestamp_size() > 0, "its keys have user timestamps"},
      {family.comparator->CanKeysWithDifferentByteContentsBeEqual(),
       "its comparator can take different bytes for the same key "
       "(CanKeysWithDifferentByteContentsBeEqual)"},
      {family.compaction_filter != nullptr || family.compaction_filter_factory != nullptr,
       "a compaction filter (TTL is one) changes it without a write"},
      {family.compaction_style == rocksdb::kCompactionStyleFIFO,
       "FIFO compaction drops keys without a write"},
      {family.inplace_update_support, "with inplace_update_support its reads are not linearizable"},
      {db.unordered_write, "with unordered_write its reads are not linearizable"},
  };
  for (const auto& [found, reason] : refusals) {
    if (found) {
      return Fail(ErrorCode::kNotSupported,
                  fmt::format("{}: cannot be cached correctly: {}", where, reason));
    }
  }
  return {};
}

void LimitMemtables(rocksdb::ColumnFamilyOptions& family, std::size_t bytes) {
  constexpr std::size_t kMemtables = 2;
  if (family.write_buffer_size <= bytes / kMemtables) return;
  family.write_buffer_size = bytes / kMemtables;
  family.arena_block_size = 0;  // a share of write_buffer_size
}

const rocksdb::ColumnFamilyDescriptor* Setup::Find(std::string_view name) const {
  const auto found = std::ranges::find(families, name, &rocksdb::ColumnFamilyDescriptor::name);
  return found == families.end() ? nullptr : &*found;
}

Result<Setup> PrepareSetup(const std::string& path, const RocksDbOptions& options,
                           rocksdb::Env* env, bool exists, std::string_view where) {
  std::vector<std::string> names = {rocksdb::kDefaultColumnFamilyName};
  std::string stored_file;
  if (exists) {
    rocksdb::DBOptions db_options;
    db_options.env = env;
    const auto listed = rocksdb::DB::ListColumnFamilies(db_options, path, &names);
    if (!listed.ok()) return FailWith(listed, where, "list its column families");
    // Databases of old versions have none.
    if (rocksdb::GetLatestOptionsFileName(path, env, &stored_file).ok()) {
      stored_file.insert(0, path + "/");
    }
  }
  const std::string& file = options.options_file.empty() ? stored_file : options.options_file;
  Setup setup;
  setup.noted = options.rocksdb_options == nullptr && options.options_file.empty();
  const auto loaded = LoadSetup(options, env, file, names, setup);
  if (!loaded.ok()) {
    return FailWith(loaded, where, fmt::format("load options from {}", Printable(file)));
  }

  const auto* family = setup.Find(options.column_family);
  if (family == nullptr) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: no column family \"{}\"; it has {}", where,
                            Excerpt(options.column_family), fmt::join(names, ", ")));
  }
  for (const std::string& text : {stored_file, options.options_file}) {
    if (text.empty()) continue;
    const Result<void> complete = CheckObjects(text, options.column_family, setup, where);
    if (!complete) return std::unexpected(complete.error());
  }
  const Result<void> cacheable = CheckCacheable(setup.db, family->options, where);
  if (!cacheable) return std::unexpected(cacheable.error());
  return setup;
}

}  // namespace kvcache
