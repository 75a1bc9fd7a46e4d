/** The thread that decodes images for image-files.ts. */
import { serve } from "../platform/workers.ts";
import { decodeFiles, type DecodeTask, SizeError } from "./decode-files.ts";
import { Remarks } from "./remarks.ts";

await serve(async (task) => {
  try {
    const remarks = new Remarks();
    const pixels = await decodeFiles(task as DecodeTask, remarks);
    return { answer: { pixels, remarks }, move: [pixels.buffer] };
  } catch (error) {
    return { answer: { error: (error as Error).message, size: error instanceof SizeError } };
  }
});
