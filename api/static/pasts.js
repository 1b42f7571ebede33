// The past of a subject: two clocks, further pages of a trail, what an event changed, its proof.
// Each of these has a link or a form that does the same without a script.
"use strict";

// The sliders of two clocks. They move freely with the pointer; the arrow keys step from event to
// event. The page is opened anew when a slider rests.

const RESTS = 400;
const RESUMES = "slider";

function stop(slider, place) {
  slider.value = place.at;
  slider.parentElement.querySelector("output").value = place.value.replace("T", " ").slice(0, 16);
}

function opened(slider, ticks) {
  const at = Number(slider.value);
  const address = new URL(location.href);
  // Between two events nothing changed: the last one before is meant. Beyond the last one is now.
  const before = ticks.filter((tick) => tick.at <= at).pop() || ticks[0];
  if (at >= Number(slider.max)) address.searchParams.delete(slider.dataset.slider);
  else address.searchParams.set(slider.dataset.slider, before.value);
  sessionStorage.setItem(RESUMES, slider.id);
  location.assign(address);
}

for (const slider of document.querySelectorAll("[data-slider]")) {
  const ticks = JSON.parse(slider.dataset.ticks);
  let resting;
  const rests = () => {
    clearTimeout(resting);
    resting = setTimeout(() => opened(slider, ticks), RESTS);
  };
  slider.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const at = Number(slider.value);
    const next = by < 0 ? ticks.findLast((tick) => tick.at < at) : ticks.find((tick) => tick.at > at);
    if (next) stop(slider, next);
    else if (by > 0) slider.value = slider.max;
    if (next || by > 0) rests();
  });
  slider.addEventListener("input", () => {
    const at = Number(slider.value);
    const before = ticks.findLast((tick) => tick.at <= at) || ticks[0];
    slider.parentElement.querySelector("output").value = before.value.replace("T", " ").slice(0, 16);
  });
  slider.addEventListener("change", rests);
  if (sessionStorage.getItem(RESUMES) === slider.id) {
    sessionStorage.removeItem(RESUMES);
    slider.focus({ preventScroll: true });
  }
}

// Further pages of a trail are appended when the reader comes to the end.

const parsed = async (address) => {
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) throw new Error(address);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
};

const list = document.querySelector("[data-further]");
const more = document.querySelector("[data-more]");

async function further() {
  const next = more.querySelector("[rel=next]");
  if (!next || list.getAttribute("aria-busy") === "true") return;
  list.setAttribute("aria-busy", "true");
  try {
    const page = await parsed(next.href);
    const others = page.querySelector("[data-further]");
    if (others) list.append(...others.children);
    const following = page.querySelector("[data-more] [rel=next]");
    if (following) next.href = following.href;
    else next.remove();
  } finally {
    list.removeAttribute("aria-busy");
  }
}

if (list && more) {
  const near = new IntersectionObserver(
    async (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      try {
        await further();
      } catch {
        return; // the link is still there
      }
      // Whether the end is still near is only told when it changes.
      near.unobserve(more);
      if (more.querySelector("[rel=next]")) near.observe(more);
    },
    { rootMargin: "800px" },
  );
  near.observe(more);
}

// What an event changed is asked for when it is unfolded.

document.addEventListener(
  "toggle",
  async (event) => {
    const part = event.target.closest?.("[data-part]");
    if (!part?.open || part.dataset.loaded) return;
    part.dataset.loaded = "true";
    const [address, id] = part.dataset.part.split("#");
    try {
      const found = (await parsed(address)).getElementById(id);
      found.querySelector("h2")?.remove();
      part.querySelector("p").replaceWith(...found.children);
    } catch {
      delete part.dataset.loaded;
    }
  },
  true,
);

// The proof of an event is verified here, by proofs.js.

async function verify(section) {
  const said = section.querySelector("[data-said]");
  const { proof, record, keys, position } = section.dataset;
  const fill = (text, name, value) => text.replace(`{${name}}`, value);
  try {
    const proven = await PROOFS.proven(PROOFS.unbase64(record), proof, keys.split(" "));
    if (proven.position !== Number(position)) throw new PROOFS.Differs(`No. ${proven.position}`);
    const text = proven.signers ? section.dataset.good : section.dataset.unsigned;
    said.textContent = fill(text, "size", proven.receipt.size);
    said.classList.add("verified");
  } catch (error) {
    said.textContent = fill(section.dataset.bad, "reason", error.message);
    said.classList.add("broken");
  }
}

const proof = document.querySelector("[data-proof]");
if (proof) verify(proof);
