// RocksDB alone, everything in one of its caches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace rocksdb {
class DB;
struct Options;
}  // namespace rocksdb

namespace bench {

// A directory that goes when this does.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

enum class RocksDbCache : std::uint8_t { kBlockLru, kBlockHyper, kRow };

// Bloom filters of 10 bits a key, no compression of blocks, so that a hit pays for none.
rocksdb::Options RocksDbOptionsFor(RocksDbCache cache, std::size_t cache_bytes);

class RocksDbSystem {
 public:
  RocksDbSystem(RocksDbCache cache, std::size_t entries, std::size_t value_bytes);
  ~RocksDbSystem();

  void Put(std::string_view key, std::string_view value);
  // Compacts, and reads everything once: it is in the cache then.
  void Seal();

  bool Get(std::string_view key, std::string& value);
  std::size_t MultiGet(std::span<const std::string_view> keys);

 private:
  ScratchFolder folder_;
  std::unique_ptr<rocksdb::DB> db_;
};

struct RocksDbBlockLru : RocksDbSystem {
  static constexpr const char* kName = "rocksdb-block-lru";
  RocksDbBlockLru(std::size_t n, std::size_t b) : RocksDbSystem(RocksDbCache::kBlockLru, n, b) {}
};
struct RocksDbBlockHyper : RocksDbSystem {
  static constexpr const char* kName = "rocksdb-block-hyper";
  RocksDbBlockHyper(std::size_t n, std::size_t b)
      : RocksDbSystem(RocksDbCache::kBlockHyper, n, b) {}
};
struct RocksDbRow : RocksDbSystem {
  static constexpr const char* kName = "rocksdb-row";
  RocksDbRow(std::size_t n, std::size_t b) : RocksDbSystem(RocksDbCache::kRow, n, b) {}
};

}  // namespace bench
