"use strict";
/* Follows what happens: takes the parts of the page that are live from a new copy of it. */
(function () {
  const EVERY = 10000;
  const parts = document.querySelectorAll("[data-live]");
  const follow = document.querySelector(".follow");
  if (parts.length === 0 || follow === null) return;
  const said = follow.querySelector("[data-said]");
  const hold = follow.querySelector("button");

  function busy(part) {
    const chosen = document.getSelection();
    return part.contains(document.activeElement) ||
      (chosen !== null && !chosen.isCollapsed && part.contains(chosen.anchorNode));
  }

  function take(copy) {
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = copy.getElementById(part.id);
      if (next !== null && !busy(part) && part.innerHTML !== next.innerHTML) {
        part.replaceChildren(...next.childNodes);
      }
    }
    said.textContent = "Followed at " + new Date().toLocaleTimeString() + ".";
  }

  async function look() {
    if (document.hidden || hold.getAttribute("aria-pressed") === "true") return;
    try {
      const answer = await fetch(location.pathname, { headers: { Accept: "text/html" }, redirect: "error" });
      if (!answer.ok) throw new Error(String(answer.status));
      take(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      said.textContent = "It could not be followed at " + new Date().toLocaleTimeString() + ".";
    }
  }

  hold.addEventListener("click", function () {
    const held = hold.getAttribute("aria-pressed") === "true";
    hold.setAttribute("aria-pressed", String(!held));
  });
  follow.hidden = false;
  setInterval(look, EVERY);
})();
