"use strict";
/* Follows what happens: takes the parts of the page that are live from a new copy of it. */
(function () {
  const EVERY = 10000;
  const parts = document.querySelectorAll("[data-live]");
  const follow = document.querySelector(".follow");
  if (parts.length === 0 || follow === null) return;
  const said = follow.querySelector("[data-said]");
  const pause = follow.querySelector("button");

  /* Whether somebody works with a part: what they typed, chose or are at is not taken from them. */
  function busy(part) {
    const chosen = document.getSelection();
    return part.contains(document.activeElement) ||
      (chosen !== null && !chosen.isCollapsed && part.contains(chosen.anchorNode)) ||
      Array.from(part.querySelectorAll("input:not([type=hidden])")).some(function (field) {
        return field.type === "checkbox" ? field.checked : field.value !== "";
      });
  }

  function take(copy) {
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = copy.getElementById(part.id);
      if (next !== null && !busy(part) && part.innerHTML !== next.innerHTML) {
        part.replaceChildren(...next.childNodes);
      }
    }
    said.textContent = "Updated at " + new Date().toLocaleTimeString();
  }

  async function look() {
    if (document.hidden || pause.getAttribute("aria-pressed") === "true") return;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" });
      if (!answer.ok) throw new Error(String(answer.status));
      take(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      said.textContent = "Not updated at " + new Date().toLocaleTimeString() + ": no answer";
    }
  }

  pause.addEventListener("click", function () {
    const paused = pause.getAttribute("aria-pressed") === "true";
    pause.setAttribute("aria-pressed", String(!paused));
  });
  follow.hidden = false;
  setInterval(look, EVERY);
})();
