"""What the first page and the map of 18,000 pictures cost the browser's main thread, and how evenly the map moves.

`python benchmarks/pages.py` serves the committed build with invented pictures (`web/stand-in`), opens it in Chromium
and reads the thread's own clock, which other programs do not slow down; seconds by the clock on the wall stand beside
it. The bars: usable within 1 s, the map within 2 s, a frame within 16.7 ms. Without node or Chromium it says so.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

WEB = Path(__file__).parents[1] / "web"
PORT = 8795
STEPS = 60
FRAMES = """() => { window.frames = []; let last = performance.now();
  const next = (now) => { window.frames.push(now - last); last = now; requestAnimationFrame(next); };
  requestAnimationFrame(next); }"""


def main() -> list[dict[str, Any]]:
    node = shutil.which("node")
    chromium = next(
        (at for name in ("chromium", "chromium-browser", "google-chrome") if (at := shutil.which(name))), None
    )
    if node is None or chromium is None:
        return [{"benchmark": "pages", "skipped": "it needs node and a Chromium"}]
    from playwright.sync_api import sync_playwright

    command = [node, str(WEB / "stand-in" / "server.mjs"), str(PORT), "200", "90"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        server.stdout.readline()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            return [opened(browser, "/", ".wall .open"), opened(browser, "/map", "canvas")]
    finally:
        server.terminate()
        server.wait()


def opened(browser: Any, path: str, ready: str) -> dict[str, Any]:
    """Until `ready` is there and painted, and until nothing comes any more; on the map also what moving it costs."""
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    page.set_default_timeout(120_000)
    clock = page.context.new_cdp_session(page)
    clock.send("Performance.enable", {"timeDomain": "threadTicks"})
    began = time.perf_counter()
    page.goto(f"http://127.0.0.1:{PORT}{path}", wait_until="domcontentloaded")
    page.locator(ready).first.wait_for()
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    found = {"benchmark": "pages", "path": path, "usable_s": round(time.perf_counter() - began, 2)}
    page.wait_for_load_state("networkidle")  # half a second in which nothing comes is part of it
    found["whole_s"] = round(time.perf_counter() - began, 2)
    found["main_thread_s"] = round(main_thread(clock), 3)
    if path == "/map":
        found |= moved(page, clock, "dragged") | moved(page, clock, "zoomed")
    page.close()
    return found


def main_thread(clock: Any) -> float:
    """Seconds that the page's main thread has worked."""
    told = {one["name"]: one["value"] for one in clock.send("Performance.getMetrics")["metrics"]}
    return float(told["TaskDuration"])


def moved(page: Any, clock: Any, way: str) -> dict[str, Any]:
    """Drag the map across, or zoom in with the wheel, a step a frame."""
    box = page.locator("canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.evaluate(FRAMES)
    page.mouse.move(x, y)
    if way == "dragged":
        page.mouse.down()
    before, worked = page.evaluate("window.frames.length"), main_thread(clock)
    for step in range(STEPS):
        page.mouse.move(x + 4 * step, y + 2 * step) if way == "dragged" else page.mouse.wheel(0, -25)
    if way == "dragged":
        page.mouse.up()
    worked = main_thread(clock) - worked
    frames = page.evaluate("window.frames")[before:]
    return {
        f"{way}_frames": len(frames),
        f"{way}_main_thread_ms_a_frame": round(1000 * worked / max(1, len(frames)), 2),
        f"{way}_interval_p50_ms": round(statistics.median(frames), 1),
        f"{way}_interval_p95_ms": round(sorted(frames)[int(0.95 * len(frames))], 1),
    }


if __name__ == "__main__":
    for line in main():
        print(json.dumps(line))
