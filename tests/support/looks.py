"""What a page looks like in a browser, in measures that do not depend on the fonts of a machine."""

from __future__ import annotations

from typing import Any

PHONE = 360  # pixels

#: What reaches out of the page to the right, where nothing scrolls it.
WIDE = """
const width = document.documentElement.clientWidth;
const scrolled = (node) => node && (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(node).overflowX)
  || scrolled(node.parentElement));
return [...document.body.querySelectorAll("*")]
  .filter((node) => node.getClientRects().length && node.getBoundingClientRect().right > width + 1)
  .filter((node) => !scrolled(node.parentElement)).map((node) => node.outerHTML.slice(0, 120));
"""

#: Texts whose contrast with what is behind them is below 4.5, WCAG's bound for small ones, with that contrast.
FAINT = """
const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
const context = canvas.getContext("2d", { willReadFrequently: true });
const paint = (colours) => {
  context.clearRect(0, 0, 1, 1);
  for (const colour of colours) { context.fillStyle = colour; context.fillRect(0, 0, 1, 1); }
  return [...context.getImageData(0, 0, 1, 1).data];
};
const light = ([...rgb]) => rgb.slice(0, 3).map((part) => part / 255)
  .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
  .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
const behind = (node) => (node ? [...behind(node.parentElement), getComputedStyle(node).backgroundColor] : ["white"]);
const own = (node) => [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
const faint = [];
for (const node of document.body.querySelectorAll("*")) {
  const { visibility, color, fill } = getComputedStyle(node);
  if (!own(node) || !node.getClientRects().length || visibility === "hidden") continue;
  if (node.closest("script, style, [aria-hidden=true], .hidden")) continue;
  const back = behind(node);
  const [a, b] = [paint(back), paint([...back, node instanceof SVGElement ? fill : color])].map(light);
  const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (contrast < 4.5) faint.push(`${contrast.toFixed(1)} ${node.tagName} ${node.textContent.trim().slice(0, 40)}`);
}
return faint;
"""

#: Pictures that are not there.
BROKEN = """
return [...document.images].filter((image) => image.getAttribute("src") && image.checkVisibility())
  .filter((image) => !(image.complete && image.naturalWidth)).map((image) => image.alt);
"""

#: Rows of a table that have other columns than its first one.
UNEVEN = """
const columns = (row) => [...row.cells].reduce((sum, cell) => sum + cell.colSpan, 0);
return [...document.querySelectorAll("tr")].filter((row) => columns(row) !== columns(row.closest("table").rows[0]))
  .map((row) => row.textContent.trim().slice(0, 120));
"""


def show_as(browser: Any, scheme: str, width: int) -> None:
    """Let a browser be light or dark, and as wide as this."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    metrics = {"width": width, "height": 740, "deviceScaleFactor": 1, "mobile": width == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def show_as_usual(browser: Any) -> None:
    """Undo `show_as`."""
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def faults(browser: Any) -> dict[str, list[str]]:
    """Return what is wrong with the page that is open, by kind; nothing if all is well."""
    width = "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    whole, shown = browser.execute_script(width)
    found = {
        "title": [] if browser.title.strip() else ["none"],
        "scrolls sideways": [f"{whole} pixels"] if whole > shown else [],
        "too wide": browser.execute_script(WIDE),
        "faint": browser.execute_script(FAINT),
        "uneven rows": browser.execute_script(UNEVEN),
        "pictures": browser.execute_script(BROKEN),
        "console": [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"],
    }
    return {kind: what for kind, what in found.items() if what}
