"use strict";
const all = (query, inside = document) => [...inside.querySelectorAll(query)];
const field = document.getElementById("search"), found = document.getElementById("found"), none = document.getElementById("none");
document.querySelector(".search").hidden = false;

const cards = all("article").map(element => ({
  element,
  entry: document.querySelector(`.index [data-card="${element.id}"]`),
  name: element.dataset.name.toLowerCase(),
  summary: element.dataset.summary.toLowerCase(),
  text: element.textContent.toLowerCase(),
}));

// How well a card fits: its name counts more than its first line, and this more than the rest.
const rate = (card, word) => card.name === word ? 8 : card.name.startsWith(word) ? 6 : card.name.includes(word) ? 4 : card.summary.includes(word) ? 2 : card.text.includes(word) ? 1 : 0;
let best = null;

function search() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0, highest = -1;
  best = null;
  for (const card of cards) {
    const rates = words.map(word => rate(card, word));
    const fits = rates.every(Boolean);
    card.element.classList.toggle("gone", !fits);
    card.entry.classList.toggle("gone", !fits);
    const total = rates.reduce((sum, value) => sum + value, 0);
    if (fits) shown += 1;
    if (fits && total > highest) [highest, best] = [total, card.element];
  }
  for (const part of all(".part")) part.classList.toggle("gone", !part.querySelector("li:not(.gone), article:not(.gone)"));
  none.hidden = shown > 0;
  found.textContent = words.length ? `${shown} of ${cards.length} cards` + (best && shown > 1 ? `, best: ${best.dataset.name}` : "") : "";
}

// `#q=words` in the address is a search; any other anchor is a card, which a search must not hide.
function follow() {
  const anchor = location.hash.slice(1);
  if (anchor.startsWith("q=")) {
    try { field.value = decodeURIComponent(anchor.slice(2).replaceAll("+", " ")); } catch { field.value = anchor.slice(2); }
    search();
    return;
  }
  const target = anchor ? document.getElementById(anchor) : null;
  if (target?.closest(".gone")) {
    field.value = "";
    search();
    target.scrollIntoView();
  }
}

field.addEventListener("input", () => {
  history.replaceState(null, "", field.value.trim() ? `#q=${encodeURIComponent(field.value.trim())}` : "#");
  search();
});
field.addEventListener("keydown", event => {
  if (event.key !== "Enter" || !best || !field.value.trim()) return;
  event.preventDefault();
  location.hash = best.id;
  best.focus();
});
addEventListener("keydown", event => {
  const typing = event.target.closest?.("input");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    field.focus();
    field.select();
  } else if (event.key === "Escape" && field.value) {
    field.value = "";
    field.dispatchEvent(new Event("input"));
  }
});

// A fold cannot be opened on paper.
let closed = [];
addEventListener("beforeprint", () => { closed = all("details:not([open])"); for (const fold of closed) fold.open = true; });
addEventListener("afterprint", () => { for (const fold of closed) fold.open = false; });
addEventListener("hashchange", follow);
follow();
