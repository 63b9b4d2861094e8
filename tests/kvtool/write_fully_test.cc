// Writing that signals interrupt.
#include "kvtool/write_fully.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <string>
#include <thread>

namespace kvcache::kvtool {
namespace {

std::atomic<int> pipe_end = -1;
std::atomic<std::size_t> bytes_read = 0;
std::atomic<unsigned> interruptions = 0;

void ReadSome() {
  static std::array<char, 4096> some;
  const ssize_t got = read(pipe_end, some.data(), some.size());
  if (got > 0) bytes_read += static_cast<std::size_t>(got);
}

// Every other signal finds the pipe as full as before, so that the write has written nothing.
void Interrupt(int) {
  const int error = errno;
  if (++interruptions % 2 == 0) ReadSome();
  errno = error;
}

TEST_CASE("a write that signals interrupt writes all") {
  std::array<int, 2> ends;
  REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
  REQUIRE(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
  pipe_end = ends[0];
  struct sigaction interrupting{};
  interrupting.sa_handler = Interrupt;  // without SA_RESTART
  struct sigaction usual;
  REQUIRE(sigaction(SIGUSR1, &interrupting, &usual) == 0);

  const std::string bytes(std::size_t{256} << 10, 'x');  // four times what a pipe takes
  bool written = false;
  {
    std::atomic<bool> done = false;
    const std::jthread interrupter([&done, writer = pthread_self()] {
      while (!done) {
        pthread_kill(writer, SIGUSR1);
        std::this_thread::yield();
      }
    });
    written = WriteFully(ends[1], bytes);
    done = true;
  }
  CHECK(written);
  CHECK(interruptions > 0);
  for (std::size_t before = bytes_read + 1; before != bytes_read;) {
    before = bytes_read;
    ReadSome();
  }
  CHECK(bytes_read == bytes.size());
  sigaction(SIGUSR1, &usual, nullptr);
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("a write that fails leaves the reason in errno") {
  std::array<int, 2> ends;
  REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
  const bool written = WriteFully(ends[0], "x");
  const int error = errno;
  CHECK_FALSE(written);
  CHECK(error == EBADF);
  CHECK(WriteFully(ends[0], ""));
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace kvcache::kvtool
