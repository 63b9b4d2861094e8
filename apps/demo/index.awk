# A Debian package index (control records, blank lines between) to `kvtool load --format jsonl`:
#   "NAME"           the record itself; the first where a name comes twice
#   "provides:NAME"  who provides the virtual package NAME: "exim4-daemon-light | postfix | ..."
BEGIN { RS = "" }

function field(name,    start, rest) {
  start = index("\n" $0, "\n" name ":")
  if (!start) return ""
  rest = substr($0, start + length(name) + 1)
  sub(/\n[^ ].*/, "", rest)
  sub(/^[ \t]+/, "", rest)
  return rest
}

function json(text) {
  gsub(/["\\]/, "\\\\&", text)
  gsub(/\n/, "\\n", text)
  gsub(/\t/, "\\t", text)
  return "\"" text "\""
}

function print_pair(key, value) { print "{\"key\":" json(key) ",\"value\":" json(value) "}" }

{
  package = field("Package")
  if (package == "" || package in seen) next
  seen[package] = 1
  print_pair(package, $0)

  count = split(field("Provides"), provided, /,/)
  for (i = 1; i <= count; i++) {
    gsub(/[ \n]|\(.*/, "", provided[i])
    name = provided[i]
    if (name != "") providers[name] = providers[name] separator[name] package
    separator[name] = " | "
  }
}

END { for (name in providers) print_pair("provides:" name, providers[name]) }
