"""Opens an index of kernels in headless Chromium and tries it out: browse_kernels.py PAGE FOLDER NAMES; NAMES is JSON, in the order of the page.

Says what does not work, a line each, and ends with 1 then; screenshots go into the folder.
"""

import json
import pathlib
import sys

from browser import survey

NAMES = "[...document.querySelectorAll('tbody tr')].filter((row) => !row.hidden).map((row) => row.querySelector('th a').textContent)"
# Where the texts of the cells of each row begin.
BEGINNINGS = """[...document.querySelectorAll('tbody tr')].map((row) => [...row.querySelectorAll('td')].map((cell) => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  return Math.round(range.getClientRects()[0].left);
}))"""
DIGESTS = "[...document.querySelectorAll('.digest')].map((digest) => [digest.textContent.length, digest.getBoundingClientRect().width])"


def type_words(browser, words):
    browser.run(f"(() => {{ const words = document.getElementById('words'); words.value = {json.dumps(words)};"
                " words.dispatchEvent(new Event('input')); })()")


def filtering(browser, names, expect):
    """What is typed leaves the rows that have it."""
    wanted = names[0].lower()
    type_words(browser, wanted)
    shown = browser.run(NAMES)
    expect(shown == [name for name in names if wanted in name.lower()], f"filtered, it shows {shown}")
    expect(browser.run("document.getElementById('found').textContent") == f"{len(shown)} of {len(names)}", "the filter counts")
    type_words(browser, "")
    expect(browser.run(NAMES) == names, "an empty filter shows all")


def sorting(browser, names, expect):
    """A heading sorts, and again the other way round; Enter does as a click."""
    browser.run("document.querySelector('thead button').focus()")
    browser.press("Enter")
    up = browser.run(NAMES)
    expect(sorted(up) == sorted(names), f"sorted, it shows {up}")
    expect(browser.run("document.querySelector('thead th').getAttribute('aria-sort')") == "ascending", "the order is told")
    browser.press("Enter")
    expect(browser.run(NAMES) == up[::-1], "the other way round")


def reading(browser, page, names, expect):
    """Without scripts, everything is there."""
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    browser.look(f"{page}?without-scripts", "desktop", "light")
    expect(browser.run(NAMES) == names, "without scripts, all names are there")
    expect(browser.run("document.getElementById('filter').hidden"), "without scripts, there is no filter")
    browser.ask("Emulation.setScriptExecutionDisabled", value=False)


def main():
    page, folder, names = pathlib.Path(sys.argv[1]).absolute().as_uri(), pathlib.Path(sys.argv[2]), json.loads(sys.argv[3])

    def look_at(browser, size, expect):
        expect(browser.run(NAMES) == names, f"it shows {browser.run(NAMES)}")
        expect(all(length == 64 for length, _ in browser.run(DIGESTS)), "digests are whole")
        if size == "desktop":
            expect(all(width < 200 for _, width in browser.run(DIGESTS)), "digests are shortened")
        else:
            expect(all(len(set(row)) == 1 for row in browser.run(BEGINNINGS)), "what is said of a kernel is in one column")
        filtering(browser, names, expect)
        sorting(browser, names, expect)

    survey(page, folder, "kernels-", look_at, first=lambda browser, expect: reading(browser, page, names, expect))


if __name__ == "__main__":
    main()
