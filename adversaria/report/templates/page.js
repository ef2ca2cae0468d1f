"use strict";
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const element = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

// Light and dark: as the system has it, until the button says otherwise.
document.getElementById("theme").addEventListener("click", () => {
  const { style } = document.documentElement;
  const dark = style.colorScheme ? style.colorScheme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  style.colorScheme = dark ? "light" : "dark";
});

// Paper has nothing to open: details are printed open, and are as they were afterwards.
addEventListener("beforeprint", () => {
  for (const closed of all("details:not([open])")) {
    closed.open = true;
    addEventListener("afterprint", () => (closed.open = false), { once: true });
  }
});

// On a phone each cell of a wide table has its heading beside it.
for (const table of all("table.cards")) {
  const headings = all("thead th", table).map((heading) => heading.textContent.trim());
  for (const row of table.tBodies[0].rows) {
    [...row.cells].forEach((cell, at) => {
      if (headings[at] && cell.textContent.trim()) cell.dataset.heading = headings[at];
    });
  }
}

// Tables sort by the column whose header is clicked, numbers as numbers, empty cells last.
const key = (cell) => {
  const text = cell.dataset.value ?? cell.textContent.trim();
  const number = parseFloat(text.replaceAll(",", ""));
  return text === "" ? null : cell.classList.contains("number") || /^\d*\.\d/.test(text) ? number : text;
};
for (const header of all("table.sortable thead th:not([data-fixed])")) {
  const button = element("button", { type: "button" }, ...header.childNodes);
  header.append(button);
  button.addEventListener("click", () => {
    const direction = header.ariaSort === "ascending" ? -1 : 1;
    all("th", header.parentNode).forEach((other) => (other.ariaSort = null));
    header.ariaSort = direction === 1 ? "ascending" : "descending";
    const body = header.closest("table").tBodies[0];
    const rows = [...body.rows].map((row) => [key(row.cells[header.cellIndex]), row]);
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return direction * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(b));
    });
    body.append(...rows.map(([, row]) => row));
  });
}

// The index shows the rows that have every word and the chosen method and data.
const filter = document.getElementById("filter");
if (filter) {
  const selects = all("select[data-column]");
  const apply = () => {
    const words = filter.value.toLowerCase().split(/\s+/);
    let shown = 0;
    for (const row of all(".index tbody tr")) {
      const text = row.textContent.toLowerCase();
      const chosen = selects.every(({ value, dataset }) => !value || row.dataset[dataset.column] === value);
      row.hidden = !chosen || !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    document.getElementById("count").textContent = `${shown} runs`;
  };
  [filter, ...selects].forEach((control) => control.addEventListener("input", apply));
  filter.form.addEventListener("submit", (event) => event.preventDefault());
}

// Pictures open in a dialog: arrow keys go on, Escape or a click closes.
const lightbox = document.getElementById("lightbox");
const zooms = all(".zoom");
let current = 0;
const whole = (image, width, height = Infinity) =>
  Math.max(1, Math.floor(Math.min(width / image.naturalWidth, height / image.naturalHeight)));
const show = (index) => {
  current = (index + zooms.length) % zooms.length;
  const small = zooms[current].firstElementChild;
  const large = lightbox.querySelector("img");
  Object.assign(large, { src: small.src, alt: small.alt });
  const scale = whole(small, 0.96 * innerWidth, 0.84 * innerHeight);
  const fit = `${(88 * small.naturalWidth) / small.naturalHeight}vh`;
  large.className = small.className;
  large.style.setProperty("--fit", small.classList.contains("pixels") ? `${scale * small.naturalWidth}px` : fit);
  lightbox.querySelector("figcaption").textContent = small.alt;
};
zooms.forEach((zoom, index) =>
  zoom.addEventListener("click", () => {
    show(index);
    lightbox.showModal();
  }),
);
lightbox.addEventListener("click", () => lightbox.close());
lightbox.addEventListener("keydown", ({ key }) => {
  if (key === "ArrowRight" || key === "ArrowLeft") show(current + (key === "ArrowRight" ? 1 : -1));
});

// Grids of images are enlarged by whole numbers alone, so that each pixel has the same size.
const enlarge = () => {
  for (const image of all("main img.pixels").filter(({ complete }) => complete)) {
    const room = image.closest("figure").clientWidth;
    image.style.width = `${image.naturalWidth * whole(image, room)}px`;
    image.classList.toggle("reduced", image.naturalWidth > room);
  }
};
addEventListener("load", enlarge);
addEventListener("resize", enlarge);

// Learning curves. Each has a colour and a pattern of its own.
const MARGIN = { top: 8, right: 12, bottom: 42, left: 52 };
const HEIGHT = 266;
const COLOURS = 7;
const PATTERNS = ["none", "8 5", "0.1 4.5", "10 5 0.1 5"];
const short = (value, more = 0) => {
  const size = Math.abs(value);
  return size > 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(1 + more) : String(+value.toPrecision(4 + more));
};
// The texts of an axis's ticks: each with the digits that tell it from the next one, and as many as that needs.
const labels = (values) => {
  const gap = Math.min(...values.slice(1).map((value, i) => Math.abs(value - values[i])));
  const told = (more) => values.map((value) => short(value, more));
  for (let more = 0; more < 10; more += 1) {
    if (told(more).every((text, i) => Math.abs(text - values[i]) <= gap / 100)) return told(more);
  }
  return told(10);
};
const ticks = (low, high, count, least = 0) => {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(least, power * [1, 2, 5, 10].find((factor) => factor * power >= rough));
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
};
const nearest = (sorted, value) => {
  let best = 0;
  sorted.forEach((x, i) => (best = Math.abs(x - value) < Math.abs(sorted[best] - value) ? i : best));
  return best;
};

// A few huge first values must not flatten the rest: the later ones, all in view, set the scale.
const heights = (series, [from, to]) => {
  const range = (skipped) => {
    const values = series.flatMap(({ x, raw, y }) =>
      x.flatMap((at, i) => (at >= from && at <= to && i >= x.length * skipped ? [raw[i], y[i]] : [])),
    );
    return [Math.min(...values), Math.max(...values)];
  };
  const whole = range(0);
  let [low, high] = range(0.05);
  if (!Number.isFinite(low)) [low, high] = whole;
  const room = 3 * (high - low);
  [low, high] = room ? [Math.max(whole[0], low - room), Math.min(whole[1], high + room)] : whole;
  const margin = (high - low) * 0.04 || Math.abs(high) / 2 || 1;
  return Number.isFinite(low) ? [low - margin, high + margin] : [0, 1];
};

for (const chart of all(".chart")) {
  const series = JSON.parse(chart.querySelector("script").textContent);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("role", "img");
  svg.setAttribute("tabindex", 0);
  const ends = series.map((s) => `${s.name} ends at ${short(s.y.at(-1))}`);
  svg.setAttribute("aria-label", `${chart.ariaLabel}: ${ends.join(", ")}`);
  const legend = element("div", { className: "legend" });
  chart.append(svg, legend);
  const whole = [Math.min(...series.map((s) => s.x[0])), Math.max(...series.map((s) => s.x.at(-1)))];
  if (whole[0] === whole[1]) whole[1] += 1;
  let range = whole;
  let cursor = null;
  let drag = null;
  let width = 0;
  let toX, fromX;

  const colour = (s, i) => `var(--c${(s.colour ?? i) % COLOURS})`;
  const pattern = (s, i) => PATTERNS[(s.colour ?? i) % PATTERNS.length];
  const draw = () => {
    const [left, right, top, bottom] = [MARGIN.left, width - MARGIN.right, MARGIN.top, HEIGHT - MARGIN.bottom];
    const [low, high] = heights(series.filter((s) => !s.hidden), range);
    toX = (x) => left + ((x - range[0]) / (range[1] - range[0])) * (right - left);
    fromX = (pixel) => range[0] + ((pixel - left) / (right - left)) * (range[1] - range[0]);
    const toY = (y) => bottom - ((y - low) / (high - low)) * (bottom - top);
    const text = (x, y, anchor, content) => `<text x="${x}" y="${y}" text-anchor="${anchor}">${content}</text>`;
    const rule = (kind, x1, x2, y1, y2) => `<line class="${kind}" x1="${x1}" x2="${x2}" y1="${y1}" y2="${y2}"/>`;
    const parts = [];
    const heightTicks = ticks(low, high, 5);
    labels(heightTicks).forEach((label, i) => {
      const y = toY(heightTicks[i]);
      parts.push(rule("grid", left, right, y, y), text(left - 8, y + 4, "end", label));
    });
    for (const x of ticks(...range, Math.max(4, width / 90), 1)) {
      parts.push(text(Math.min(toX(x), width - 20), HEIGHT - 22, "middle", x.toLocaleString("en")));
    }
    parts.push(text((left + right) / 2, HEIGHT - 5, "middle", "iteration (batches)"));
    const box = [left, top, right - left, bottom - top]; // what lies outside is clipped
    parts.push(`<svg x="${left}" y="${top}" width="${box[2]}" height="${box[3]}" viewBox="${box.join(" ")}">`);
    series.forEach((s, i) => {
      if (s.hidden) return;
      for (const [kind, values] of [["raw", s.raw], ["strong", s.y]]) {
        const points = values.map((y, j) => `${toX(s.x[j]).toFixed(1)} ${toY(y).toFixed(1)}`);
        const end = points.length < 2 ? "h.01" : ""; // a dot
        const dashes = kind === "strong" ? pattern(s, i) : "none";
        const look = `stroke="${colour(s, i)}" stroke-dasharray="${dashes}"`;
        parts.push(`<path class="${kind}" ${look} d="M${points.join("L")}${end}"/>`);
      }
    });
    parts.push("</svg>");
    if (cursor !== null) {
      const at = Math.round(cursor).toLocaleString("en");
      parts.push(rule("cursor", toX(cursor), toX(cursor), top, bottom));
      parts.push(text(Math.min(toX(cursor) + 5, width - 60), top + 10, "start", at));
    }
    if (drag) {
      const [from, to] = drag.toSorted((a, b) => a - b);
      parts.push(`<rect class="drag" x="${from}" width="${to - from}" y="${top}" height="${bottom - top}"/>`);
    }
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    svg.innerHTML = parts.join("");
    all("output", legend).forEach((output, i) => {
      const { x, y } = series[i];
      output.textContent = short(cursor === null ? y.at(-1) : y[nearest(x, cursor)]);
    });
  };
  series.forEach((s, i) => {
    const button = element("button", { type: "button", ariaPressed: "true" }, s.name, element("output"));
    const line = `<path stroke="${colour(s, i)}" stroke-dasharray="${pattern(s, i)}" d="M2 2H38"/>`;
    button.insertAdjacentHTML("afterbegin", `<svg viewBox="0 0 40 4" aria-hidden="true">${line}</svg>`);
    button.addEventListener("click", () => {
      s.hidden = !s.hidden;
      button.ariaPressed = String(!s.hidden);
      draw();
    });
    legend.append(button);
  });

  const at = (event) => Math.min(Math.max(event.offsetX, MARGIN.left), width - MARGIN.right);
  svg.addEventListener("pointerdown", (event) => {
    drag = [at(event), at(event)];
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    cursor = fromX(at(event));
    if (drag) drag[1] = at(event);
    draw();
  });
  svg.addEventListener("pointerup", () => {
    if (drag && Math.abs(drag[1] - drag[0]) > 8) range = drag.sort((a, b) => a - b).map(fromX);
    drag = null;
    draw();
  });
  for (const end of ["pointerleave", "pointercancel", "blur"]) {
    svg.addEventListener(end, () => {
      cursor = drag = null;
      draw();
    });
  }
  svg.addEventListener("dblclick", () => {
    range = whole;
    draw();
  });
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const span = range[1] - range[0];
    const middle = cursor ?? range[1];
    if (step) cursor = Math.min(Math.max(middle + (step * span) / 50, range[0]), range[1]);
    else if (event.key === "+") range = [Math.max(middle - span / 4, range[0]), Math.min(middle + span / 4, range[1])];
    else if (event.key === "Escape" || event.key === "-") range = whole;
    else return;
    event.preventDefault();
    draw();
  });
  const fit = () => {
    if (svg.clientWidth && svg.clientWidth !== width) {
      width = svg.clientWidth;
      draw();
    }
  };
  new ResizeObserver(fit).observe(chart);
  addEventListener("beforeprint", fit); // those in details that were opened for it have no width yet
}
