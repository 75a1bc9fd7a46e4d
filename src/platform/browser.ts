/** Browsers, and every runtime that is neither Node nor Deno: `#platform` there. */
import type { Host } from "./host.ts";

export const host: Host = {};
