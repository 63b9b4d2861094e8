#include "simulate/trace_reader.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "harness.h"
#include "support/temp_folder.h"

namespace kvcache {
namespace {

using testing::TempFolder;

std::string Gzip(std::string_view text) {
  z_stream stream = {};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string in(text);
  std::string out(deflateBound(&stream, in.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  const std::size_t size = ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3);
  REQUIRE(ZSTD_isError(size) == 0);
  out.resize(size);
  return out;
}

std::string Plain(std::string_view text) { return std::string(text); }

std::string WriteFile(const TempFolder& folder, std::string_view bytes) {
  const std::string path = folder / "trace";
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

// "line:key" or "line:key,size" a request, separated by spaces; a failure's message at its end.
std::string ReadAll(const std::string& path) {
  std::string text;
  const auto reader = TraceReader::Open(path);
  if (!reader) return reader.error().message;
  while (true) {
    const auto next = (*reader)->Next();
    const std::string separator = text.empty() ? "" : " ";
    if (!next) return text + separator + next.error().message;
    const std::optional<TraceRequest>& request = *next;
    if (!request) return text;
    text += separator + std::to_string(request->line) + ":" + std::string(request->key);
    if (request->has_size) text += "," + std::to_string(request->size);
  }
}

std::string ReadText(std::string_view text) {
  const TempFolder folder;
  std::string read = ReadAll(WriteFile(folder, text));
  if (const std::size_t at = read.find(folder / ""); at != std::string::npos) {
    read.erase(at, (folder / "").size());
  }
  return read;
}

TEST_CASE("keys, with and without sizes") {
  CHECK(ReadText("") == "");
  CHECK(ReadText("a\n") == "1:a");
  CHECK(ReadText("a") == "1:a");
  CHECK(ReadText("a,1\nb\nc,18446744073709551615\n") == "1:a,1 2:b 3:c,18446744073709551615");
  CHECK(ReadText("a,7\r\nb\r\n") == "1:a,7 2:b");
  CHECK(ReadText("\x01 \xff;\n") == "1:\x01 \xff;");
}

TEST_CASE("a malformed line is named by file and number") {
  const std::string form = "; a line is `key` or `key,size`";
  const std::string not_size = " is not a number of bytes, 1 or more" + form;
  CHECK(ReadText("a\n\nb\n") == "1:a trace:2: no key" + form);
  CHECK(ReadText("a\n,7\n") == "1:a trace:2: no key" + form);
  CHECK(ReadText("a,\n") == "trace:1: size \"\"" + not_size);
  CHECK(ReadText("a,b\n") == "trace:1: size \"b\"" + not_size);
  CHECK(ReadText("a,1,2\n") == "trace:1: size \"1,2\"" + not_size);
  CHECK(ReadText("a,0\n") == "trace:1: size \"0\"" + not_size);
  CHECK(ReadText("a,-1\n") == "trace:1: size \"-1\"" + not_size);
  CHECK(ReadText("a, 1\n") == "trace:1: size \" 1\"" + not_size);
  CHECK(ReadText("a,18446744073709551616\n") ==
        "trace:1: size \"18446744073709551616\"" + not_size);
  CHECK(ReadText("a\n" + std::string((1 << 20) + 1, 'x')) ==
        "1:a trace:2: longer than 1 MiB; is this a text?");

  const TempFolder folder;
  const auto reader = TraceReader::Open(WriteFile(folder, ",\n"));
  CHECK((*reader)->Next().error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("lines of every length come whole across chunks, from each compression") {
  std::mt19937_64 random(testing::Seed());
  std::string text;
  std::vector<std::string> keys;
  while (text.size() < 3'000'000) {
    const std::size_t longest = random() % 100 == 0 ? 300'000 : 30;
    std::string key(1 + random() % longest, '\0');
    for (char& c : key) c = static_cast<char>('0' + random() % 64);
    text += key + "\n";
    keys.push_back(std::move(key));
  }
  for (const auto compress : {Plain, Gzip, Zstd}) {
    const TempFolder folder;
    const auto reader = TraceReader::Open(WriteFile(folder, compress(text)));
    REQUIRE(reader.has_value());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const TraceRequest request = (*reader)->Next().value().value();
      REQUIRE(request.key == keys[i]);
      REQUIRE(request.line == i + 1);
    }
    CHECK_FALSE((*reader)->Next().value().has_value());
  }
}

TEST_CASE("compressed files may be several put together") {
  CHECK(ReadText(Gzip("a\nb") + Gzip("") + Gzip("c\n")) == "1:a 2:bc");
  CHECK(ReadText(Zstd("a\nb") + Zstd("") + Zstd("c\n")) == "1:a 2:bc");
  const std::string skippable("\x50\x2A\x4D\x18\x02\x00\x00\x00??", 10);
  CHECK(ReadText(skippable + Zstd("a\n")) == "1:a");
}

TEST_CASE("compressed data that expand beyond a chunk come out whole") {
  std::string text;
  for (int i = 0; i < 500'000; ++i) text += "same\n";
  for (const auto compress : {Gzip, Zstd}) {
    const TempFolder folder;
    const auto reader = TraceReader::Open(WriteFile(folder, compress(text)));
    std::size_t requests = 0;
    while ((*reader)->Next().value()) ++requests;
    CHECK(requests == 500'000);
  }
}

TEST_CASE("damaged compressed files fail, wherever they are cut") {
  for (const auto compress : {Gzip, Zstd}) {
    const std::string whole = compress("a\nb\nc\n");
    for (std::size_t size = 4; size < whole.size(); ++size) {
      CAPTURE(size);
      const std::string read = ReadText(whole.substr(0, size));
      CHECK(read.ends_with("trace: its compressed data are damaged: it ends too early"));
    }
  }
  std::string gzip = Gzip("a\nb\nc\n");
  gzip[gzip.size() - 5] ^= 1;  // the checksum
  CHECK(ReadText(gzip).ends_with("trace: its compressed data are damaged: incorrect data check"));
  CHECK(ReadText(Gzip("a\n") + "garbage").find("damaged") != std::string::npos);
  CHECK(ReadText(Zstd("a\n") + "garbage").find("damaged") != std::string::npos);

  const TempFolder folder;
  const auto reader = TraceReader::Open(WriteFile(folder, Zstd("a\n").substr(0, 6)));
  CHECK((*reader)->Next().error().code == ErrorCode::kCorruption);
}

TEST_CASE("other compressions are named") {
  CHECK(ReadText(std::string("\xFD\x37zXZ\0rest", 10)) ==
        "trace is compressed with xz; only gzip and zstd are read here: unpack it with `xz -dc`");
  CHECK(ReadText("BZh9...").find("compressed with bzip2") != std::string::npos);
  CHECK(ReadText("BZ") == "1:BZ");
}

TEST_CASE("files that cannot be read") {
  const TempFolder folder;
  const auto missing = TraceReader::Open(folder / "none");
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().code == ErrorCode::kIoError);
  CHECK(missing.error().message ==
        "cannot open " + folder / "none" + ": No such file or directory");
  const auto directory = TraceReader::Open(folder.path());
  REQUIRE_FALSE(directory.has_value());
  CHECK(directory.error().message == "cannot read " + folder.path().string() + ": Is a directory");
}

TEST_CASE("\"-\" is standard input, which may come byte by byte") {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);  // a read gets what one write put
  const int saved = dup(STDIN_FILENO);
  REQUIRE(dup2(ends[0], STDIN_FILENO) == STDIN_FILENO);
  const std::string bytes = Zstd("a\nb,") + Zstd("2\nx,y\n");
  for (const char& byte : bytes) REQUIRE(write(ends[1], &byte, 1) == 1);
  close(ends[1]);
  CHECK(ReadAll("-").starts_with("1:a 2:b,2 standard input:3: size \"y\""));
  dup2(saved, STDIN_FILENO);
  close(saved);
  close(ends[0]);
}

}  // namespace
}  // namespace kvcache
