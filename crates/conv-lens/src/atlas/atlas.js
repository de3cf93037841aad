"use strict";
const search = document.getElementById("search");
const sections = [...document.querySelectorAll("section")];
search.addEventListener("input", () => {
  const sought = search.value.trim().toLowerCase();
  let found = 0;
  for (const section of sections) {
    const layer = section.querySelector("h2").textContent.toLowerCase();
    let shown = 0;
    for (const figure of section.querySelectorAll("figure")) {
      const fits = layer.includes(sought) || figure.textContent.toLowerCase().includes(sought);
      figure.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    section.hidden = shown === 0;
    found += shown;
  }
  document.getElementById("found").textContent = sought ? found + " units" : "";
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.activeElement === search) {
    if (event.key === "Escape") search.blur();
    return;
  }
  if (event.key === "/") {
    event.preventDefault();
    search.focus();
    return;
  }
  if (event.key !== "j" && event.key !== "k") return;
  const shown = sections.filter((section) => !section.hidden).map((section) => section.querySelector("h2"));
  const above = shown.filter((title) => title.getBoundingClientRect().top < 8);
  const at = event.key === "j"
    ? shown.find((title) => title.getBoundingClientRect().top > 24)
    : above[above.length - 1];
  if (at) {
    at.scrollIntoView();
    at.focus({ preventScroll: true });
  }
});
