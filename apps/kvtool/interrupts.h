// Interrupts: signals as something to look at, for work that must end in good order.
#pragma once

#include <csignal>
#include <initializer_list>

namespace kvcache::kvtool {

// While one exists, its signals do not end the process. Those that whoever started it has it
// ignore, as nohup does SIGHUP, stay ignored. Make it before the database is opened: threads
// started later inherit the signal mask. Not thread-safe.
class Interrupts {
 public:
  Interrupts(std::initializer_list<int> signals);
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // Readable once a signal has come: to be polled beside another descriptor.
  int descriptor() const { return descriptor_; }

  // Whether a signal has come, now or before. One system call while none has.
  bool Raised();
  // Forgets signals that have come.
  void Reset();

 private:
  sigset_t previous_mask_;
  int descriptor_;
  bool raised_ = false;
};

}  // namespace kvcache::kvtool
