// Follow a feed with EventSource, as a browser does: `node follow.mjs ADDRESS COUNT [TICKETS TOKEN]`
// prints the position of each of COUNT events and ends. EventSource reconnects by itself.
//
// With TICKETS, the address that gives tickets, it has no header but a ticket, which opens one
// stream. A new stream needs a new ticket and is told the last id.

import { EventSource } from "eventsource";

const [address, count, tickets, token] = process.argv.slice(2);
let left = Number(count);
let last = "";
// EventSource does not keep Node running while it waits to reconnect.
const running = setInterval(() => {}, 1000);

async function ticket() {
  for (;;) {
    try {
      const answer = await fetch(tickets, {
        method: "POST",
        headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
        body: JSON.stringify({ types: ["entities.*"] }),
      });
      if (answer.status === 201) return (await answer.json()).ticket;
    } catch {
      // The service is not there: try again.
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function open() {
  const to = new URL(address);
  if (tickets) {
    to.searchParams.set("ticket", await ticket());
    to.searchParams.set("lastEventId", last);
  }
  const source = new EventSource(to);
  source.onmessage = (message) => {
    if (left === 0) return;
    const event = JSON.parse(message.data);
    if (String(event.position) !== message.lastEventId) throw new Error("the id is not the position");
    last = message.lastEventId;
    left -= 1;
    console.log(event.position);
    if (left === 0) {
      source.close();
      clearInterval(running);
    }
  };
  source.addEventListener("error", () => {
    if (!tickets || left === 0) return;
    source.close(); // its ticket is used up
    open();
  });
}

open();
