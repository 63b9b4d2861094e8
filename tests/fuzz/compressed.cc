// gzip and zstd: damaged files are errors, whole ones give what was compressed, and all that a file
// gives before an error is right.
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/compressor.h"
#include "fuzz/input.h"
#include "fuzz/memory_file.h"
#include "fuzz/target.h"
#include "simulate/byte_source.h"

namespace kvcache::testing {
namespace {

constexpr std::size_t kMostBytes = std::size_t{4} << 20;  // of what a small file may unpack to

struct Unpacked {
  std::string bytes;
  bool failed = false;
};

Unpacked Unpack(std::string_view content) {
  const MemoryFile file(content);
  Unpacked unpacked;
  const auto failed = [&unpacked](const Error& error) {
    RequireMessage(error.message);
    Require(error.message.contains("packed-file"), "an error names the file", error.message);
    unpacked.failed = true;
  };
  const auto source = ByteSource::Open(file.path(), "packed-file");
  if (!source) failed(source.error());
  while (!unpacked.failed && unpacked.bytes.size() < kMostBytes) {
    const auto more = (*source)->Next();
    if (!more) failed(more.error());
    if (!more || more->empty()) break;
    unpacked.bytes += *more;
  }
  return unpacked;
}

std::string Pack(std::string_view name, std::string_view bytes, std::size_t first) {
  const auto compressor = Compressor::ForName(name);
  std::string packed;
  compressor->Add(bytes.substr(0, first), packed);
  if (first < bytes.size()) compressor->Add(bytes.substr(first), packed);
  compressor->Finish(packed);
  return packed;
}

void FuzzCompressed(std::string_view name, std::string_view input) {
  Input choices(input);
  if (choices.Below(2) == 0) {
    Unpack(choices.rest());
    return;
  }
  const bool two_members = choices.Below(2) != 0;
  const std::size_t first = choices.Below(1024);
  const std::size_t cut = choices.Below(4096);
  std::string bytes(choices.rest());
  const std::string one = Pack(name, bytes, first);
  const std::string packed = two_members ? one + one : one;
  if (two_members) bytes += bytes;
  const Unpacked whole = Unpack(packed);
  Require(!whole.failed && whole.bytes == bytes, "what was compressed comes back");

  constexpr std::size_t kMagic = 4;  // of fewer bytes nobody can tell what they are
  if (cut < kMagic || cut >= packed.size() || cut == one.size()) return;
  const Unpacked part = Unpack(packed.substr(0, cut));
  Require(part.failed, "a file that ends too early is damaged");
  Require(bytes.starts_with(part.bytes), "what came before is right");
}

}  // namespace

void FuzzGzip(std::string_view input) { FuzzCompressed("x.gz", input); }
void FuzzZstd(std::string_view input) { FuzzCompressed("x.zst", input); }

}  // namespace kvcache::testing
