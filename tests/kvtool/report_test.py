"""simulate --report: the page, opened by Chromium without a window.

What a reader would do, a script does that a test appends to a copy of the page; what it saw it
leaves in the page, from where the test reads it.
"""

import html.parser
import json
import os
import re
import shutil
import struct
import subprocess
import tempfile
import zlib

import harness

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    harness.skip("no chromium")

# As in simulate_test.py: of 2 objects lru misses 5, fifo and opt 4; of 3 objects all miss 3.
SMALL = b"a\nb\na\nc\nb\na\n"
# lru of 2 objects misses 5 of 6 requests and 90 of 100 bytes, fifo and opt 4, of 70 bytes.
SIZED = b"a,10\nb,20\na,10\nc,30\nb,20\na,10\n"

# What the scripts of tests are made of.
TOOLS = """
const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const text = (element) => element.textContent.trim();
const section = (number) => one('#trace-' + number);
const box = (number, policy) => one('input', all('.policies label', section(number))
  .find((label) => text(label) === policy));
const curves = (number) => all('.plot .curve', section(number)).length;
const rows = (number) => all('.ratios tbody tr', section(number))
  .map((row) => [...row.children].map(text));
const tip = (number) => {
  const element = one('.tip', section(number));
  return element.hidden ? null : [text(one('strong', element)),
    ...all('tr', element).map((row) => [...row.children].map(text))];
};
const head = (number, at) => one('button', all('.ratios thead th', section(number))[at]);
const axis = (number) => all('.plot text.axis', section(number)).map(text);
"""


class PageText(html.parser.HTMLParser):
    """The text of the element with the given id."""

    def __init__(self, wanted):
        super().__init__()
        self.wanted, self.inside, self.text = wanted, False, ""

    def handle_starttag(self, tag, attrs):
        self.inside = self.inside or ("id", self.wanted) in attrs

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        self.text += data if self.inside else ""


def text_of(page, wanted):
    parser = PageText(wanted)
    parser.feed(page)
    return parser.text


def pixels(png):
    """The rows of a PNG of 8 bits a channel, each a list of (red, green, blue)."""
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    channels = {2: 3, 6: 4}[kind]
    assert depth == 8
    packed, at = b"", 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at:at + 4])
        if png[at + 4:at + 8] == b"IDAT":
            packed += png[at + 8:at + 8 + size]
        at += size + 12
    raw, stride, above, rows = zlib.decompress(packed), width * channels, None, []
    above = bytearray(stride)
    for y in range(height):
        start = y * (stride + 1)
        filtering, line = raw[start], bytearray(raw[start + 1:start + 1 + stride])
        for i in range(stride):
            left = line[i - channels] if i >= channels else 0
            corner = above[i - channels] if i >= channels else 0
            guess = left + above[i] - corner
            paeth = min((left, above[i], corner), key=lambda value: abs(guess - value))
            line[i] = (line[i] + (0, left, above[i], (left + above[i]) // 2,
                                  paeth)[filtering]) & 255
        rows.append([tuple(line[i:i + 3]) for i in range(0, stride, channels)])
        above = line
    return rows


class ReportCase(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.trace = self.write("small.txt", SMALL)
        self.sized = self.write("sized.txt", SIZED)

    def report(self, *arguments, name="report.html"):
        """Makes a report and returns its text."""
        self.output("simulate", *arguments, "--report", name)
        return self.read(name).decode()

    def chromium(self, page, *flags):
        """Opens a page; returns what Chromium prints."""
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
            path = self.write("opened.html", page.encode())
            done = subprocess.run(
                [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                 "--disable-dev-shm-usage", "--hide-scrollbars", "--window-size=1000,800",
                 f"--user-data-dir={home}", *flags, "file://" + path],
                capture_output=True, check=True, cwd=self.directory,
                env=dict(self.environment, HOME=home), timeout=harness.PATIENCE_SECONDS)
            return done.stdout.decode()

    def see(self, page, script):
        """What the body of a function returns that runs in the page."""
        probe = (f"<pre id='seen'></pre><script>{TOOLS}\nfunction look() {{{script}}}\nlet seen;\n"
                 "try { seen = {result: look()}; } catch (error) { seen = {error: '' + error}; }\n"
                 "one('#seen').textContent = JSON.stringify(seen);</script></body>")
        dumped = self.chromium(page.replace("</body>", probe), "--dump-dom")
        seen = json.loads(text_of(dumped, "seen"))
        self.assertNotIn("error", seen)
        return seen["result"]


class Page(ReportCase):
    def test_it_needs_nothing_else(self):
        page = self.report(self.trace)
        without_names = page.replace("http://www.w3.org/", "")
        self.assertNotRegex(without_names, r"https?:|\ssrc=|@import|url\(|fetch\(|<link")
        self.assertIn("default-src 'none'", page)
        self.assertFalse([name for name in os.listdir(self.directory) if "partial" in name])

    def test_what_it_shows(self):
        page = self.report(self.trace, self.sized, "--policy", "lru,fifo,lru-k:k=3,opt",
                           "--sizes", "2,100%")
        seen = self.see(page, """
            return {titles: all('#traces h2').map(text), facts: all('.facts').map(text),
                    links: all('#contents a').map((link) => link.getAttribute('href')),
                    curves: [curves(0), curves(1)], axis: axis(0),
                    heads: all('.ratios thead th', section(0)).map(text), rows: rows(0),
                    command: text(one('#command')), program: text(one('#program')),
                    unit: text(one('#unit')), policies: all('#policies tbody tr').map(text)};""")
        self.assertEqual(seen["titles"], [self.trace, self.sized])
        self.assertEqual(seen["facts"],
                         ["6 requests for 3 keys", "6 requests for 3 keys of 60 bytes"])
        self.assertEqual(seen["links"], ["#trace-0", "#trace-1"])
        self.assertEqual(seen["curves"], [4, 4])
        self.assertEqual(seen["axis"], ["cache size (objects, log scale)",
                                        "miss ratio (share of the requests)"])
        self.assertEqual(seen["heads"], ["policy", "2", "100%3"])
        self.assertEqual(seen["rows"][:2], [["lru", "0.8333", "0.5000"],
                                            ["fifo", "★ 0.6667", "0.5000"]])
        self.assertEqual(seen["rows"][3], ["opt", "0.6667", "0.5000"])
        self.assertEqual(seen["command"],
                         f"kvtool simulate {self.trace} {self.sized} --policy "
                         "lru,fifo,lru-k:k=3,opt --sizes 2,100% --report report.html")
        version = self.run_bare("--version").stdout.decode().strip()
        self.assertRegex(seen["program"],
                         rf"\A{re.escape(version)}, \d{{4}}-\d\d-\d\d \d\d:\d\d UTC\Z")
        self.assertIn("objects", seen["unit"])
        self.assertIn("the least recently used entry leaves", seen["policies"][0])
        self.assertRegex(seen["policies"][2], r"k=3 .*history=1 ")
        self.assertIn("Belady", seen["policies"][3])

    def test_names_are_only_names(self):
        os.mkdir(self.path("<"))
        trace = self.write("<!--<script>document.title='owned'; &lt; \"it's\".txt", SMALL)
        page = self.report(trace, "--policy", "lru", name="</script><b>x.html")
        seen = self.see(page, """
            return {title: document.title, name: text(one('#traces h2')), bold: all('b').length,
                    command: text(one('#command'))};""")
        self.assertEqual((seen["title"], seen["name"], seen["bold"]), ("Miss ratios", trace, 0))
        self.assertIn("</script><b>x.html", seen["command"])
        odd = self.write(b"\xff.txt".decode("utf-8", "surrogateescape"), SMALL)
        page = self.report(odd, "--policy", "lru", name="odd.html")
        self.assertIn("\ufffd.txt", self.see(page, "return text(one('#traces h2'));"))

    def test_many_policies_and_one_size(self):
        page = self.report(self.trace, "--sizes", "2")
        policies, shown, odd = self.see(page, """
            return [all('.policies label').length, curves(0),
                    all('svg *').filter((element) => /NaN|Infinity|undefined/.test(
                      element.outerHTML)).length];""")
        self.assertGreater(policies, 8)
        self.assertEqual((shown, odd), (policies, 0))


class Use(ReportCase):
    def test_policies_are_switched_for_all_traces(self):
        page = self.report(self.trace, self.sized, "--policy", "lru,fifo,opt", "--sizes", "2,3")
        seen = self.see(page, """
            const seen = [];
            box(0, 'fifo').click();
            seen.push([curves(0), curves(1), box(1, 'fifo').checked, box(1, 'lru').checked]);
            box(1, 'fifo').click();
            seen.push([curves(0), curves(1), box(0, 'fifo').checked]);
            const buttons = all('.policies button', section(1));
            buttons[1].click();
            seen.push([text(buttons[1]), curves(0), curves(1), box(0, 'lru').checked]);
            buttons[0].click();
            seen.push([text(buttons[0]), curves(0), box(0, 'lru').checked]);
            box(0, 'opt').focus();
            seen.push(document.activeElement === box(0, 'opt'));
            return seen;""")
        self.assertEqual(seen, [[2, 2, False, True], [3, 3, True], ["None", 0, 0, False],
                                ["All", 3, True], True])

    def test_a_point_tells_about_itself(self):
        page = self.report(self.trace, "--policy", "lru,fifo,opt", "--sizes", "2,100%")
        seen = self.see(page, """
            const chart = one('.plot svg', section(0)), seen = [tip(0)];
            const marks = all('.curve[data-policy="0"] .mark', chart);
            const move = (kind, dx = 0) => {
              const place = marks[0].getBoundingClientRect();
              chart.dispatchEvent(new PointerEvent(kind, {
                bubbles: true, clientX: place.x + place.width / 2 + dx,
                clientY: place.y + place.height / 2 - 1}));
            };
            move('pointermove');
            seen.push(tip(0), all('.curve.near', chart).length);
            move('pointerleave');
            seen.push(tip(0), all('.curve.near', chart).length);
            move('pointermove', 250);
            seen.push(tip(0));
            return seen;""")
        lru = ["lru", ["size", "2 objects"], ["miss ratio", "0.8333"],
               ["against opt", "+0.1667 (+25.0 %)"]]
        self.assertEqual(seen, [None, lru, 1, None, 0, None])

    def test_keys_go_from_point_to_point(self):
        page = self.report(self.trace, "--policy", "lru,fifo,opt", "--sizes", "2,100%")
        seen = self.see(page, """
            const chart = one('.plot svg', section(0));
            chart.focus();
            const seen = [document.activeElement === chart];
            for (const key of ['ArrowRight', 'ArrowUp', 'ArrowUp', 'ArrowRight', 'ArrowLeft',
                               'Escape']) {
              chart.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
              seen.push(tip(0) && [tip(0)[0], tip(0)[1][1]]);
            }
            return seen;""")
        self.assertEqual(seen, [True, ["fifo", "2 objects"], ["opt", "2 objects"],
                                ["lru", "2 objects"], ["lru", "3 objects (100%)"],
                                ["lru", "2 objects"], None])

    def test_requests_or_bytes(self):
        page = self.report(self.sized, "--policy", "lru,fifo", "--sizes", "2,3")
        seen = self.see(page, """
            const [requests, bytes] = all('.measure input', section(0));
            const before = [requests.checked, rows(0)[0]];
            bytes.click();
            return [before, axis(0)[1], rows(0)];""")
        self.assertEqual(seen, [[True, ["lru", "0.8333", "0.5000"]],
                                "miss ratio (share of the bytes)",
                                [["lru", "0.9000", "0.6000"], ["fifo", "★ 0.7000", "0.6000"]]])
        page = self.report(self.trace, "--policy", "lru", name="plain.html")
        self.assertEqual(self.see(page, "return all('.measure').length;"), 0)

    def test_columns_sort(self):
        page = self.report(self.trace, "--policy", "lru,fifo,opt", "--sizes", "2,3")
        seen = self.see(page, """
            const seen = [];
            for (const at of [1, 1, 0]) {
              head(0, at).click();
              seen.push([rows(0).map((row) => row[0]).join(' '),
                         head(0, at).parentNode.getAttribute('aria-sort')]);
            }
            return seen;""")
        self.assertEqual(seen, [["fifo opt lru", "ascending"], ["lru fifo opt", "descending"],
                                ["lru fifo opt", "ascending"]])


class Looks(ReportCase):
    def screenshot(self, page, *flags):
        path = self.path("shot.png")
        self.chromium(page, "--screenshot=" + path, *flags)
        return pixels(self.read("shot.png"))

    def test_light_and_dark(self):
        page = self.report(self.trace, "--policy", "lru,fifo,opt", "--sizes", "1,2,3")
        for flags, paper, lru in [
            ([], (0xff, 0xff, 0xff), (0x00, 0x72, 0xb2)),
            (["--blink-settings=preferredColorScheme=0"], (0x16, 0x18, 0x1b), (0x4a, 0x94, 0xe8)),
        ]:
            with self.subTest(flags):
                shot = self.screenshot(page, *flags)
                self.assertEqual(len(shot[0]), 1000)
                self.assertEqual(shot[2][2], paper)
                colours = [colour for row in shot for colour in row]
                self.assertGreater(sum(colour != paper for colour in colours), 10000)
                self.assertGreater(colours.count(lru), 100)


if __name__ == "__main__":
    harness.main()
