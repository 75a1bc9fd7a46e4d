import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "fast-check";
import { planMemory } from "../../src/graph/memory-plan.ts";
import { type Launch, Value } from "../../src/graph/value.ts";

const launch = (...values: Value[]): Launch => ({
  shader: "none",
  constants: {},
  bind: Object.fromEntries(values.map((value, i) => [`v${i}`, value])),
});
const planned = (label: string, size: number): Value => new Value(label, [size], "f32", "planned");

test("a chain of equal values needs two buffers", () => {
  const [a, b, c, d] = ["a", "b", "c", "d"].map((label) => planned(label, 100));
  const plan = planMemory([launch(a!, b!), launch(b!, c!), launch(c!, d!)]);
  assert.is(plan.buffers.length, 2);
  assert.is(plan.bytes, 2 * 400);
  assert.is(plan.unshared, 4 * 400);
});

test("a kept value shares its buffer with nothing after it", () => {
  const [a, b, c] = ["a", "b", "c"].map((label) => planned(label, 100));
  const launches = [launch(a!), launch(b!), launch(c!)];
  assert.is(planMemory(launches).buffers.length, 1);
  const kept = planMemory(launches, [a!]);
  assert.is.not(kept.place.get(a!), kept.place.get(b!));
  assert.is(kept.buffers.length, 2);
});

test("bound values take no planned memory", () => {
  const bound = new Value("x", [50], "f32", "bound");
  const plan = planMemory([launch(bound, planned("y", 3))]);
  assert.is(plan.bytes, 16);
  assert.not(plan.place.has(bound));
});

test("values alive at the same time never share a buffer, and every buffer holds its values", () => {
  const program = fc.array(fc.array(fc.nat(11), { minLength: 1, maxLength: 4 }), {
    minLength: 1,
    maxLength: 30,
  });
  const sizes = fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 12, maxLength: 12 });
  fc.assert(
    fc.property(program, sizes, (steps, lengths) => {
      const values = lengths.map((length, i) => planned(`${i}`, length));
      const launches = steps.map((step) => launch(...new Set(step.map((i) => values[i]!))));
      const plan = planMemory(launches);
      const life = (value: Value): [number, number] => {
        const uses = launches.flatMap((l, i) => (Object.values(l.bind).includes(value) ? [i] : []));
        return [uses[0]!, uses.at(-1)!];
      };
      const used = [...plan.place.keys()];
      for (const a of used) {
        assert.ok(plan.buffers[plan.place.get(a)!]! >= a.bytes);
        for (const b of used) {
          if (a === b || plan.place.get(a) !== plan.place.get(b)) continue;
          const [a0, a1] = life(a);
          const [b0, b1] = life(b);
          assert.ok(a1 < b0 || b1 < a0, `${a.label} and ${b.label} overlap`);
        }
      }
    }),
    { seed: 1, numRuns: 200 },
  );
});

test.run();
