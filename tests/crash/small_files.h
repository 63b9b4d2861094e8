// RocksDB options under which a few thousand writes flush, compact and change logs many times.
#pragma once

#include <rocksdb/options.h>

namespace kvcache::testing {

inline rocksdb::Options SmallFiles() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.write_buffer_size = std::size_t{64} << 10;
  options.target_file_size_base = std::size_t{64} << 10;
  options.max_bytes_for_level_base = std::size_t{256} << 10;
  options.level0_file_num_compaction_trigger = 2;
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.keep_log_file_num = 2;
  return options;
}

}  // namespace kvcache::testing
