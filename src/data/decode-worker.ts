/** The thread that decodes images for image-files.ts. */
import { serve } from "../platform/workers.ts";
import { decodeFiles, type DecodeTask, SizeError } from "./decode-files.ts";

await serve(async (task) => {
  try {
    const pixels = await decodeFiles(task as DecodeTask);
    return { answer: { pixels }, move: [pixels.buffer] };
  } catch (error) {
    return { answer: { error: (error as Error).message, size: error instanceof SizeError } };
  }
});
