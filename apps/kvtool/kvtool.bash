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
  local help commands command='' subcommand='' subcommands='' policies word
  COMPREPLY=()
  help=$("$program" --help 2> /dev/null) || return
  commands=$(_kvtool_section 'Commands:' <<< "$help")

  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ -z $command && " ${commands//$'\n'/ } " == *" $word "* ]]; then
      command=$word
    elif [[ $command == trace && -z $subcommand && $word != -* ]]; then
      subcommand=$word
    fi
  done

  case $previous in
    --db | --secondary | --scratch)
      compopt -o filenames 2> /dev/null
      mapfile -t COMPREPLY < <(compgen -d -- "$current")
      return
      ;;
    --options-file | --plot | --report | --record)
      compopt -o filenames 2> /dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return
      ;;
    --policy)
      policies=$(_kvtool_section 'Policies' <<< "$help")
      [[ " simulate curve advise " == *" $command "* ]] && policies+=$'\nall'
      [[ " simulate curve " == *" $command "* ]] && policies+=$'\nopt'
      [[ $command == simulate ]] && policies+=$'\nopt-bound'
      mapfile -t COMPREPLY < <(compgen -W "$policies" -- "$current")
      return
      ;;
    --format)
      local formats='text jsonl'
      if [[ $command != load && $command != dump ]]; then
        formats=$("$program" trace info --help 2> /dev/null | _kvtool_section 'Trace formats:')
      fi
      mapfile -t COMPREPLY < <(compgen -W "$formats" -- "$current")
      return
      ;;
    --to)
      if [[ $command == trace ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'text csv oracle-general lis' -- "$current")
      fi
      return
      ;;
    --workload | --after)
      mapfile -t COMPREPLY < <(
        compgen -W "$("$program" bench --help 2> /dev/null | _kvtool_section 'Workloads:')" \
          -- "$current")
      return
      ;;
    --against)
      mapfile -t COMPREPLY < <(compgen -W 'rocksdb rocksdb-hyper rocksdb-row' -- "$current")
      return
      ;;
    --unit)
      mapfile -t COMPREPLY < <(compgen -W 'objects bytes' -- "$current")
      return
      ;;
    --capacity | --column-family | --prefix | --from | --limit | --skip-lines | --threads | \
      --shards | --sample | --record-sample | --sizes | --points | --samples | --anchors | \
      --target-hit | --max | --value-size | --records | --budget | --ops | --rounds | --read-us | \
      --tier-share | --settle)
      return # a value that only the user knows
      ;;
  esac

  if [[ $current == -* ]]; then
    if [[ -n $command ]]; then
      help+=$'\n'$("$program" "$command" ${subcommand:+"$subcommand"} --help 2> /dev/null)
    fi
    mapfile -t COMPREPLY < <(compgen -W "$(_kvtool_flags <<< "$help" | sort -u)" -- "$current")
  elif [[ -z $command ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current")
  elif [[ $command == trace && -z $subcommand ]]; then
    subcommands=$("$program" trace --help 2> /dev/null | _kvtool_section 'Commands:')
    mapfile -t COMPREPLY < <(compgen -W "$subcommands" -- "$current")
  elif [[ " load dump replay trace simulate curve advise " == *" $command "* ]]; then
    compopt -o filenames 2> /dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  fi
}

complete -F _kvtool kvtool
