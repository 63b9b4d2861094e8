# A made-up package index in the form of `apt-cache dumpavail`, for machines without apt; the same
# everywhere. Needs `-v packages=N`.
#
# As in a real index a few packages are needed by most others, some names are virtual, and some
# alternatives do not exist.
BEGIN {
  split("lib python3- golang- fonts- node- librust-", prefix, " ")
  for (i = 1; i <= packages; i++) print_record(i)
}

# Lehmer's generator: its products stay below 2^53, so that every awk computes the same.
function random() {
  state = (state ? state : 20240229) * 16807 % 2147483647
  return state / 2147483647
}

function name(i) { return prefix[i % 6 + 1] "sample" i }

# Names one of the packages before `i`, most often one of the first.
function older(i) { return name(1 + int((i - 1) * random() ^ 5)) }

function relation(i,    kind) {
  kind = random()
  if (kind < 0.05) return "sample-virtual" (1 + int(random() * 40))
  if (kind < 0.10) return "sample-gone" i " | " older(i)
  if (kind < 0.40) return older(i) " (>= 1." i % 9 ")"
  return older(i)
}

function relations(i,    count, list) {
  count = i < 40 ? int(i / 20) : int(6 * random())
  while (count-- > 0) list = list (list ? ", " : "") relation(i)
  return list
}

function hex(digits,    text) {
  while (length(text) < digits) text = text sprintf("%07x", random() * 268435456)
  return substr(text, 1, digits)
}

function print_record(i,    depends) {
  print "Package: " name(i)
  print "Version: 1." i % 9 "-1"
  print "Installed-Size: " int(20000 * random())
  print "Maintainer: Sample Maintainers <sample@example.org>"
  print "Architecture: all"
  if (i % 100 == 0) print "Provides: sample-virtual" i / 100 % 40 + 1 " (= 1.0), sample-alias" i
  if (i % 20 == 0) print "Pre-Depends: " older(i)
  if (depends = relations(i)) print "Depends: " depends
  print "Description: made-up package number " i
  print "Homepage: https://sample.example.org/" name(i)
  print "Description-md5: " hex(32)
  print "Tag: role::sample, implemented-in::awk,\n use::demonstrating"
  print "Section: misc"
  print "Priority: optional"
  print "Filename: pool/main/s/" name(i) "/" name(i) "_1." i % 9 "-1_all.deb"
  print "Size: " int(2000000 * random())
  print "SHA256: " hex(64)
  print ""
}
