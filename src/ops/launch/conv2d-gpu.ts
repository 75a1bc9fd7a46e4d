export {
  conv2dForwardSoftware as conv2dForwardGpu,
  conv2dInputGradSoftware as conv2dInputGradGpu,
  conv2dWeightGradSoftware as conv2dWeightGradGpu,
} from "./conv2d-software.ts";
