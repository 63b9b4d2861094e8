// Editor: lines from a person at a terminal, with editing and history.
#pragma once

#include <histedit.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace kvcache::kvtool {

class Editor {
 public:
  // `history_file` empty: history lasts as long as the editor, as it does, with a complaint, if
  // that is anything but a regular file of the user's own.
  explicit Editor(std::filesystem::path history_file);
  // Saves the history, readable by its owner only.
  ~Editor();
  Editor(const Editor&) = delete;
  Editor& operator=(const Editor&) = delete;

  // Without its newline; nullopt at the end of input (Ctrl-D). Ctrl-C drops what is typed.
  std::optional<std::string> ReadLine();

 private:
  static unsigned char DropLine(EditLine* edit_line, int key);

  std::filesystem::path history_file_;
  std::unique_ptr<History, decltype(&history_end)> history_;
  std::unique_ptr<EditLine, decltype(&el_end)> edit_line_;
  bool dropped_ = false;
};

// $XDG_STATE_HOME/kvtool/history, else under ~/.local/state; empty when there is no home.
std::filesystem::path HistoryFile();

}  // namespace kvcache::kvtool
