export { gemmSoftware as gemmGpu } from "./gemm-software.ts";
