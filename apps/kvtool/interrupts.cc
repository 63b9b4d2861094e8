#include "interrupts.h"

#include <sys/signalfd.h>
#include <unistd.h>

namespace kvcache::kvtool {
namespace {

bool Ignored(int signal) {
  struct sigaction action;
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

Interrupts::Interrupts(std::initializer_list<int> signals) {
  sigset_t mask;
  sigemptyset(&mask);
  for (const int signal : signals) {
    if (!Ignored(signal)) sigaddset(&mask, signal);
  }
  pthread_sigmask(SIG_BLOCK, &mask, &previous_mask_);
  descriptor_ = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
}

Interrupts::~Interrupts() {
  Reset();  // a second Ctrl-C must not end the process before it has told what the first has ended
  close(descriptor_);
  pthread_sigmask(SIG_SETMASK, &previous_mask_, nullptr);
}

bool Interrupts::Raised() {
  signalfd_siginfo info;
  if (!raised_) raised_ = read(descriptor_, &info, sizeof info) == sizeof info;
  return raised_;
}

void Interrupts::Reset() {
  do {
    raised_ = false;
  } while (Raised());
}

}  // namespace kvcache::kvtool
