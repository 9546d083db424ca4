"use strict";
// What the page does beyond being read: tables that sort and filter, the explorer's controls, pictures at full size.
// Everything it works on is in the page without it. It asks for nothing and keeps nothing.
(() => {
  const make = (tag, attributes, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Tables. A column is sorted by number where all of its cells begin with one, else by text; empty cells and NaN come last.
  const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const numeric = /^-?(Infinity|\d+(\.\d+)?(e-?\d+)?)(?![\w.])/;
  const shown = (cell) => {
    const text = cell === undefined ? "" : (cell.dataset.v ?? cell.textContent).trim();
    return text === "–" || text === "NaN" ? "" : text.replaceAll("−", "-").replace("∞", "Infinity");
  };
  const sorted = (rows, column, sign) => {
    const texts = new Map(rows.map((row) => [row, shown(row.cells[column])]));
    const full = rows.filter((row) => texts.get(row) !== "");
    const numbers = full.every((row) => numeric.test(texts.get(row)));
    const key = (row) => (numbers ? Number.parseFloat(texts.get(row)) : texts.get(row));
    const order = numbers ? (a, b) => (a === b ? 0 : a > b ? 1 : -1) : words.compare;
    const keyed = full.map((row) => [key(row), row]).sort((a, b) => sign * order(a[0], b[0]));
    return [...keyed.map((pair) => pair[1]), ...rows.filter((row) => texts.get(row) === "")];
  };
  const sortable = (table, body, rows) => {
    const heads = all("thead th", table).filter((head) => head.textContent.trim() !== "");
    for (const head of heads) {
      const button = make("button", { type: "button", class: "sort" });
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const next = { none: "ascending", ascending: "descending", descending: "none" }[head.getAttribute("aria-sort")];
        for (const other of heads) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", next);
        const sign = next === "ascending" ? 1 : -1;
        body.append(...(next === "none" ? rows : sorted(rows, head.cellIndex, sign)));
      });
    }
  };
  const filterable = (table, rows) => {
    const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
    const field = make("input", { type: "search", autocomplete: "off", spellcheck: "false" });
    const told = make("output", {});
    field.addEventListener("input", () => {
      const wanted = field.value.toLowerCase().split(/\s+/);
      for (const row of rows) row.hidden = !wanted.every((word) => texts.get(row).includes(word));
      const left = rows.filter((row) => !row.hidden).length;
      told.textContent = left === rows.length ? "" : `${left} of ${rows.length} rows`;
    });
    const label = make("label", {}, "Rows with ", field);
    (table.closest(".scroll") ?? table).before(make("div", { class: "tools" }, label, told));
  };
  for (const table of all("table.sortable")) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    if (rows.length > 1) sortable(table, body, rows);
    if (rows.length > 5) filterable(table, rows);
  }

  // What scrolls sideways is reached by keyboard and has a name. Closed sections are not measured before they are opened.
  const reach = (box) => {
    if (box.closest("details:not([open])") !== null || box.clientWidth >= box.scrollWidth) return;
    const title = box.querySelector("caption b") ?? box.closest("figure")?.querySelector("figcaption b");
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", title?.textContent ?? "table");
  };
  all(".scroll").forEach(reach);
  addEventListener("toggle", (event) => all(".scroll", event.target).forEach(reach), true);

  // The explorer: one picture and one epoch at a time, of the points that are chosen.
  for (const figure of all("figure.explorer")) {
    const form = figure.querySelector("form");
    const epoch = form.elements.namedItem("epoch");
    const keys = all("select[data-key]", form);
    const names = all("option", form.querySelector("datalist")).map((option) => option.value);
    const show = () => {
      const item = form.elements.namedItem("item").value;
      const wanted = keys.map((key) => key.value);
      for (const view of all("[data-item]", figure)) view.hidden = view.dataset.item !== item;
      for (const stage of all("[data-epoch]", figure)) stage.hidden = stage.dataset.epoch !== epoch.value;
      for (const cell of all("[data-at]", figure)) {
        const at = cell.dataset.at.split(" ");
        cell.hidden = !wanted.every((value, i) => value === "" || value === at[i]);
      }
      form.querySelector("output").textContent = names[epoch.value];
      epoch.setAttribute("aria-valuetext", `epoch ${names[epoch.value]}`);
    };
    form.addEventListener("input", show);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
    figure.classList.add("live");
    figure.querySelector("details").open = true;
    show();
  }

  // Pictures at full size. Escape closes, the arrow keys go to the neighbours.
  const large = make("img", { alt: "" });
  const told = make("p", { "aria-live": "polite" });
  const close = make("button", { type: "button" }, "Close");
  const dialog = make("dialog", { class: "zoom", "aria-label": "picture at full size" }, large, told, close);
  let among = [];
  let index = 0;
  const look = (to) => {
    index = (to + among.length) % among.length;
    const picture = among[index].querySelector("img");
    large.src = picture.src;
    large.alt = picture.alt;
    told.textContent = picture.alt;
  };
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step !== undefined) look(index + step);
  });
  dialog.addEventListener("close", () => among[index].focus());
  document.body.append(dialog);
  for (const picture of all("table.gallery img, .explorer img")) {
    const button = make("button", { type: "button", class: "picture" });
    picture.replaceWith(button);
    button.append(picture);
    button.addEventListener("click", () => {
      const inSight = (other) => other.checkVisibility();
      among = all("button.picture", button.closest("figure")).filter(inSight);
      look(among.indexOf(button));
      dialog.showModal();
    });
  }

  // A link to a trial opens its section.
  const open = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const section = target === null ? null : target.closest("details");
    if (section !== null) section.open = true;
    if (section !== null) section.scrollIntoView();
  };
  addEventListener("hashchange", open);
  open();
})();
