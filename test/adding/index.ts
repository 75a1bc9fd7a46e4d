/** One of everything that can be added, as docs/adding.md shows it. */
import "./dataset.ts";
import "./method.ts";
import "./metric.ts";
import "./network.ts";
import "./optimizer.ts";
import "./scenario.ts";
