#include "simulate/byte_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>
#define ZLIB_CONST  // it only reads what next_in points to
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <new>
#include <vector>

#include "base/printable.h"

namespace kvcache {
namespace {

using std::literals::string_view_literals::operator""sv;

constexpr std::size_t kReadBytes = std::size_t{128} << 10;
constexpr std::size_t kLongestMagic = 6;

class FileSource : public ByteSource {
 public:
  FileSource(std::string name, int descriptor, int interrupt)
      : ByteSource(std::move(name)), descriptor_(descriptor), interrupt_(interrupt) {}
  ~FileSource() override {
    if (descriptor_ != STDIN_FILENO) close(descriptor_);
  }

  Result<std::string_view> Next() override {
    const Result<std::string_view> bytes = Peek();
    size_ = 0;
    return bytes;
  }

  // What the next Next will return; if the file has as much, enough to tell its format by.
  Result<std::string_view> Peek() {
    while (size_ < kLongestMagic) {
      if (auto ready = Wait(); !ready) return std::unexpected(std::move(ready.error()));
      const ssize_t got = read(descriptor_, buffer_.data() + size_, buffer_.size() - size_);
      if (got == 0) break;
      if (got > 0) {
        size_ += static_cast<std::size_t>(got);
      } else if (errno != EINTR && errno != EAGAIN) {
        return CannotRead();
      }
    }
    return std::string_view(buffer_.data(), size_);
  }

 private:
  // Until there is something to read, or the end.
  Result<void> Wait() {
    pollfd waiting[] = {{descriptor_, POLLIN, 0}, {interrupt_, POLLIN, 0}};
    while (poll(waiting, 2, -1) < 0) {
      if (errno != EINTR) return CannotRead();
    }
    if (waiting[1].revents == 0) return {};
    return Fail(ErrorCode::kIoError, fmt::format("interrupted while {} was read", name()));
  }

  std::unexpected<Error> CannotRead() const {
    return Fail(ErrorCode::kIoError,
                fmt::format("cannot read {}: {}", name(), std::strerror(errno)));
  }

  const int descriptor_;
  const int interrupt_;
  std::vector<char> buffer_ = std::vector<char>(kReadBytes);
  std::size_t size_ = 0;  // bytes read that Next has not returned yet
};

// What the decompressors have in common.
class Decompressor : public ByteSource {
 public:
  explicit Decompressor(std::unique_ptr<FileSource> file)
      : ByteSource(file->name()), file_(std::move(file)) {}

  Result<std::string_view> Next() override {
    while (true) {
      if (input_.empty()) {
        const Result<std::string_view> more = file_->Next();
        if (!more) return more;
        input_ = *more;
      }
      const bool end = input_.empty();
      if (end && complete_) return std::string_view();
      // Also at the end: there may be output that did not fit the time before.
      const Result<std::size_t> size = Decompress(input_, output_, complete_);
      if (!size) return std::unexpected(size.error());
      if (*size > 0) return std::string_view(output_.data(), *size);
      if (end) return Damaged("it ends too early");
    }
  }

 protected:
  // Moves on in `input`, writes to the front of `output` and returns how many bytes; sets
  // `complete` to whether the file may end before the input that is left.
  virtual Result<std::size_t> Decompress(std::string_view& input, std::vector<char>& output,
                                         bool& complete) = 0;

  std::unexpected<Error> Damaged(std::string_view how) const {
    return Fail(ErrorCode::kCorruption,
                fmt::format("{}: its compressed data are damaged: {}", name(), how));
  }

 private:
  const std::unique_ptr<FileSource> file_;
  std::string_view input_;
  std::vector<char> output_ = std::vector<char>(kReadBytes);
  bool complete_ = false;
};

class GzipSource : public Decompressor {
 public:
  explicit GzipSource(std::unique_ptr<FileSource> file) : Decompressor(std::move(file)) {
    constexpr int kGzip = 16;  // a gzip header, not zlib's own
    if (inflateInit2(&stream_, MAX_WBITS + kGzip) != Z_OK) throw std::bad_alloc();
  }
  ~GzipSource() override { inflateEnd(&stream_); }

 protected:
  Result<std::size_t> Decompress(std::string_view& input, std::vector<char>& output,
                                 bool& complete) override {
    if (complete) inflateReset(&stream_);  // another member follows
    stream_.next_in = reinterpret_cast<const Bytef*>(input.data());
    stream_.avail_in = static_cast<uInt>(input.size());
    stream_.next_out = reinterpret_cast<Bytef*>(output.data());
    stream_.avail_out = static_cast<uInt>(output.size());
    const int status = inflate(&stream_, Z_NO_FLUSH);
    // Z_BUF_ERROR: no more output without more input.
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
      return Damaged(stream_.msg != nullptr ? stream_.msg : zError(status));
    }
    complete = status == Z_STREAM_END;
    input.remove_prefix(input.size() - stream_.avail_in);
    return output.size() - stream_.avail_out;
  }

 private:
  z_stream stream_ = {};
};

class ZstdSource : public Decompressor {
 public:
  explicit ZstdSource(std::unique_ptr<FileSource> file) : Decompressor(std::move(file)) {
    if (context_ == nullptr) throw std::bad_alloc();
  }
  ~ZstdSource() override { ZSTD_freeDCtx(context_); }

 protected:
  Result<std::size_t> Decompress(std::string_view& input, std::vector<char>& output,
                                 bool& complete) override {
    ZSTD_inBuffer in = {input.data(), input.size(), 0};
    ZSTD_outBuffer out = {output.data(), output.size(), 0};
    const std::size_t status = ZSTD_decompressStream(context_, &out, &in);
    if (ZSTD_isError(status) != 0) return Damaged(ZSTD_getErrorName(status));
    complete = status == 0;
    input.remove_prefix(in.pos);
    return out.pos;
  }

 private:
  ZSTD_DCtx* const context_ = ZSTD_createDCtx();
};

// A frame of zstd, or one of the 16 kinds that are to be skipped, which pzstd puts first.
bool IsZstd(std::string_view bytes) {
  return bytes.starts_with("\x28\xB5\x2F\xFD"sv) ||
         (bytes.substr(0, 1) >= "\x50"sv && bytes.substr(0, 1) <= "\x5F"sv &&
          bytes.substr(1, 3) == "\x2A\x4D\x18"sv);
}

}  // namespace

Result<std::unique_ptr<ByteSource>> ByteSource::Open(const std::string& path,
                                                     const std::string& name, int interrupt) {
  const bool standard_input = path == "-";
  // A pipe that nobody writes to yet would be waited for here, whatever comes.
  const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | (interrupt < 0 ? 0 : O_NONBLOCK);
  const int descriptor = standard_input ? STDIN_FILENO : open(path.c_str(), flags);
  if (descriptor < 0) {
    return Fail(ErrorCode::kIoError,
                fmt::format("cannot open {}: {}", Printable(path), std::strerror(errno)));
  }
  const std::string its_own = standard_input ? "standard input" : path;
  auto file =
      std::make_unique<FileSource>(Printable(name.empty() ? its_own : name), descriptor, interrupt);
  const Result<std::string_view> start = file->Peek();
  if (!start) return std::unexpected(start.error());

  if (start->starts_with("\x1F\x8B"sv)) return std::make_unique<GzipSource>(std::move(file));
  if (IsZstd(*start)) return std::make_unique<ZstdSource>(std::move(file));
  for (const auto& [magic, program] :
       {std::pair("\xFD\x37zXZ\0"sv, "xz"sv), std::pair("BZh"sv, "bzip2"sv),
        std::pair("\x04\x22\x4D\x18"sv, "lz4"sv)}) {
    if (start->starts_with(magic)) {
      return Fail(ErrorCode::kNotSupported,
                  fmt::format("{} is compressed with {}; only gzip and zstd are read here: unpack "
                              "it with `{} -dc`",
                              file->name(), program, program));
    }
  }
  return file;
}

}  // namespace kvcache
