#include "base/compressor.h"

#define ZLIB_CONST  // it only reads what next_in points to
#include <zlib.h>
#include <zstd.h>

#include <cstddef>
#include <limits>
#include <new>
#include <vector>

namespace kvcache {
namespace {

constexpr std::size_t kChunk = std::size_t{128} << 10;

class NoCompressor : public Compressor {
 public:
  void Add(std::string_view bytes, std::string& out) override { out += bytes; }
  void Finish(std::string& /*out*/) override {}
};

class GzipCompressor : public Compressor {
 public:
  GzipCompressor() {
    constexpr int kGzip = 16;  // a gzip header, not zlib's own
    constexpr int kMemory = 8;
    if (deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + kGzip, kMemory,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::bad_alloc();
    }
  }
  ~GzipCompressor() override { deflateEnd(&stream_); }

  void Add(std::string_view bytes, std::string& out) override {
    while (!bytes.empty()) {
      const std::string_view part = bytes.substr(0, std::numeric_limits<uInt>::max());
      Deflate(part, Z_NO_FLUSH, out);
      bytes.remove_prefix(part.size());
    }
  }
  void Finish(std::string& out) override { Deflate({}, Z_FINISH, out); }

 private:
  void Deflate(std::string_view bytes, int flush, std::string& out) {
    stream_.next_in = reinterpret_cast<const Bytef*>(bytes.data());
    stream_.avail_in = static_cast<uInt>(bytes.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
      stream_.avail_out = static_cast<uInt>(buffer_.size());
      deflate(&stream_, flush);  // cannot fail with a sound stream and room for its output
      out.append(buffer_.data(), buffer_.size() - stream_.avail_out);
    } while (stream_.avail_out == 0);
  }

  z_stream stream_ = {};
  std::vector<char> buffer_ = std::vector<char>(kChunk);
};

class ZstdCompressor : public Compressor {
 public:
  ZstdCompressor() {
    if (context_ == nullptr) throw std::bad_alloc();
    ZSTD_CCtx_setParameter(context_, ZSTD_c_checksumFlag, 1);
  }
  ~ZstdCompressor() override { ZSTD_freeCCtx(context_); }

  void Add(std::string_view bytes, std::string& out) override {
    Compress(bytes, ZSTD_e_continue, out);
  }
  void Finish(std::string& out) override { Compress({}, ZSTD_e_end, out); }

 private:
  void Compress(std::string_view bytes, ZSTD_EndDirective directive, std::string& out) {
    ZSTD_inBuffer in = {bytes.data(), bytes.size(), 0};
    while (true) {
      ZSTD_outBuffer buffer = {buffer_.data(), buffer_.size(), 0};
      const std::size_t left = ZSTD_compressStream2(context_, &buffer, &in, directive);
      if (ZSTD_isError(left) != 0) throw std::bad_alloc();  // all else is set here
      out.append(buffer_.data(), buffer.pos);
      if (directive == ZSTD_e_end ? left == 0 : in.pos == in.size) return;
    }
  }

  std::vector<char> buffer_ = std::vector<char>(kChunk);  // first, as it may throw
  ZSTD_CCtx* const context_ = ZSTD_createCCtx();
};

}  // namespace

std::unique_ptr<Compressor> Compressor::ForName(std::string_view name) {
  if (name.ends_with(".gz")) return std::make_unique<GzipCompressor>();
  if (name.ends_with(".zst")) return std::make_unique<ZstdCompressor>();
  return std::make_unique<NoCompressor>();
}

}  // namespace kvcache
