// Random changes of weights, by filter.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { perturbation, perturbationLengths } from "../../src/analysis/perturbations.ts";

test("every filter is changed by the same share of its length, biases not at all, and a seed decides", () => {
  const slots = [
    { name: "weight", shape: [3, 3, 2, 4], size: 72 },
    { name: "bias", shape: [4], size: 4 },
  ];
  const origin = Float32Array.from({ length: 76 }, (_, i) => Math.sin(i + 1));
  const lengths = new Set<number>();
  for (let seed = 0; seed < 30; seed++) {
    const { set, length } = perturbation(slots, origin, seed);
    lengths.add(length);
    for (let filter = 0; filter < 4; filter++) {
      const norm = (of: Float32Array): number =>
        Math.sqrt(of.slice(0, 72).reduce((sum, v, i) => sum + (i % 4 === filter ? v * v : 0), 0));
      assert.ok(Math.abs(norm(set) / norm(origin) / length - 1) < 1e-5);
    }
    assert.equal([...set.slice(72)], [0, 0, 0, 0]);
    assert.equal(perturbation(slots, origin, seed).set, set);
  }
  assert.equal(
    [...lengths].sort((a, b) => a - b),
    [...perturbationLengths],
  );
});

test.run();
