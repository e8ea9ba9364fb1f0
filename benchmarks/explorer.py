"""Frames per second of the page of `latentops explore` while a slider moves.

    python -m benchmarks.explorer PAGE [SECONDS]

PAGE is what `latentops explore` wrote. In headless Chromium the first slider moves at each frame;
every move decodes, draws the words or the image, and marks the map. Told are the frames per second,
of which a screen shows 60, the slowest frame of a hundred, and the milliseconds of script that one
takes: those leave room for other screens. A machine without a graphics card draws in software.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

SECONDS = 5.0
_MOVE = """
async (seconds) => {
  const slider = document.querySelector(".units input[type=range]");
  const { min, max } = slider;
  const frames = [];
  let script = 0;
  const show = latentops.app.panels[0].showUnits.bind(latentops.app.panels[0]);
  latentops.app.panels[0].showUnits = () => {
    const start = performance.now();
    show();
    script += performance.now() - start;
  };
  const start = performance.now();
  while (performance.now() - start < 1000 * seconds) {
    const share = (1 + Math.sin(frames.length / 20)) / 2;
    slider.value = String(Number(min) + share * (max - min));
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    frames.push(await new Promise(requestAnimationFrame));
  }
  const gaps = frames.slice(1).map((at, frame) => at - frames[frame]);
  return { gaps, script: script / gaps.length };
}
"""


def main() -> None:
    page = Path(sys.argv[1]).absolute()
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("error: no Chromium is on PATH.")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        shown = opened.new_page(viewport={"width": 1280, "height": 900})
        shown.goto(page.as_uri())
        shown.locator(".panel").first.wait_for()
        found = shown.evaluate(_MOVE, seconds)
        opened.close()
    gaps = sorted(found["gaps"])
    print(f"{page.name}: {page.stat().st_size / 1e6:.2f} MB")
    print(f"frames per second  {1000 * len(gaps) / sum(gaps):6.1f}")
    print(f"slowest of 100, ms {gaps[int(0.99 * len(gaps))]:6.1f}")
    print(f"script a frame, ms {found['script']:6.2f}")


if __name__ == "__main__":
    main()
