#include "editor.h"

#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <utility>

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

}  // namespace

Editor::Editor(std::filesystem::path history_file)
    : history_file_(std::move(history_file)),
      history_(history_init(), &history_end),
      edit_line_(NewEditLine(), &el_end) {
  HistEvent event;
  history(history_.get(), &event, H_SETSIZE, kHistoryLines);
  history(history_.get(), &event, H_SETUNIQUE, 1);
  if (!history_file_.empty()) history(history_.get(), &event, H_LOAD, history_file_.c_str());
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
  std::error_code ignored;
  std::filesystem::create_directories(history_file_.parent_path(), ignored);
  HistEvent event;
  history(history_.get(), &event, H_SAVE, history_file_.c_str());
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
