// Compression of what is written: gzip or zstd, as the name of the file says.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace kvcache {

// Not thread-safe.
class Compressor {
 public:
  // gzip or zstd for a name that ends in ".gz" or ".zst"; else none: bytes stay as they are.
  static std::unique_ptr<Compressor> ForName(std::string_view name);

  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;
  virtual ~Compressor() = default;

  // Appends to `out` what of `bytes`, and of those before, is ready; Finish all the rest.
  virtual void Add(std::string_view bytes, std::string& out) = 0;
  virtual void Finish(std::string& out) = 0;

 protected:
  Compressor() = default;
};

}  // namespace kvcache
