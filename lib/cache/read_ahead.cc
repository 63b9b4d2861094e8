#include "cache/read_ahead.h"

#include <algorithm>
#include <new>

#include "base/epoch.h"
#include "cache/guarded.h"

namespace kvcache {

// Has a stream for itself, if nobody else had it.
class ReadAhead::Hold {
 public:
  explicit Hold(Stream& stream)
      : stream_(stream), mine_(!stream.busy.exchange(true, std::memory_order_acquire)) {}
  ~Hold() {
    if (mine_) stream_.busy.store(false, std::memory_order_release);
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  bool mine() const { return mine_; }

 private:
  Stream& stream_;
  const bool mine_;
};

ReadAhead::Answer ReadAhead::Get(std::string_view key, const Store::Receiver& receive) {
  const std::uint64_t bytes = run_bytes_.load(std::memory_order_relaxed);
  if (key.size() + kPairBytes < bytes) {
    Stream& stream = streams_[epoch::ThisThread().index % kStreams];
    const Hold hold(stream);
    if (hold.mine()) {
      if (Answers(stream, key, receive)) return {.found = true, .ahead = true};
      if (Expects(stream, key)) {
        Read(stream, key, bytes);
        if (Answers(stream, key, receive)) {
          stream.used = 0;
          return {.found = true};
        }
      }
    }
  }
  return {.found = store_.Get(key, receive)};
}

bool ReadAhead::Answers(Stream& stream, std::string_view key,
                        const Store::Receiver& receive) const {
  if (!Covers(stream, key)) return false;
  while (store_.Compare(stream.run[stream.next].key, key) < 0) ++stream.next;
  const Operation pair = stream.run[stream.next];
  if (pair.key != key) return false;
  receive(pair.value);
  ++stream.next;
  ++stream.used;
  return true;
}

// Whether its run is good, and ends with this key or a later one that has not been passed.
bool ReadAhead::Covers(const Stream& stream, std::string_view key) const {
  return stream.begun == begun_.load() && stream.next < stream.run.size() &&
         store_.Compare(stream.run[stream.run.size() - 1].key, key) >= 0;
}

// Whether it seems that the next misses will come after this one, which no run has answered.
bool ReadAhead::Expects(Stream& stream, std::string_view key) const {
  const bool ascends = !stream.last.empty() && store_.Compare(stream.last, key) < 0;
  stream.ascending = ascends ? stream.ascending + 1 : 0;
  stream.last = key;
  const std::size_t pairs = stream.run.size();
  const bool of_use = stream.used != 0 && 2 * stream.used >= pairs;
  if (of_use) stream.wanted = kFewest;
  // A key from elsewhere amid a run leaves that as it is.
  if (of_use && 4 * stream.next >= 3 * pairs &&
      store_.Compare(stream.run[pairs - 1].key, key) < 0) {
    stream.pairs *= 2;
    return true;
  }
  if (stream.ascending < stream.wanted) return false;
  if (stream.taken && !of_use) {
    stream.wanted = std::min(2 * stream.wanted, kMostWanted);
    stream.Drop();
    if (stream.ascending < stream.wanted) return false;
  }
  stream.pairs = kFirst;
  return true;
}

// Takes a run from this key on, if nothing is changing the store.
void ReadAhead::Read(Stream& stream, std::string_view from, std::uint64_t bytes) {
  stream.pairs = std::min(stream.pairs, bytes / kPairBytes);
  // If its pairs are as large as those of the last one.
  const std::size_t before = stream.run.size();
  const std::uint64_t expected =
      before != 0 ? stream.run.bytes() / before * stream.pairs : std::uint64_t{0};
  stream.Drop();
  const std::uint64_t ended = ended_.load();
  const std::uint64_t begun = begun_.load();
  if (begun != ended) return;
  stream.taken = true;
  stream.ascending = 0;
  const ScanOptions options{.range = {.from = std::string(from)},
                            .limit = stream.pairs,
                            .expected_bytes = std::min(expected, bytes)};
  const auto keep = [&](std::string_view key, std::string_view value) {
    const std::size_t payload = stream.run.bytes() + key.size() + value.size();
    if (payload + (stream.run.size() + 1) * kPairBytes > bytes) return false;
    stream.run.Put(key, value);
    return true;
  };
  try {
    const auto scanned = Guarded<Result<void>>([&] { return store_.Scan(options, keep); });
    if (scanned) stream.begun = begun;
  } catch (const std::bad_alloc&) {
    stream.run.Clear();  // the load itself needs less
  }
}

}  // namespace kvcache
