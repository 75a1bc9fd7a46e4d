/** The engine in its worker, as panels call it. */
import { type Remote, wrap } from "comlink";
// oxlint-disable-next-line import/default -- the bundler makes it
import address from "./engine.ts?worker&url";
import type { Engine } from "./messages.ts";

/**
 * A worker of the page's own making is bound by the page's policy, which lets it reach no other host; one from an address
 * would be bound by what that address is served with.
 */
function startEngine(): Worker {
  const { href } = new URL(address, document.baseURI);
  const text = `import ${JSON.stringify(href)};`;
  const start = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  return new Worker(start, { type: "module" });
}

export const engine: Remote<Engine> = wrap<Engine>(startEngine());
