#include "simulate/trace_reader.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "harness.h"
#include "simulate/trace_format.h"
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

// "line:key" or "line:key,size" a request, then "@time" if it has one, separated by spaces; a
// failure's message at its end. Where lines were left out: how many, of which kind, and why.
std::string ReadAll(const std::string& path, const TraceOptions& options = {}) {
  const auto reader = TraceReader::Open(path, options);
  if (!reader) return reader.error().message;
  std::ostringstream text;
  TraceRequest request;
  while (true) {
    const auto more = (*reader)->Next(request);
    if (!more) text << ' ' << more.error().message;
    if (!more || !*more) break;
    text << ' ' << request.line << ':' << request.key;
    if (request.has_size) text << ',' << request.size;
    if (request.has_time) text << '@' << request.time;
  }
  if ((*reader)->other_operations() > 0) text << " others:" << (*reader)->other_operations();
  if ((*reader)->bad_lines() > 0) {
    text << " bad:" << (*reader)->bad_lines() << ' ' << (*reader)->first_bad_line();
  }
  return text.str().empty() ? "" : text.str().substr(1);
}

std::string ReadText(std::string_view text, const TraceOptions& options = {}) {
  const TempFolder folder;
  std::string read = ReadAll(WriteFile(folder, text), options);
  if (const std::size_t at = read.find(folder / ""); at != std::string::npos) {
    read.erase(at, (folder / "").size());
  }
  return read;
}

// The format that a trace is found to have.
std::string FormatOf(std::string_view bytes) {
  const TempFolder folder;
  return std::string(TraceReader::Open(WriteFile(folder, bytes)).value()->format());
}

std::string Record(std::uint32_t time, std::uint64_t object, std::uint32_t size,
                   std::int64_t next) {
  std::string bytes(24, '\0');
  std::memcpy(bytes.data(), &time, 4);
  std::memcpy(bytes.data() + 4, &object, 8);
  std::memcpy(bytes.data() + 12, &size, 4);
  std::memcpy(bytes.data() + 16, &next, 8);
  return bytes;
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
  TraceRequest request;
  CHECK((*reader)->Next(request).error().code == ErrorCode::kInvalidArgument);
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
    TraceRequest request;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      REQUIRE((*reader)->Next(request).value());
      REQUIRE(request.key == keys[i]);
      REQUIRE(request.line == i + 1);
    }
    CHECK_FALSE((*reader)->Next(request).value());
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
    TraceRequest request;
    std::size_t requests = 0;
    while ((*reader)->Next(request).value()) ++requests;
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
  TraceRequest request;
  CHECK((*reader)->Next(request).error().code == ErrorCode::kCorruption);
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

TEST_CASE("lines that are malformed are left out and counted if asked for") {
  CHECK(ReadText("a\n\nb,x\nc,3\n", {.skip_bad = true}) ==
        "1:a 4:c,3 bad:2 trace:2: no key; a line is `key` or `key,size`");
  CHECK(ReadText("a\n" + std::string(3 << 20, 'x') + "\nb\n", {.skip_bad = true}) ==
        "1:a 3:b bad:1 trace:2: longer than 1 MiB; is this a text?");
  CHECK(ReadText("a\n" + std::string(3 << 20, 'x'), {.skip_bad = true}) ==
        "1:a bad:1 trace:2: longer than 1 MiB; is this a text?");
  // A damaged file is no malformed line.
  CHECK(ReadText(Gzip("a\nb\n").substr(0, 22), {.skip_bad = true}).ends_with("ends too early"));
}

TEST_CASE("csv: columns by their usual names") {
  CHECK(ReadText("key,size\na,1\nb,22\n") == "2:a,1 3:b,22");
  CHECK(ReadText("version,time,op,size,lbn\n1,5,R,512,42\n1,6,W,512,43\n") ==
        "2:42,512@5 others:1");
  CHECK(ReadText("Timestamp, Obj_ID, Bytes\r\n1.5,x,3\r\n2024-01-01,y,\r\n") == "2:x,3@1.5 3:y");
  CHECK(ReadText("key,ts\na,nan\nb,inf\nc,-2\n") == "2:a 3:b 4:c@-2");
  CHECK(ReadText("\xEF\xBB\xBFid,size\n7,2\n") == "2:7,2");
  CHECK(ReadText("id,size\n7,0\nid,size\n8,1\n") == "2:7 4:8,1");
  CHECK(ReadText("op,key\nget,a\nGET,b\nset,c\nDELETE,d\nscan,e\n") == "2:a 3:b 6:e others:2");
  CHECK(ReadText("key,size\n\"a,b\",1\n\"c\"\"d\",2\n") == "2:a,b,1 3:c\"d,2");
  CHECK(ReadText("key\tsize\na,b\t5\n", {.format = "csv"}) == "2:a,b,5");
  CHECK(ReadText("key\na\n", {.format = "csv"}) == "2:a");
}

TEST_CASE("csv: columns by the names that the caller gives") {
  const std::string text = "url,length,when,method\n/a,5,1,PUT\n/b,6,2,GET\n";
  CHECK(ReadText(text, {.format = "csv"}) == "3:/b,6 others:1");
  CHECK(ReadText(text, {.format = "csv:time=when"}) == "3:/b,6@2 others:1");
  CHECK(ReadText(text, {.format = "csv:op="}) == "2:/a,5 3:/b,6");
  CHECK(ReadText(text, {.format = "csv:key=method,size=,op="}) == "2:PUT 3:GET");
  CHECK(ReadText(text, {.format = "csv:key=uri"}) ==
        "trace:1: no column \"uri\" for key; there are url, length, when, method");
  CHECK(ReadText("a,b\n1,2\n", {.format = "csv"}) ==
        "trace:1: none of the columns a, b is known to be the key; name it: csv:key=COLUMN");
  std::string columns;
  for (int i = 0; i < 20; ++i) columns += std::string(41, '\x01') + ",";
  const std::string message = ReadText(columns + "\n1\n", {.format = "csv"});
  CHECK(message.ends_with("..., ... is known to be the key; name it: csv:key=COLUMN"));
  CHECK(message.size() < 800);
  for (const std::string format : {"csv:url", "csv:keys=url", "csv:key=url,,"}) {
    const auto reader = TraceReader::Open("/dev/null", {.format = format});
    REQUIRE_FALSE(reader.has_value());
    CHECK(reader.error().code == ErrorCode::kInvalidArgument);
    CHECK(reader.error().message.find("names no column; write csv:key=COLUMN,") !=
          std::string::npos);
  }
}

TEST_CASE("csv: malformed lines") {
  CHECK(ReadText("key,size\na\n") == "trace:2: the header has 2 columns, this line 1");
  CHECK(ReadText("key,size\na,1,2\n") == "trace:2: the header has 2 columns, this line 3");
  CHECK(ReadText("key,size\n,1\n") == "trace:2: no key");
  CHECK(ReadText("key,size\na,-1\n") == "trace:2: size \"-1\" is not a number of bytes");
  CHECK(ReadText("key,size\n\"a,1\n").starts_with("trace:2: a quote that is not closed"));
  CHECK(ReadText("key,size\n\"a\"b,1\n").starts_with("trace:2: a quote that is not closed"));
  CHECK(ReadText("key,size\na\nb,1\n", {.skip_bad = true}) ==
        "3:b,1 bad:1 trace:2: the header has 2 columns, this line 1");
  CHECK(ReadText("", {.format = "csv"}) == "");
  // Without its header nothing can be read, so that is not one line to leave out.
  CHECK(ReadText("\na,1\n", {.format = "csv", .skip_bad = true}) ==
        "trace:1: no header; the first line of a csv names its columns");
}

TEST_CASE("hex keys are bytes where they are asked for") {
  const TraceOptions hex = {.hex_keys = true};
  CHECK(ReadText("0x6B31,3\nk2\n6B31\n0x6b,1\n", hex) == "1:k1,3 2:k2 3:6B31 4:k,1");
  CHECK(ReadText("0x,3\n", hex) == "1:,3");
  CHECK(ReadText("0x6B31\n") == "1:0x6B31");
  CHECK(ReadText("key,op_count,op,key_size,size\n0x6B,2,GET,1,2\n", hex) == "2:k,3 2:k,3");
  CHECK(ReadText("k\n0x6B3\n", hex).starts_with("1:k trace:2: a key that begins with 0x"));
  CHECK(ReadText("0xyz\nk\n", {.skip_bad = true, .hex_keys = true}).starts_with("2:k bad:1"));
}

TEST_CASE("csv: a time that is no number is none") {
  const TempFolder folder;
  const std::string path = folder / "trace";
  std::ofstream(path) << "key,time\na,1.5\nb,2016-01-01\nc,inf\n";
  auto reader = TraceReader::Open(path);
  REQUIRE(reader);
  TraceRequest request;
  for (const double time : {1.5, 0.0, 0.0}) {
    REQUIRE((*reader)->Next(request) == true);
    CHECK(request.has_time == (time > 0));
    CHECK(request.time == time);
  }
}

TEST_CASE("twitter") {
  const std::string text =
      "0,nz:u:eeW,10,90,7,get,0\n0,a,b,2,0,7,gets,0\n1,k,1,5,7,set,60\n2,k,1,5,8,delete,0\n";
  CHECK(ReadText(text) == "1:nz:u:eeW,100@0 2:a,b,2@0 others:2");
  CHECK(FormatOf(text) == "twitter");
  const TraceOptions twitter = {.format = "twitter"};
  CHECK(ReadText("0,a,1,2,3,get\n", twitter).starts_with("trace:1: not 7 fields"));
  CHECK(ReadText("0,,1,2,3,get,0\n", twitter) == "trace:1: no key");
  CHECK(ReadText("x,a,1,2,3,get,0\n", twitter) == "trace:1: timestamp \"x\" is not a number");
  CHECK(ReadText("0,a,1,y,3,get,0\n", twitter) == "trace:1: value size \"y\" is not a number");
  CHECK(ReadText("0,a,1,2,3,steal,0\n", twitter).starts_with("trace:1: operation \"steal\""));
  CHECK(ReadText("", twitter) == "");
}

TEST_CASE("cachelib: a line counts as often as it says") {
  const std::string text =
      "key,op,size,op_count,key_size\na,GET,100,3,7\nb,SET,5,2,1\nc,GET_LEASE,0,1,4\n";
  CHECK(ReadText(text) == "2:a,107 2:a,107 2:a,107 4:c,4 others:1");
  CHECK(FormatOf(text) == "cachelib");
  CHECK(ReadText("op_time,key,key_size,op,op_count,size,cache_hits\n9,a,1,GET,1,2,0\n") ==
        "2:a,3@9");
  for (const std::string count : {"0", "16777217", "18446744073709551615"}) {
    CHECK(ReadText("key,op,op_count\na,GET," + count + "\n") ==
          "trace:2: op_count \"" + count + "\" is not a number from 1 to 16777216");
  }
  CHECK(ReadText("key,op\n", {.format = "cachelib"}) ==
        "trace:1: no header with key, op and op_count; the first line has key, op");
}

TEST_CASE("lis: each line asks for consecutive blocks") {
  const std::string text = "100 3 0 0\n7\t1 0 1\r\n18446744073709551614 2 0 2\n";
  CHECK(ReadText(text) == "1:100 1:101 1:102 2:7 3:18446744073709551614 3:18446744073709551615");
  CHECK(FormatOf(text) == "lis");
  const TraceOptions lis = {.format = "lis"};
  CHECK(ReadText("1 2 3\n", lis).starts_with("trace:1: not 4 numbers"));
  CHECK(ReadText("1 2 3 4 5\n", lis).starts_with("trace:1: not 4 numbers"));
  CHECK(ReadText("1 0 0 4\n", lis).starts_with("trace:1: 0 blocks"));
  CHECK(ReadText("1 x 0 4\n", lis) == "trace:1: \"x\" is not a number");
  CHECK(ReadText("18446744073709551615 2 0 0\n", lis).starts_with("trace:1: blocks with numbers"));
  for (const std::string blocks : {"16777217", "18446744073709551615"}) {
    const std::string line = "0 " + blocks + " 0 0\n";
    CHECK(ReadText(line, lis) ==
          "trace:1: " + blocks + " blocks; a line asks for 16777216 at most");
    CHECK(FormatOf(line + "1 1 0 1\n") == "text");
  }
  CHECK(FormatOf("0 16777216 0 0\n1 1 0 1\n") == "lis");
  CHECK(ReadText("5 2 0 0\n9 0 0 1\n6 1 0 2", {.format = "lis", .skip_bad = true})
            .starts_with("1:5 1:6 3:6 bad:1 trace:2: 0 blocks"));
}

TEST_CASE("oracle-general") {
  const std::string whole =
      Record(10, 7, 512, 3) + Record(11, std::uint64_t{1} << 63, 0, -1) + Record(12, 7, 512, -1);
  const std::string requests = "1:7,512@10 2:9223372036854775808@11 3:7,512@12";
  for (const auto compress : {Plain, Gzip, Zstd}) CHECK(ReadText(compress(whole)) == requests);
  CHECK(FormatOf(whole) == "oracle-general");
  for (std::size_t extra = 1; extra < 24; ++extra) {
    CHECK(ReadText(whole + std::string(extra, '\0')) ==
          requests + " trace: record 4 at byte 72: it ends after " + std::to_string(extra) +
              " of 24 bytes");
  }
  CHECK(ReadText(whole + "cut", {.skip_bad = true}) ==
        requests + " bad:1 trace: record 4 at byte 72: it ends after 3 of 24 bytes");
  const TraceOptions oracle = {.format = "oracle-general"};
  CHECK(ReadText(Record(0, 1, 1, -2), oracle) ==
        "trace: record 1 at byte 0: next request -2 is none");
  CHECK(ReadText("", oracle) == "");

  std::string many;
  for (std::uint32_t i = 0; i < 50'000; ++i) many += Record(i, std::uint64_t{i} * 3, i + 1, -1);
  const TempFolder folder;
  const auto reader = TraceReader::Open(WriteFile(folder, Zstd(many)));
  TraceRequest request;
  for (std::uint32_t i = 0; i < 50'000; ++i) {
    REQUIRE((*reader)->Next(request).value());
    REQUIRE(request.key == std::to_string(i * 3));
  }
  CHECK_FALSE((*reader)->Next(request).value());
}

TEST_CASE("what might be text is text") {
  for (const std::string text :
       {"", "a\n", "key\n", "key,5\nkey,6\n", "1 2 0 3\n", "1 2 0 3\n5 6 0 9\n",
        "1 2 1 3\n5 6 1 4\n", "op,5\n", "key\tsize\n", "0,a,1,2,3,get,0\nb\n", "size,time\n"}) {
    CAPTURE(text);
    CHECK(FormatOf(text) == "text");
  }
  CHECK(FormatOf(std::string(24, '\0')) == "text");
  CHECK(FormatOf(std::string(23, '\0') + "\xff") == "text");
  CHECK(FormatOf(std::string(48, '\xff')) == "text");
  CHECK(FormatOf(std::string("k\0", 2) + std::string(22, 'x')) == "text");
  std::mt19937_64 random(testing::Seed());
  for (int i = 0; i < 2'000; ++i) {
    std::string text(1 + random() % 200, '\0');
    for (char& c : text) c = "0123456789 ,\n"[random() % 13];
    CAPTURE(text);
    REQUIRE(FormatOf(text) == "text");
  }
}

TEST_CASE("every format is listed, and no other is accepted") {
  CHECK(TraceFormatNames() == "text, oracle-general, twitter, cachelib, csv, lis");
  for (const TraceFormat& format : TraceFormats()) {
    const std::string name(format.name);
    CHECK(ReadText("", {.format = name}) == "");
    if (format.parameters.empty()) {
      CHECK(ReadText("", {.format = name + ":k=2"}) ==
            std::string("trace format ").append(name) + " has no parameters; write just " + name);
    }
  }
  CHECK(ReadText("", {.format = "cvs"}) ==
        "no such trace format: cvs; there are " + TraceFormatNames());
}

TEST_CASE("the traces of this project are read") {
  for (const std::string name : {"build_files", "sql_pages", "dependency_walk"}) {
    CAPTURE(name);
    const auto path = std::filesystem::path(KVCACHE_SOURCE_DIR) / "data" / (name + ".txt.zst");
    const auto reader = TraceReader::Open(path);
    REQUIRE_MESSAGE(reader.has_value(), reader.error().message);
    TraceRequest request;
    std::size_t requests = 0;
    while ((*reader)->Next(request).value()) ++requests;
    CHECK((*reader)->format() == "text");
    CHECK(requests >= 50'000);
    CHECK(requests <= 300'000);
  }
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
