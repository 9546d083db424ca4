"use strict";
// Asks the server what is new. What is being trained is replaced in place; the report stands in a frame, and a newer one is
// loaded beside it and takes its place when it is whole, with everything as the reader left it: place on the page, open
// sections, fields, order of tables.
(() => {
  const live = document.getElementById("live");
  const note = document.getElementById("note");
  const room = document.getElementById("report");
  let current = room === null ? null : room.querySelector("iframe");
  let shown = room === null ? null : room.dataset.version;
  let told = "";
  let coming = false;
  let pressed = false;

  const say = (text) => {
    if (note.textContent !== text) note.textContent = text;
  };

  // Nodes of two documents that are the same to a reader: by what names them, and by their order among namesakes.
  const named = (doc, selector, name) => {
    const found = new Map();
    for (const node of doc.querySelectorAll(selector)) {
      const of = `${node.tagName} ${name(node)}`;
      for (let i = 0; ; i++) {
        if (found.has(`${of} ${i}`)) continue;
        found.set(`${of} ${i}`, node);
        break;
      }
    }
    return found;
  };
  const pairs = (from, to, selector, name) => {
    const fresh = named(to, selector, name);
    const all = [...named(from, selector, name)].map(([key, node]) => [node, fresh.get(key)]);
    return all.filter((pair) => pair[1] !== undefined);
  };
  const words = (node) => node.textContent.trim().slice(0, 120);
  const section = (node) => node.id || words(node.querySelector("summary") ?? node);
  const field = (node) => node.id || node.name || Object.values(node.dataset).join() || node.type;
  const heading = (node) => words(node.closest("table")?.caption ?? node).slice(0, 60) + words(node);

  const carryField = (old, now) => {
    if (old.tagName === "SELECT") {
      const chosen = [...old.selectedOptions].map((option) => option.text);
      for (const option of now.options) option.selected = chosen.includes(option.text);
    } else if (old.type === "checkbox" || old.type === "radio") {
      if (now.checked === old.checked) return;
      now.checked = old.checked;
    } else if (old.type === "range" && old.value === old.max) {
      return; // What follows the newest goes on following it.
    } else {
      if (now.value === old.value) return;
      now.value = old.value;
    }
    now.dispatchEvent(new Event("input", { bubbles: true }));
    now.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const carryOrder = (old, now) => {
    const wanted = old.getAttribute("aria-sort");
    if (wanted === "none") return;
    const press = now.querySelector("button") ?? now;
    for (let i = 0; i < 3 && now.getAttribute("aria-sort") !== wanted; i++) press.click();
  };
  const carryFocus = (from, to) => {
    const old = from.activeElement;
    if (document.activeElement !== current || old === null || old === from.body) return;
    const selector = old.tagName.toLowerCase();
    const name = old.matches("input, select, textarea") ? field : words;
    const pair = pairs(from, to, selector, name).find((both) => both[0] === old);
    if (pair === undefined) return;
    pair[1].focus({ preventScroll: true });
    if (old.selectionStart !== undefined && old.selectionStart !== null) {
      pair[1].setSelectionRange(old.selectionStart, old.selectionEnd);
    }
  };
  // The heading or caption at the top of what is seen stays where it is, whatever has grown above it.
  const carryPlace = (from, to, old, now) => {
    const above = pairs(from, to, "h1, h2, h3, caption, figcaption, summary", words);
    const top = (node) => node.getBoundingClientRect().top;
    const inSight = above.filter((pair) => pair[0].checkVisibility() && pair[1].checkVisibility());
    const mark = inSight.findLast((pair) => top(pair[0]) <= 1);
    const y = mark === undefined ? old.scrollY : now.scrollY + top(mark[1]) - top(mark[0]);
    now.scrollTo({ left: old.scrollX, top: y, behavior: "instant" });
  };
  const carry = (old, now) => {
    const [from, to] = [old.document, now.document];
    for (const both of pairs(from, to, "[aria-sort]", heading)) carryOrder(...both);
    for (const both of pairs(from, to, "input, select, textarea", field)) carryField(...both);
    for (const both of pairs(from, to, "details", section)) both[1].open = both[0].open;
    for (const both of pairs(from, to, ".scroll", () => "")) both[1].scrollLeft = both[0].scrollLeft;
    carryPlace(from, to, old, now);
  };

  // Someone who selects, drags or looks at a picture at full size is not disturbed.
  const busy = () => {
    const doc = current.contentDocument;
    if (doc === null) return false;
    const selection = doc.getSelection();
    const selects = selection !== null && !selection.isCollapsed;
    return pressed || selects || doc.fullscreenElement !== null || doc.querySelector("dialog[open]") !== null;
  };
  const listen = () => {
    pressed = false;
    const held = (is) => () => {
      pressed = is;
    };
    current.contentWindow.addEventListener("pointerdown", held(true));
    for (const kind of ["pointerup", "pointercancel", "blur"]) current.contentWindow.addEventListener(kind, held(false));
  };
  const swap = (fresh, version) => {
    coming = false;
    const whole = fresh.contentDocument !== null && fresh.contentDocument.querySelector("main") !== null;
    if (!whole || fresh.contentDocument.documentElement.hasAttribute("data-message") || busy()) {
      fresh.remove();
      return;
    }
    const before = current;
    carry(before.contentWindow, fresh.contentWindow);
    fresh.classList.remove("coming");
    fresh.removeAttribute("aria-hidden");
    carryFocus(before.contentDocument, fresh.contentDocument);
    current = fresh;
    shown = version;
    before.remove();
    listen();
    room.dataset.version = version;
  };
  const renew = (version) => {
    if (coming || current.contentDocument?.readyState !== "complete" || busy()) return;
    coming = true;
    const fresh = document.createElement("iframe");
    fresh.title = current.title;
    fresh.className = "coming";
    fresh.setAttribute("aria-hidden", "true");
    fresh.src = room.dataset.page + current.contentWindow.location.hash;
    fresh.addEventListener("load", () => swap(fresh, version), { once: true });
    room.append(fresh);
  };

  const learn = (news) => {
    if (told !== news.html) {
      live.innerHTML = news.html;
      told = news.html;
    }
    say(news.trouble ? `The report is not up to date: ${news.trouble}` : "");
    if (room === null) return;
    document.title = news.title;
    if (news.version !== null && news.version !== shown) renew(news.version);
  };
  const ask = async () => {
    let pause = 5000;
    try {
      const answer = await fetch(live.dataset.source, { cache: "no-store" });
      const known = { 401: "The token is no longer accepted: open the address that mae-exp serve printed.", 404: "This sweep is no longer there." };
      if (answer.ok) {
        const news = await answer.json();
        learn(news);
        pause = document.hidden || news.over ? 5000 : 1000;
      } else {
        say(known[answer.status] ?? "The store cannot be read at the moment; this is what was seen last.");
      }
    } catch {
      say("mae-exp serve does not answer; this is what was seen last.");
    }
    setTimeout(ask, pause);
  };
  if (current !== null) {
    if (current.contentDocument?.readyState === "complete") listen();
    current.addEventListener("load", listen, { once: true });
  }
  setTimeout(ask, 1000);
})();
