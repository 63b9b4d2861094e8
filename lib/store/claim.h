// What at most one store at a time may have.
#pragma once

#include <cstdint>
#include <utility>

namespace kvcache {

// Holds a column family of a database for as long as it lives, if it is the first to ask.
class Claim {
 public:
  using Id = std::pair<const void*, std::uint32_t>;  // the database's address, the family's number

  explicit Claim(Id id);
  ~Claim();
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

  bool held() const { return held_; }

 private:
  const Id id_;
  const bool held_;
};

}  // namespace kvcache
