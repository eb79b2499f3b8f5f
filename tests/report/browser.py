#!/usr/bin/env python3
"""The page of `ebb report` in a real browser: headless Chromium, spoken to over its DevTools pipe
with nothing but the standard library.

    browser.py EBB                      make a small run, report it, test the page
    browser.py --page FILE --shots DIR  take pictures of a page: light, dark, narrow, paper

Exit status 77 (skipped) where there is no Chromium or no gnuplot.
"""
import argparse
import base64
import fcntl
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import time

SKIP = 77
PATIENCE_S = 60


class Browser:
    """Chromium behind a pair of pipes: JSON messages, each ended by a zero byte."""

    def __init__(self, program, profile):
        command_read, self.commands = os.pipe()
        self.replies, reply_write = os.pipe()
        # out of the way of 3 and 4, which Chromium reads and writes
        inner = [fcntl.fcntl(fd, fcntl.F_DUPFD, 64) for fd in (command_read, reply_write)]
        os.close(command_read)
        os.close(reply_write)

        def wire():
            os.dup2(inner[0], 3)
            os.dup2(inner[1], 4)

        line = [program, '--headless=new', '--remote-debugging-pipe', '--disable-gpu',
                '--no-first-run', '--disable-extensions', '--disable-background-networking',
                '--disable-component-update', '--disable-dev-shm-usage', '--hide-scrollbars',
                '--force-device-scale-factor=1', f'--user-data-dir={profile}']
        if os.geteuid() == 0:
            line.append('--no-sandbox')
        self.process = subprocess.Popen(line + ['about:blank'], preexec_fn=wire, pass_fds=(3, 4),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        for fd in inner:
            os.close(fd)
        self.rest, self.serial, self.events, self.session = b'', 0, [], None
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        self.session = self.call('Target.attachToTarget', targetId=target,
                                 flatten=True)['sessionId']

    def read(self, deadline):
        while b'\0' not in self.rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.replies], [], [], left)[0]:
                raise TimeoutError('the browser does not answer')
            chunk = os.read(self.replies, 1 << 20)
            if not chunk:
                raise EOFError('the browser is gone')
            self.rest += chunk
        message, self.rest = self.rest.split(b'\0', 1)
        return json.loads(message)

    def call(self, method, **params):
        self.serial += 1
        message = {'id': self.serial, 'method': method, 'params': params}
        if self.session:
            message['sessionId'] = self.session
        data = json.dumps(message).encode() + b'\0'
        while data:
            data = data[os.write(self.commands, data):]
        deadline = time.monotonic() + PATIENCE_S
        while True:
            reply = self.read(deadline)
            if reply.get('id') == self.serial:
                if 'error' in reply:
                    raise RuntimeError(f'{method}: {reply["error"]}')
                return reply['result']
            self.events.append(reply)

    def wait(self, event):
        deadline = time.monotonic() + PATIENCE_S
        while not any(e.get('method') == event for e in self.events):
            self.events.append(self.read(deadline))

    def evaluate(self, expression):
        reply = self.call('Runtime.evaluate', expression=expression, returnByValue=True,
                          awaitPromise=True)
        if 'exceptionDetails' in reply:
            raise RuntimeError(f'{expression}: {reply["exceptionDetails"]}')
        return reply['result'].get('value')

    def open(self, url, width=1280, height=900, scheme='light'):
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.call(f'{domain}.enable')
        self.size(width, height)
        self.scheme(scheme)
        self.events.clear()
        self.call('Page.navigate', url=url)
        self.wait('Page.loadEventFired')

    def size(self, width, height):
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height,
                  deviceScaleFactor=1, mobile=False)

    def scheme(self, name):
        self.call('Emulation.setEmulatedMedia',
                  features=[{'name': 'prefers-color-scheme', 'value': name}])

    def press(self, key, code):
        for kind in ('keyDown', 'keyUp'):
            self.call('Input.dispatchKeyEvent', type=kind, key=key, code=key,
                      windowsVirtualKeyCode=code, text='\r' if key == 'Enter' else '')

    def picture(self, path):
        data = self.call('Page.captureScreenshot')['data']
        pathlib.Path(path).write_bytes(base64.b64decode(data))

    def close(self):
        try:
            self.session = None
            self.call('Browser.close')
        except (OSError, EOFError, TimeoutError, RuntimeError):
            pass
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.commands)
        os.close(self.replies)


# ---- checks ----

failures = []


def check(good, what):
    print(('ok   ' if good else 'FAIL ') + what)
    if not good:
        failures.append(what)


COLUMN = '''(function (n) {
    return Array.from(document.querySelectorAll('#trial-table tbody tr'))
        .filter(r => !r.hidden).map(r => r.cells[n].textContent.trim());
})(%d)'''

HEADS = '''Array.from(document.querySelectorAll('#trial-table thead th')).map(
    h => h.textContent.trim())'''

CLICK = "document.querySelectorAll('#trial-table thead button')[%d].click()"

SORTED_BY = '''Array.from(document.querySelectorAll('#trial-table thead th')).map(
    h => h.getAttribute('aria-sort'))'''

# what sticks out of the page and is not inside something that scrolls by itself
STICKS_OUT = '''Array.from(document.querySelectorAll('body *')).filter(function (e) {
    if (e.closest('.marks') || e.getBoundingClientRect().right <= innerWidth + 0.5)
        return false;
    for (let p = e.parentElement; p; p = p.parentElement)
        if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(p).overflowX))
            return false;
    return true;
}).map(e => e.tagName + '.' + e.getAttribute('class'))'''

GROUND = "getComputedStyle(document.body).backgroundColor"


def check_quiet(b, url):
    loud = [e['params'] for e in b.events if e.get('method') in
            ('Runtime.exceptionThrown', 'Runtime.consoleAPICalled', 'Log.entryAdded')]
    check(not loud, f'nothing on the console {loud if loud else ""}')
    asked = [e['params']['request']['url'] for e in b.events
             if e.get('method') == 'Network.requestWillBeSent']
    others = [u for u in asked if u != url and not u.startswith('data:')]
    check(url in asked and not others, f'no request but the page itself {others if others else ""}')


def check_figures(b, n):
    sizes = b.evaluate('''Array.from(document.querySelectorAll('figure .card > svg')).map(
        s => [s.getBoundingClientRect().width, s.getBoundingClientRect().height,
              getComputedStyle(s).visibility, s.querySelectorAll('path').length,
              (s.getAttribute('aria-label') || '').length])''')
    check(len(sizes) == n, f'{n} figures ({len(sizes)})')
    check(all(w > 200 and h > 100 and v == 'visible' and p > 3 for w, h, v, p, _ in sizes),
          'every figure is visible, with lines in it')
    check(all(a > 20 for *_, a in sizes), 'every figure says what it shows')
    check(b.evaluate('''(function () {
        const ids = Array.from(document.querySelectorAll('[id]')).map(e => e.id);
        return ids.length === new Set(ids).size; })()'''), 'no id twice')
    check(b.evaluate('''Array.from(document.querySelectorAll('use')).every(
        u => document.getElementById(u.getAttribute('href').slice(1)))'''),
          'every mark of a figure is found')


def check_sorting(b):
    heads = b.evaluate(HEADS)
    seed = heads.index('Seed')
    before = b.evaluate(COLUMN % seed)
    b.evaluate(CLICK % seed)
    up = b.evaluate(COLUMN % seed)
    check(up == sorted(before, key=int) and up != sorted(before), f'a click sorts numbers {up}')
    check(b.evaluate(SORTED_BY)[seed] == 'ascending', 'aria-sort: ascending')
    b.evaluate(CLICK % seed)
    down = b.evaluate(COLUMN % seed)
    check(down == sorted(before, key=int, reverse=True), 'a second click reverses')
    check(b.evaluate(SORTED_BY).count('descending') == 1, 'aria-sort: descending, one column')
    arm = heads.index('Arm')
    b.evaluate(CLICK % arm)
    column = b.evaluate(COLUMN % arm)
    check(column == sorted(column), 'texts sort as texts')
    check(b.evaluate(SORTED_BY)[seed] is None, 'the other column is no longer sorted by')
    for i in range(len(heads)):
        b.evaluate(CLICK % i)
    check(len(b.evaluate(COLUMN % 0)) == len(before), 'every column sorts, no row is lost')
    b.evaluate(f"document.querySelectorAll('#trial-table thead button')[{seed}].focus()")
    b.press('Enter', 13)
    check(b.evaluate(COLUMN % seed) == up, 'the Enter key sorts, too')


def check_filter(b):
    everything = len(b.evaluate(COLUMN % 0))
    b.evaluate('''(function () { const f = document.getElementById('filter');
        f.value = 'dapo 10'; f.dispatchEvent(new Event('input')); })()''')
    rows = b.evaluate(COLUMN % 1)
    check(0 < len(rows) < everything and set(rows) == {'dapo'}, f'the filter keeps its rows {rows}')
    check('of' in b.evaluate("document.querySelector('.filter output').textContent"),
          'and says how many')
    b.evaluate('''(function () { const f = document.getElementById('filter');
        f.value = ''; f.dispatchEvent(new Event('input')); })()''')
    check(len(b.evaluate(COLUMN % 0)) == everything, 'an empty filter shows all')


def check_colours(b):
    light = b.evaluate(GROUND)
    b.scheme('dark')
    dark = b.evaluate(GROUND)
    check(light != dark, f'dark where the system is dark ({light}, {dark})')
    card = b.evaluate("getComputedStyle(document.querySelector('.card')).backgroundColor")
    check(card == 'rgb(255, 255, 255)', 'figures stay on white')
    b.evaluate("document.getElementById('theme').click()")
    check(b.evaluate(GROUND) == light, 'the button turns it light')
    b.scheme('light')
    b.evaluate("document.getElementById('theme').click()")
    check(b.evaluate(GROUND) == dark, 'and dark again')
    b.evaluate("document.getElementById('theme').click()")


def check_sizes(b):
    for width in (320, 400, 768, 1280, 2000):
        b.size(width, 900)
        wide = b.evaluate('document.documentElement.scrollWidth')
        out = b.evaluate(STICKS_OUT)
        check(wide <= width and not out, f'fits into {width} pixels ({wide}) {out[:5] if out else ""}')


def check_texts(b):
    check(b.evaluate('document.title') == 'small', 'a script in a text does not run')
    check('<script>' in b.evaluate("document.querySelector('.about').textContent"),
          'it is shown as it was written')
    check(b.evaluate("document.querySelectorAll('script').length") == 1, 'one script: our own')


def many(page, n):
    """The same page with so many trials: its rows over and over."""
    text = page.read_text()
    start = text.index('<tbody>', text.index('id="trial-table"')) + len('<tbody>')
    end = text.index('</tbody>', start)
    rows = text[start:end]
    big = page.with_name('big.html')
    big.write_text(text[:start] + rows * (n // rows.count('<tr>')) + text[end:])
    return big


def check_many(b, page, n):
    b.open(many(page, n).as_uri())
    check(len(b.evaluate(COLUMN % 0)) == n, f'{n} trials')
    seed = b.evaluate(HEADS).index('Seed')
    took = b.evaluate('''(function () { const t = performance.now(); %s;
        document.body.offsetHeight; return performance.now() - t; })()''' % (CLICK % seed))
    column = b.evaluate(COLUMN % seed)
    check(column == sorted(column, key=int) and took < 5000, f'are sorted in {took:.0f} ms')
    took = b.evaluate('''(function () { const t = performance.now();
        const f = document.getElementById('filter'); f.value = 'grpo 101';
        f.dispatchEvent(new Event('input')); document.body.offsetHeight;
        return performance.now() - t; })()''')
    rows = len(b.evaluate(COLUMN % 0))
    check(rows == n // 8 and took < 5000, f'and filtered to {rows} in {took:.0f} ms')
    b.size(400, 900)
    check(b.evaluate('document.documentElement.scrollWidth') <= 400, 'and fit into 400 pixels')


def check_paper(b):
    b.call('Emulation.setEmulatedMedia', media='print',
           features=[{'name': 'prefers-color-scheme', 'value': 'dark'}])
    check(b.evaluate(GROUND) == 'rgb(255, 255, 255)', 'paper is white')
    check(b.evaluate("getComputedStyle(document.querySelector('nav')).display") == 'none',
          'what cannot be pressed is not printed')
    pdf = base64.b64decode(b.call('Page.printToPDF')['data'])
    check(pdf.startswith(b'%PDF') and len(pdf) > 20000, 'it prints')
    check(b.evaluate("document.querySelectorAll('details[open]').length") == 0,
          'what was folded is folded again')
    b.call('Emulation.setEmulatedMedia', media='')
    b.scheme('light')


EXPERIMENT = '''name: small
about: "which of two? <script>document.title = 'owned'</script><img src=x onerror=alert(1)>"
task: {name: chain}
model: {width: 16, heads: 2, ffn: 32, layers: 1}
pretrain: {steps: 10, warmup: 2, batch: 16}
train: {steps: 6, prompts: 4, group: 4, minibatches: 2}
eval: {questions: 8, samples: 2, cadence: 2}
sweep: {algorithm: [grpo, dapo]}
seeds: [8, 9, 10, 101]
figures: [entropy, accuracy, reward-vs-entropy, entropy-by-position]
claims:
  - final(entropy, algorithm=dapo) < final(entropy, algorithm=grpo)
  - final(accuracy, algorithm=grpo) > 0.99
'''


def make_page(ebb, folder):
    (folder / 'small.yaml').write_text(EXPERIMENT)
    for line in (['run', 'small.yaml', '--out', 'run'], ['report', 'run']):
        done = subprocess.run([ebb] + line, cwd=folder, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f'ebb {" ".join(line)}: exit {done.returncode}\n{done.stderr}')
    return folder / 'run' / 'report.html'


def test(ebb, chromium):
    with tempfile.TemporaryDirectory(prefix='ebb-browser-') as name:
        folder = pathlib.Path(name)
        page = make_page(os.path.abspath(ebb), folder)
        browser = Browser(chromium, folder / 'profile')
        try:
            browser.open(page.as_uri())
            check_figures(browser, 4)
            check_texts(browser)
            check_sorting(browser)
            check_filter(browser)
            check_colours(browser)
            check_sizes(browser)
            check_paper(browser)
            check_quiet(browser, page.as_uri())
            check_many(browser, page, 1000)
        finally:
            browser.close()
    print(f'{len(failures)} failures' if failures else 'all good')
    return 1 if failures else 0


def shoot(page, folder, chromium):
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix='ebb-browser-') as profile:
        browser = Browser(chromium, profile)
        try:
            for name, width, scheme in (('light', 1280, 'light'), ('dark', 1280, 'dark'),
                                        ('narrow', 400, 'light')):
                browser.open(page.absolute().as_uri(), width=width, scheme=scheme)
                height = browser.evaluate('document.documentElement.scrollHeight')
                for part, top in enumerate(range(0, height, 1800)):
                    browser.size(width, 1800)
                    browser.evaluate(f'window.scrollTo(0, {top})')
                    browser.picture(folder / f'{name}-{part}.png')
            pdf = browser.call('Page.printToPDF')['data']
            (folder / 'paper.pdf').write_bytes(base64.b64decode(pdf))
        finally:
            browser.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('ebb', nargs='?')
    parser.add_argument('--page', type=pathlib.Path)
    parser.add_argument('--shots', type=pathlib.Path)
    arguments = parser.parse_args()
    chromium = shutil.which('chromium') or shutil.which('chromium-browser') or \
        shutil.which('google-chrome')
    for program, found in (('chromium', chromium), ('gnuplot', shutil.which('gnuplot'))):
        if not found:
            print(f'skipped: there is no {program}')
            return SKIP
    if arguments.page and not arguments.page.is_file():
        parser.error(f'there is no {arguments.page}')
    if arguments.page:
        shoot(arguments.page, arguments.shots or pathlib.Path('.'), chromium)
        return 0
    return test(arguments.ebb, chromium)


if __name__ == '__main__':
    sys.exit(main())
