"use strict";
// The page of a draw: repeats the draw in the reader's browser, in the reader's language, and counts
// down to the sources of the seed. Content is always inserted as text, never as markup.

{
  const place = document.querySelector("[data-report]");
  const words = place.dataset;
  const verdict = place.querySelector(".verdict");
  const list = place.querySelector(".report");

  function item(mark, text, tone) {
    const element = document.createElement("li");
    element.className = tone;
    element.textContent = `${mark} ${DRAW_WORDS.said(text, document.documentElement.lang)}`;
    return element;
  }

  function tell(tone, text) {
    verdict.className = `verdict ${tone}`;
    verdict.textContent = text;
  }

  async function check(read) {
    list.replaceChildren();
    if (!globalThis.crypto?.subtle) return tell("warn", words.insecure);
    tell("", words.running);
    try {
      const given = (id) => document.getElementById(id).value.trim().split(/\s+/).filter(Boolean);
      const report = await UVDRAW.verify(await read(), given("log-key"), given("witness-key"));
      list.replaceChildren(
        ...report.held.map((text) => item("✓", text, "good")),
        ...report.unchecked.map((text) => item("?", text, "warn")),
        ...report.beyond.map((text) => item("·", text, "")),
        ...(report.differs === null ? [] : [item("✗", report.differs, "bad")]),
      );
      if (report.differs !== null) tell("bad", words.differs);
      else if (report.unchecked.length || !report.held.length) tell("warn", words.partly);
      else tell("good", words.whole);
    } catch (error) {
      tell("warn", words.notLoaded.replace("{error}", error.message));
    }
    place.scrollIntoView({ block: "nearest" });
  }

  for (const button of document.querySelectorAll("[data-check]")) {
    button.addEventListener("click", () => check(async () => {
      const answer = await fetch(button.dataset.check, { headers: { Accept: "application/json" } });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      return answer.text();
    }));
  }
  document.querySelector("[data-check-file]").addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (file) check(() => file.text());
  });

  // The countdown to each source; its value exists only afterwards.
  const clocks = [...document.querySelectorAll("[data-countdown]")];
  const opened = performance.now();
  function count() {
    for (const clock of clocks) {
      // By the ledger's clock: that of a phone may be wrong.
      const now = new Date(clock.dataset.now).getTime() + performance.now() - opened;
      const left = Math.ceil((new Date(clock.dataset.countdown) - now) / 1000);
      const pad = (number) => String(number).padStart(2, "0");
      const parts = { d: Math.floor(left / 86400), h: pad(Math.floor(left / 3600) % 24), m: pad(Math.floor(left / 60) % 60), s: pad(left % 60) };
      clock.textContent = left > 0 ? clock.dataset.text.replace(/\{(\w)\}/g, (whole, name) => parts[name]) : clock.dataset.over;
    }
  }
  if (clocks.length) {
    count();
    setInterval(count, 1000);
  }
}
