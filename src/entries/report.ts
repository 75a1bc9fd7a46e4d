/// <reference lib="dom" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * `rewind-webgpu/report`: what became of D_f, as a page for people.
 *
 * @module rewind-webgpu/report
 */
export { reportPage } from "../runs/unlearn-page.ts";
