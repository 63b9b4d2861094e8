// Session: the flags, the database they name and standard output: what every command works with.
#pragma once

#include <csignal>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bytes.h"
#include "flags.h"
#include "interrupts.h"
#include "kvcache/cache.h"
#include "outcome.h"
#include "output.h"

namespace kvcache::kvtool {

enum class Access {
  kRead,  // and opens it so: beside a running service, and without leaving a trace
  kWrite,
  kCreate,  // write, and make the database if there is none
};

class Session {
 public:
  Session(Flags flags, Output& out) : flags_(std::move(flags)), out_(out) {}

  const Flags& flags() const { return flags_; }
  Output& out() { return out_; }
  bool writable() const { return !flags_.read_only && flags_.secondary.empty(); }

  // The open cache; opens it at the first call. `shards`: as in Options.
  Outcome<Cache*> Open(Access access, std::uint32_t shards = 0);

  // A key or value as given on the command line.
  Outcome<std::string> Decode(const std::string& argument) const;
  // A key or value as printed: raw, with --hex as hex, on a terminal without control characters.
  std::string Encode(std::string_view bytes) const;
  Json EncodeJson(std::string_view bytes) const { return ToJson(bytes, flags_.hex); }

  // What the program was called with.
  const std::vector<std::string>& arguments() const { return arguments_; }
  void set_arguments(std::vector<std::string> arguments) { arguments_ = std::move(arguments); }

  // Within the shell commands come one after the other: they leave standard input alone.
  bool in_shell() const { return in_shell_; }
  void set_in_shell() { in_shell_ = true; }

  // From now on these signals do not end the process. To be called before Open. Without arguments:
  // all by which people, services and terminals that go away end a program.
  Interrupts& CatchInterrupts(std::initializer_list<int> signals = {SIGINT, SIGTERM, SIGHUP}) {
    return interrupts_.emplace(signals);
  }
  // Whether one has come. Always false when none are caught.
  bool Interrupted() { return interrupts_ && interrupts_->Raised(); }

 private:
  Outcome<Options> MakeOptions(Access access, std::uint32_t shards) const;

  Flags flags_;
  Output& out_;
  std::vector<std::string> arguments_;
  bool in_shell_ = false;
  std::optional<Interrupts> interrupts_;
  std::unique_ptr<Cache> cache_;
};

}  // namespace kvcache::kvtool
