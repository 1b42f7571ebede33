"use strict";
// The live tail of the audit search. What is recorded after the page was opened waits until the
// reader takes it in; a pause only stops the asking. Every question begins after the last position
// that was answered, so that nothing is lost, however long the pause was.

{
  const SECONDS = 3;
  const tail = document.querySelector("[data-tail]");
  const table = document.querySelector("[data-hits]");

  if (tail && table && !tail.hidden) {
    const body = table.tBodies[0];
    const pause = tail.querySelector("[data-pause]");
    const state = tail.querySelector("[data-state]");
    const show = tail.querySelector("[data-show]");
    const words = { pause: pause.textContent, paused: pause.dataset.paused };
    let last = Number(tail.dataset.tail);
    let waiting = [];
    let paused = false;

    const ask = async (headers) => {
      const answer = await fetch(location.pathname + location.search, {
        headers: { "X-Refresh-Of": document.body.dataset.stamp, ...headers },
      });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      return [[...page.querySelectorAll("tr[data-position]")], page.querySelector("table").dataset.following];
    };

    // The newest come first, page after page, back to the last position that is known. Only then
    // does that position move: a question that fails in between is asked again from the beginning.
    const look = async () => {
      const found = [];
      let before = "";
      do {
        const [rows, following] = await ask({ "X-After": String(last), ...(before && { "X-Before": before }) });
        found.push(...rows);
        before = following;
      } while (before);
      waiting = [...found, ...waiting];
      last = Math.max(last, ...found.map((row) => Number(row.dataset.position)));
    };

    const tell = () => {
      show.hidden = !waiting.length;
      show.textContent = tail.dataset.new.replace("{n}", waiting.length);
      pause.textContent = paused ? words.paused : words.pause;
      pause.setAttribute("aria-pressed", String(paused));
      state.textContent = paused ? state.dataset.pausedText : state.dataset.liveText;
      tail.classList.toggle("paused", paused);
    };

    let timer = 0;
    let asking = false;
    const step = async () => {
      if (asking) return;
      asking = true;
      try {
        if (!document.hidden) await look();
        tell();
      } catch {
        state.textContent = tail.dataset.failed;
      }
      asking = false;
      if (!paused) timer = setTimeout(step, SECONDS * 1000);
    };

    // A question that runs when the reader pauses still ends.
    pause.addEventListener("click", () => {
      paused = !paused;
      clearTimeout(timer);
      tell();
      if (!paused) step();
    });
    show.addEventListener("click", () => {
      for (const row of waiting) row.classList.add("new");
      body.prepend(...waiting);
      waiting = [];
      table.hidden = false;
      document.querySelector("[data-none]")?.remove();
      tell();
      body.querySelector("a")?.focus();
    });
    timer = setTimeout(step, SECONDS * 1000);
  }
}
