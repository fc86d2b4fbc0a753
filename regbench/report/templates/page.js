"use strict";
const all = (query, inside = document) => [...inside.querySelectorAll(query)];
for (const element of all("[hidden]")) element.hidden = false;

// Sort the leaderboard by a column; once more turns it round.
const number = text => text !== "" && !isNaN(text);
function compare(a, b) {
  if (a === b) return 0;
  if (a === "" || b === "") return a === "" ? 1 : -1;
  return number(a) && number(b) ? a - b : a.localeCompare(b);
}
for (const table of all("table.sortable")) {
  all("thead th", table).forEach((head, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending" && place > 0 || head.getAttribute("aria-sort") === "ascending";
      for (const other of all("thead th", table)) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = row => row.cells[place].dataset.v ?? "";
      const rows = all("tbody tr", table).sort((a, b) => {
        const order = compare(value(a), value(b));
        return value(a) === "" || value(b) === "" || !down ? order : -order;
      });
      table.tBodies[0].append(...rows);
    });
  });
}

// An arm under the pointer or in focus stands out in every figure.
function pick(event) {
  const arm = event.type.endsWith("out") ? null : event.target.closest?.("[data-arm]");
  for (const other of all(".hot")) other.classList.remove("hot");
  document.body.classList.toggle("picking", Boolean(arm));
  if (arm) for (const other of all(`[data-arm="${arm.dataset.arm}"]`)) other.classList.add("hot");
}
for (const kind of ["mouseover", "mouseout", "focusin", "focusout"]) document.addEventListener(kind, pick);

// Show only arms whose row holds some text.
document.getElementById("filter")?.addEventListener("input", event => {
  const wanted = event.target.value.trim().toLowerCase();
  const kept = new Set(all(".board tr[data-arm]").filter(row => row.textContent.toLowerCase().includes(wanted)).map(row => row.dataset.arm));
  if (wanted) for (const family of all("details.family")) family.open = true;
  for (const element of all("[data-arm]")) element.classList.toggle("gone", !kept.has(element.dataset.arm));
});

// Unfold what a link leads to, and copy what a button stands beside.
const unfold = () => { const found = location.hash && document.getElementById(location.hash.slice(1)); if (found?.tagName === "DETAILS") found.open = true; };
addEventListener("hashchange", unfold);
unfold();
for (const button of all("button[data-copy]")) button.addEventListener("click", async () => {
  const text = document.getElementById(button.dataset.copy);
  getSelection().selectAllChildren(text);
  try { await navigator.clipboard.writeText(text.textContent); } catch { document.execCommand("copy"); }
  button.textContent = "copied";
});
