/** Networks of which others have published checkpoints, by name: one line each. */
import type { PublishedNetwork } from "../src/io/pretrained.ts";
import { Registry } from "../src/registry.ts";
import { convNextAttoNames, convNextNames } from "./conv-next.ts";
import { pvtV2Names } from "./pvt-v2.ts";
import { authorsResnetNames, resnetNames } from "./resnet.ts";

/** Networks that `rewind import` and `rewind export` know. */
export const publishedNetworks: Registry<PublishedNetwork> = new Registry(
  "network with published names",
  [
    { name: "resnet18", formats: authorsResnetNames },
    { name: "resnet18-imagenet", formats: resnetNames },
    { name: "resnet18-cifar", formats: resnetNames },
    { name: "convnext-t", formats: convNextNames },
    { name: "convnext-atto", formats: convNextAttoNames },
    { name: "pvt-v2-b0", formats: pvtV2Names },
  ],
);
