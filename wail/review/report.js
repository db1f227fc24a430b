"use strict";
// Without this script everything can still be read; with it, tables sort and clips are filtered.
document.querySelectorAll("table.sortable").forEach((table) => {
  const heads = [...table.tHead.rows[0].cells];
  const key = (row, column) => {
    const cell = row.cells[column];
    const value = cell.dataset.value ?? cell.textContent.trim();
    return value !== "" && !isNaN(value) ? Number(value) : value.toLowerCase();
  };
  heads.forEach((head, column) => {
    if (!head.textContent.trim()) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows].sort((a, b) => {
        const x = key(a, column), y = key(b, column);
        const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
        return down ? -order : order;
      });
      table.tBodies[0].append(...rows);
    });
  });
});

const text = document.getElementById("filter-text");
const why = document.getElementById("filter-why");
const count = document.getElementById("filter-count");
if (text) {
  document.getElementById("filter").hidden = false;
  const apply = () => {
    const words = text.value.toLowerCase();
    let shown = 0, all = 0;
    document.querySelectorAll("[data-clip]").forEach((item) => {
      const reasons = item.dataset.reasons.split(" ");
      const hit = item.dataset.text.toLowerCase().includes(words) && (!why.value || reasons.includes(why.value));
      item.hidden = !hit;
      if (item.tagName === "TR") { all += 1; shown += hit ? 1 : 0; }
    });
    count.textContent = shown === all ? `${all} clips` : `${shown} of ${all} clips`;
  };
  text.addEventListener("input", apply);
  why.addEventListener("change", apply);
  apply();
}

const openTarget = () => {
  const target = location.hash.startsWith("#clip-") && document.getElementById(location.hash.slice(1));
  if (target) { target.open = true; target.scrollIntoView(); }
};
window.addEventListener("hashchange", openTarget);
openTarget();
document.querySelectorAll("[data-all]").forEach((button) => button.addEventListener("click", () => {
  document.querySelectorAll("details.clip").forEach((item) => { item.open = button.dataset.all === "open"; });
}));
