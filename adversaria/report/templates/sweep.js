// What the values of a sweep do to a metric: a heat map of two keys, else a chart for each key.
const sweep = JSON.parse(document.getElementById("sweep").textContent);
const MOST_CELLS = 15; // values of a key in a heat map
const metricOf = (name) => sweep.metrics.find((metric) => metric.name === name);
const valueOf = (setting, name) => setting.values?.[name] ?? null;
const wide = (values) => Math.min(...values) > 0 && Math.max(...values) >= 20 * Math.min(...values);
const numbers = (values) => values.length > 1 && values.every((value) => value.trim() !== "" && Number.isFinite(+value));

// From 0 to 1: how strong the colour of a value is; the better, the stronger, or the higher where neither is better.
const strengths = (name) => {
  const found = sweep.settings.map((setting) => valueOf(setting, name)).filter((value) => value !== null);
  const place = found.length && wide(found) ? Math.log : (value) => value;
  const [low, high] = [Math.min(...found), Math.max(...found)].map(place);
  const lower = metricOf(name).better < 0;
  const strength = (value) => {
    const part = high > low ? (place(value) - low) / (high - low) : 0.5;
    return lower ? 1 - part : part;
  };
  return { strength, ends: lower ? [Math.max(...found), Math.min(...found)] : [Math.min(...found), Math.max(...found)] };
};
const tint = (node, strength) => {
  node.dataset.strength = strength.toFixed(3);
  node.style.setProperty("--strength", strength);
};
const told = (setting) => {
  const values = sweep.metrics.flatMap(({ name }) => {
    const value = valueOf(setting, name);
    return value === null ? [] : [`${name} ${short(value)}`];
  });
  return [setting.name, setting.status, ...values].join("\n");
};

const heatMap = (name) => {
  const [across, down] = sweep.keys;
  const { strength, ends } = strengths(name);
  const { better } = metricOf(name);
  const known = sweep.settings.map((setting) => valueOf(setting, name)).filter((value) => value !== null);
  const best = better ? Math[better > 0 ? "max" : "min"](...known) : null;
  const head = (text) => element("th", { scope: "col" }, text);
  const rows = down.values.map((y) => {
    const row = element("tr", {}, element("th", { scope: "row" }, y));
    for (const x of across.values) {
      const setting = sweep.settings.find(({ at }) => at[0] === x && at[1] === y);
      const cell = row.appendChild(element("td"));
      if (!setting) continue;
      cell.title = told(setting);
      const value = valueOf(setting, name);
      const text = value === null ? setting.status : short(value);
      cell.append(setting.link ? element("a", { href: setting.link }, text) : text);
      if (value === null) cell.className = "open";
      else tint(cell, strength(value));
      if (value !== null && value === best && known.length > 1) cell.className = "best";
    }
    return row;
  });
  const top = element("tr", {}, element("th", {}, ""), element("th", { colSpan: across.values.length }, across.name));
  const columns = element("tr", {}, element("th", {}, down.name), ...across.values.map(head));
  const table = element("table", { className: "heat" }, element("thead", {}, top, columns), element("tbody", {}, ...rows));
  const words = better ? ["worst", "best"] : ["lowest", "highest"];
  const scale = element("p", { className: "scale" }, `${name}: ${words[0]} ${short(ends[0])}`, element("i"), `${words[1]} ${short(ends[1])}`);
  return element("div", {}, element("div", { className: "scroll" }, table), ...(known.length ? [scale] : []));
};

// Points as a chart: numbers along an axis as they are, or as their logarithms where they span much; texts in order.
const axis = (values, texts, from, to) => {
  if (texts) {
    const step = (to - from) / texts.length;
    return { at: (text) => from + step * (texts.indexOf(text) + 0.5), ticks: texts };
  }
  const logarithmic = wide(values);
  const place = logarithmic ? Math.log10 : (value) => value;
  let [low, high] = [Math.min(...values), Math.max(...values)].map(place);
  const margin = (high - low) * 0.06 || Math.abs(high) / 10 || 1;
  [low, high] = [low - margin, high + margin];
  const at = (value) => from + ((place(value) - low) / (high - low)) * (to - from);
  if (Math.min(...values) === Math.max(...values)) return { at, ticks: [values[0]] };
  let marks = logarithmic
    ? Array.from({ length: Math.floor(high) - Math.floor(low) + 1 }, (_, i) => Math.floor(low) + i)
        .flatMap((power) => [1, 2, 5].map((factor) => factor * 10 ** power))
        .filter((value) => place(value) >= low && place(value) <= high)
    : ticks(low, high, 5);
  if (marks.length > 6) marks = marks.filter((value) => String(value.toExponential()).startsWith("1e"));
  return { at, ticks: marks };
};
const points = ({ x, y, join, colours, legend }, settings) => {
  const [width, height, left, right, top, bottom] = [560, 330, 78, 540, 14, 276];
  const across = axis(settings.map(x.of), x.texts, left, right);
  const up = axis(settings.map(y.of), null, bottom, top);
  const mark = (value) => (typeof value === "string" ? value : short(value)).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const text = (kind, at, place, content, more = "") => `<text class="${kind}" x="${at}" y="${place}" ${more}>${mark(content)}</text>`;
  const heights = labels(up.ticks);
  const parts = up.ticks.flatMap((value, i) => [
    `<line x1="${left}" x2="${right}" y1="${up.at(value)}" y2="${up.at(value)}"/>`,
    text("", left - 8, up.at(value) + 4, heights[i], 'text-anchor="end"'),
  ]);
  const places = x.texts ?? labels(across.ticks);
  across.ticks.forEach((value, i) => parts.push(text("", across.at(value), bottom + 20, places[i], 'text-anchor="middle"')));
  parts.push(text("axis", (left + right) / 2, height - 10, x.name, 'text-anchor="middle"'));
  parts.push(text("axis", 0, 0, y.name, `text-anchor="middle" transform="translate(14 ${(top + bottom) / 2}) rotate(-90)"`));
  const placed = settings.map((setting) => [across.at(x.of(setting)), up.at(y.of(setting)), setting]);
  if (join) parts.push(`<path d="M${placed.map(([a, b]) => `${a} ${b}`).join("L")}"/>`);
  for (const [a, b, setting] of placed) {
    parts.push(`<circle cx="${a}" cy="${b}" r="6" style="fill: ${colours(setting)}"><title>${mark(told(setting))}</title></circle>`);
  }
  const svg = `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${mark(`${y.name} over ${x.name}`)}">${parts.join("")}</svg>`;
  const box = element("div", { className: "points" });
  box.innerHTML = svg;
  if (legend) box.append(legend);
  return box;
};
const mixed = (strength) => `color-mix(in oklab, var(--accent) ${(8 + 92 * strength).toFixed(0)}%, var(--card))`;

const effects = (name) => {
  const { strength } = strengths(name);
  const known = sweep.settings.filter((setting) => valueOf(setting, name) !== null);
  const charts = sweep.keys.map((key, at) => {
    const texts = numbers(key.values) ? null : key.values;
    const of = (setting) => (texts ? setting.at[at] : +setting.at[at]);
    const ordered = [...known].sort((a, b) => key.values.indexOf(a.at[at]) - key.values.indexOf(b.at[at]));
    const y = { name, of: (setting) => valueOf(setting, name) };
    const colours = (setting) => mixed(strength(valueOf(setting, name)));
    return points({ x: { name: key.name, of, texts }, y, join: sweep.keys.length === 1, colours }, ordered);
  });
  return element("div", { className: "effects" }, ...(known.length ? charts : [element("p", {}, "no job has it yet")]));
};

// The chosen metric: its chart, and the colours of its column in the table.
const kept = (id, choice) => {
  try {
    if (choice !== undefined) sessionStorage.setItem(`${document.title} ${id}`, choice);
    return sessionStorage.getItem(`${document.title} ${id}`);
  } catch {
    return null; // the browser keeps nothing for this page
  }
};
const select = (id, initial, apply) => {
  const node = document.getElementById(id);
  const wanted = kept(id) ?? initial;
  if ([...node.options].some(({ value }) => value === wanted)) node.value = wanted;
  node.addEventListener("change", () => {
    kept(id, node.value);
    apply();
  });
  return node;
};
if (document.getElementById("effect")) {
  const show = () => {
    const few = sweep.keys.length === 2 && sweep.keys.every(({ values }) => values.length <= MOST_CELLS);
    document.getElementById("effect").replaceChildren((few ? heatMap : effects)(metric.value));
    const { strength } = strengths(metric.value);
    const column = all("#settings thead th").findIndex(({ dataset }) => dataset.name === metric.value);
    for (const row of document.getElementById("settings").tBodies[0].rows) {
      all("[data-strength]", row).forEach((cell) => delete cell.dataset.strength);
      const cell = row.cells[column];
      if (cell?.dataset.value && Number.isFinite(+cell.dataset.value)) tint(cell, strength(+cell.dataset.value));
    }
  };
  const metric = select("metric", sweep.metrics[0].name, () => show());
  show();
}
if (document.getElementById("against")) {
  const names = sweep.metrics.map(({ name }) => name);
  const first = (...wanted) => wanted.find((name) => names.includes(name));
  const show = () => {
    const at = sweep.keys.findIndex(({ name }) => name === by.value);
    const { values } = sweep.keys[at];
    const colour = (value) => mixed(values.length > 1 ? values.indexOf(value) / (values.length - 1) : 1);
    const known = sweep.settings.filter((s) => valueOf(s, x.value) !== null && valueOf(s, y.value) !== null);
    const axisOf = ({ value }) => ({ name: value, of: (setting) => valueOf(setting, value) });
    const named = values.length > 12 ? [values[0], values.at(-1)] : values;
    const legend = element("ul", {}, ...named.map((value) => {
      const item = element("li", {}, `${by.value} = ${value}`);
      item.style.setProperty("--colour", colour(value));
      return item;
    }));
    const chart = points({ x: axisOf(x), y: axisOf(y), colours: (s) => colour(s.at[at]), legend }, known);
    document.getElementById("against").replaceChildren(known.length ? chart : element("p", {}, "no job has both yet"));
  };
  const x = select("x", first("kld", "kld_nats") ?? names[0], () => show());
  const y = select("y", first("mse", "mse_pm1", "mse_01") ?? names[1], () => show());
  const by = select("by", sweep.keys[0].name, () => show());
  show();
}
