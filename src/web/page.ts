/** The page: its panels, which show what there is and take what the person who looks at it does. The work is the engine's. */
import { startChoose } from "./panels/choose.ts";
import { startHow } from "./panels/how.ts";
import { startImages } from "./panels/images.ts";
import { startLearn } from "./panels/learn.ts";
import { openStart, startNetwork } from "./panels/network.ts";
import { startKeep } from "./panels/keep.ts";
import { startLink } from "./panels/link.ts";
import { startPaths } from "./panels/paths.ts";
import { mayReplace, offerUnfinished, startUnfinished } from "./panels/unfinished.ts";
import { startWatch } from "./panels/watch.ts";

for (const start of [
  startNetwork,
  startImages,
  () => startLearn(mayReplace),
  startChoose,
  () => startHow(mayReplace),
  startWatch,
  startPaths,
  startKeep,
  startUnfinished,
])
  start();
void openStart().then(offerUnfinished);
// What opens takes away what was said before: that of a link that is refused is to stay.
startLink();
