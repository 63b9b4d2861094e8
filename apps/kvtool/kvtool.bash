# bash completion for kvtool. Commands, flags and policies are read from the program's own help, so
# that this file does not have to know them.

# The first words of the lines below a heading that begins with $1, until an empty line; of lines
# indented by two spaces only, so that a policy's parameters are left out.
_kvtool_section() {
  awk -v heading="$1" '
    index($0, heading) == 1 { on = 1; next }
    /^$/ { on = 0 }
    on && /^  [a-z]/ { print $1 }'
}

_kvtool_flags() {
  sed -nE 's/^  (-[a-z],)?(--[a-z-]+).*/\2/p'
}

_kvtool() {
  local program=${COMP_WORDS[0]/#\~/$HOME} current=${COMP_WORDS[COMP_CWORD]}
  local previous=${COMP_WORDS[COMP_CWORD - 1]}
  local help commands command='' word
  COMPREPLY=()
  help=$("$program" --help 2> /dev/null) || return
  commands=$(_kvtool_section 'Commands:' <<< "$help")

  case $previous in
    --db | --secondary)
      compopt -o filenames 2> /dev/null
      mapfile -t COMPREPLY < <(compgen -d -- "$current")
      return
      ;;
    --options-file)
      compopt -o filenames 2> /dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return
      ;;
    --policy)
      mapfile -t COMPREPLY < <(compgen -W "$(_kvtool_section 'Policies' <<< "$help")" -- "$current")
      return
      ;;
    --format)
      mapfile -t COMPREPLY < <(compgen -W 'text jsonl' -- "$current")
      return
      ;;
    --capacity | --column-family | --prefix | --from | --to | --limit | --skip-lines | --threads | \
      --shards)
      return # a value that only the user knows
      ;;
  esac

  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ -z $command && " ${commands//$'\n'/ } " == *" $word "* ]]; then command=$word; fi
  done

  if [[ $current == -* ]]; then
    [[ -n $command ]] && help+=$'\n'$("$program" "$command" --help 2> /dev/null)
    mapfile -t COMPREPLY < <(compgen -W "$(_kvtool_flags <<< "$help" | sort -u)" -- "$current")
  elif [[ -z $command ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current")
  elif [[ $command == load || $command == dump || $command == replay ]]; then
    compopt -o filenames 2> /dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  fi
}

complete -F _kvtool kvtool
