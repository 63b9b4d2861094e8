// Store: what the memory tier loads from and writes through to.
//
// RocksDB is the embedded default (kvcache/rocksdb.h); a service can plug in a store of its own by
// implementing this interface and handing it to Cache::Open.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "kvcache/error.h"

namespace kvcache {

// One step of a Batch. The views live as long as the batch is not changed.
struct Operation {
  enum class Kind : unsigned char { kPut, kDelete, kDeleteRange };
  Kind kind;
  std::string_view key;    // for kDeleteRange: the first key deleted
  std::string_view value;  // for kDeleteRange: the first key after it that is kept
};

// Puts and deletions that take effect together or not at all, later ones over earlier ones.
// Not thread-safe. Copies what it is given.
class Batch {
 public:
  void Put(std::string_view key, std::string_view value);
  void Delete(std::string_view key);
  // Every key with begin <= key < end in the store's order.
  void DeleteRange(std::string_view begin, std::string_view end);
  void Clear();

  std::size_t size() const { return steps_.size(); }
  bool empty() const { return steps_.empty(); }
  std::size_t bytes() const { return bytes_.size(); }  // keys and values, without overhead
  Operation operator[](std::size_t i) const;

 private:
  struct Step {
    Operation::Kind kind;
    std::size_t key_at, key_size, value_size;
  };
  void Append(Operation::Kind kind, std::string_view key, std::string_view value);

  std::string bytes_;  // key, value, key, value, ...
  std::vector<Step> steps_;
};

struct WriteOptions {
  // The write survives the loss of the machine, not only of the process.
  bool sync = false;
  // What is written also goes into the memory tier. Off for bulk loads.
  bool fill_tier = true;
};

// Keys of a half-open range in the store's order; an unset bound is open.
struct KeyRange {
  std::optional<std::string> from = {};  // first key included
  std::optional<std::string> to = {};    // first key excluded
};

struct ScanOptions {
  KeyRange range = {};
  std::optional<std::string> prefix = {};  // only keys that begin with it, within `range`
  std::size_t limit = 0;                   // at most so many; 0: no limit
  bool reverse = false;                    // from the last key to the first
  // About so many bytes will be visited: a store may read as many at once. 0: not known.
  std::uint64_t expected_bytes = 0;
};

// Called once a pair, in order; the views are valid during the call. False ends the scan.
using ScanVisitor = std::function<bool(std::string_view key, std::string_view value)>;

// One of the figures that a store tells of itself.
struct StoreFigure {
  std::string name;  // of a number of bytes: ends in _bytes or _capacity
  std::variant<std::string, std::uint64_t> value;

  bool in_bytes() const { return name.ends_with("_bytes") || name.ends_with("_capacity"); }
};

// Thread-safety: every member may be called from many threads at once.
//
// Linearizability, on which the cache's own rests: reads and writes of one key behave as if each
// took effect at one moment between its call and its return, and a Write that has returned, even
// with an error, has no later effect. Keys are equal only if their bytes are.
//
// Errors are returned. An exception thrown from a Store is turned into Error{kInternal}, but
// std::bad_alloc, which reaches the caller after the cache has put itself in order.
class Store {
 public:
  // Takes the bytes found; called at most once a key, before the call returns. May throw
  // std::bad_alloc, which is to pass.
  using Receiver = std::function<void(std::string_view value)>;
  using IndexedReceiver = std::function<void(std::size_t index, std::string_view value)>;

  virtual ~Store() = default;

  // True and `receive` called, or false when the store has no such key.
  virtual Result<bool> Get(std::string_view key, const Receiver& receive) = 0;

  // One answer a key, in the order of `keys`. The default calls Get for each.
  virtual std::vector<Result<bool>> MultiGet(std::span<const std::string_view> keys,
                                             const IndexedReceiver& receive);

  // Atomic: all of the batch or nothing, to every reader and after a crash.
  virtual Result<void> Write(const Batch& batch, const WriteOptions& options) = 0;

  // Of one key. The defaults call Write.
  virtual Result<void> Put(std::string_view key, std::string_view value,
                           const WriteOptions& options);
  virtual Result<void> Delete(std::string_view key, const WriteOptions& options);

  // Visits a snapshot of the store, of a moment between the call and its first pair. The cache also
  // calls it to read ahead of gets (Options::read_ahead).
  virtual Result<void> Scan(const ScanOptions& options, const ScanVisitor& visit) = 0;

  // The order of keys: negative, zero or positive. Zero only for equal bytes. Must not throw, nor
  // call the cache, some of whose locks are held. Default: bytewise.
  virtual int Compare(std::string_view a, std::string_view b) const;

  // Brings a secondary up to its primary's latest state. Default: kNotSupported.
  virtual Result<void> CatchUp();

  // Figures for people to read: files, bytes, levels.
  virtual std::vector<StoreFigure> Describe() { return {}; }
};

}  // namespace kvcache
