#include "editor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <utility>

#include "output.h"
#include "output_file.h"

namespace kvcache::kvtool {
namespace {

constexpr int kHistoryLines = 1000;

// libedit edits characters, not bytes, and drops bytes that are none. In the C locale, which is
// what a container has unless told otherwise, those would be all but ASCII's.
void SetLocale() {
  const char* locale = std::setlocale(LC_CTYPE, "");
  if (locale == nullptr || std::string_view(locale) == "C") std::setlocale(LC_CTYPE, "C.UTF-8");
}

EditLine* NewEditLine() {
  SetLocale();
  return el_init("kvtool", stdin, stdout, stderr);
}

unsigned char Suspend(EditLine* edit_line, int) {
  el_set(edit_line, EL_PREP_TERM, 0);
  std::raise(SIGTSTP);
  el_set(edit_line, EL_PREP_TERM, 1);
  return CC_REDISPLAY;
}

// Reads what is there into `lines`, or says why that is left alone. What is looked at stays open
// until it is read, and cannot become something else in between.
Outcome<void> LoadHistory(History* lines, const std::filesystem::path& path) {
  const int file = open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0) return {};  // there is none, or saving will fail for the same reason
  struct stat status{};
  fstat(file, &status);
  std::string_view fault;
  HistEvent event;
  if (S_ISLNK(status.st_mode)) {
    fault = "is a symbolic link";
  } else if (!S_ISREG(status.st_mode)) {
    fault = "is no regular file";
  } else if (status.st_uid != geteuid()) {
    fault = "is another user's";
  } else if (status.st_size > 0 &&
             history(lines, &event, H_LOAD, fmt::format("/proc/self/fd/{}", file).c_str()) < 0) {
    fault = "cannot be read as a history";
  }
  close(file);
  if (fault.empty()) return {};
  return Failed(
      fmt::format("{} {}: this shell's history is not kept; move it away, or "
                  "set XDG_STATE_HOME to another directory",
                  path.string(), fault));
}

Outcome<void> SaveHistory(History* lines, const std::filesystem::path& path) {
  std::error_code ignored;  // what is missing then is the file's error
  std::filesystem::create_directories(path.parent_path(), ignored);
  const auto file = OutputFile::CreatePrivate(path);
  if (!file) return std::unexpected(file.error());
  std::FILE* stream = fdopen(dup((*file)->descriptor()), "w");
  HistEvent event;
  const bool saved = stream != nullptr && history(lines, &event, H_SAVE_FP, stream) >= 0;
  if ((stream != nullptr && std::fclose(stream) != 0) || !saved) {
    return Failed(
        fmt::format("cannot write {}: {}", path.string(), std::generic_category().message(errno)));
  }
  return (*file)->Commit();
}

}  // namespace

Editor::Editor(std::filesystem::path history_file)
    : history_file_(std::move(history_file)),
      history_(history_init(), &history_end),
      edit_line_(NewEditLine(), &el_end) {
  HistEvent event;
  history(history_.get(), &event, H_SETSIZE, kHistoryLines);
  history(history_.get(), &event, H_SETUNIQUE, 1);
  if (!history_file_.empty()) {
    if (const auto loaded = LoadHistory(history_.get(), history_file_); !loaded) {
      Complain(loaded.error().message);
      history_file_.clear();
    }
  }
  EditLine* edit_line = edit_line_.get();
  el_set(edit_line, EL_CLIENTDATA, this);
  el_set(
      edit_line, EL_PROMPT, +[](EditLine*) -> char* {
        static char prompt[] = "kvtool> ";
        return prompt;
      });
  el_set(edit_line, EL_HIST, history, history_.get());
  el_set(edit_line, EL_SIGNAL, 1);  // what ends the process sets the terminal back before
  el_set(edit_line, EL_EDITOR, "emacs");
  el_set(edit_line, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  // While a line is edited, Ctrl-C and Ctrl-Z are keys: as signals they would leave the terminal
  // raw.
  el_set(edit_line, EL_SETTY, "-d", "-isig", nullptr);
  // By el_wset, for el_set leaks copies of the two strings.
  el_wset(edit_line, EL_ADDFN, L"drop-line", L"Drop the line", &Editor::DropLine);
  el_set(edit_line, EL_BIND, "^C", "drop-line", nullptr);
  el_wset(edit_line, EL_ADDFN, L"suspend", L"Stop until brought to the foreground", &Suspend);
  el_set(edit_line, EL_BIND, "^Z", "suspend", nullptr);
  el_source(edit_line, nullptr);  // the user's ~/.editrc
}

Editor::~Editor() {
  if (history_file_.empty()) return;
  if (const auto saved = SaveHistory(history_.get(), history_file_); !saved) {
    Complain(
        fmt::format("{}; this shell's history is not kept; XDG_STATE_HOME can name another "
                    "directory for it",
                    saved.error().message));
  }
}

std::optional<std::string> Editor::ReadLine() {
  dropped_ = false;
  int size = 0;
  const char* text = el_gets(edit_line_.get(), &size);
  if (dropped_) return "";
  if (text == nullptr || size <= 0) return std::nullopt;
  std::string line(text, static_cast<std::size_t>(size));
  if (line.ends_with('\n')) line.pop_back();
  HistEvent event;
  if (!line.empty()) history(history_.get(), &event, H_ENTER, line.c_str());
  return line;
}

unsigned char Editor::DropLine(EditLine* edit_line, int) {
  Editor* editor = nullptr;
  el_get(edit_line, EL_CLIENTDATA, &editor);
  editor->dropped_ = true;
  std::fputs("^C\n", stdout);
  return CC_NEWLINE;
}

std::filesystem::path HistoryFile() {
  const auto directory = [](const char* variable) {
    const char* value = std::getenv(variable);
    return std::filesystem::path(value == nullptr ? "" : value);
  };
  const auto state = directory("XDG_STATE_HOME");
  if (state.is_absolute()) return state / "kvtool" / "history";  // others are to be ignored
  const auto home = directory("HOME");
  return home.empty() ? home : home / ".local" / "state" / "kvtool" / "history";
}

}  // namespace kvcache::kvtool
