import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Final, finalOf, gapsTo, headline } from "../../src/metrics/final.ts";
import { Logits } from "../../src/metrics/logits.ts";

/** Samples of two classes with label 0 and the given probabilities of it. */
function samples(...confidences: number[]): { logits: Float32Array; labels: number[] } {
  return {
    logits: Float32Array.from(confidences.flatMap((p) => [Math.log(p / (1 - p)), 0])),
    labels: confidences.map(() => 0),
  };
}

function measured(...forget: number[]): Final {
  return finalOf(
    new Logits(2, {
      forget: samples(...forget),
      retain: samples(0.99, 0.98, 0.97, 0.96),
      test: samples(0.9, 0.3, 0.6, 0.2),
    }),
  );
}

test("gaps are distances to the retrained network, and their mean", () => {
  const mine = measured(0.9, 0.9, 0.9, 0.1);
  const retrained = measured(0.9, 0.9, 0.1, 0.1);
  const gaps = gapsTo(mine, retrained);
  assert.is(gaps["UA"]!.value, 25);
  assert.is(gaps["RA"]!.value, 0);
  assert.is(gaps["TA"]!.value, 0);
  const attack = Math.abs(headline(mine)["MIA"]!.value! - headline(retrained)["MIA"]!.value!);
  assert.is(gaps["MIA"]!.value, attack);
  assert.is(gaps.average.value, (25 + attack) / 4);
});

test("a run that lacks a set says so in every metric that needs it, the attack among them", () => {
  const some = new Logits(2, { forget: samples(0.9, 0.1), test: samples(0.9, 0.3) });
  const { RA, TA, MIA } = headline(finalOf(some));
  for (const metric of [RA!, MIA!]) {
    assert.is(metric.value, null);
    assert.match(metric.missing!, /no samples of "retain"/);
  }
  assert.is(TA!.value, 50);
  const { UA, MIA: gap, average } = gapsTo(finalOf(some), measured(0.9, 0.1));
  assert.is(UA!.value, 0);
  assert.match(gap!.missing!, /no samples of "retain"/);
  assert.match(average.missing!, /no samples of "retain"/);
});

test("without a retrained network every gap says so", () => {
  for (const gap of Object.values(gapsTo(measured(0.9, 0.1), undefined))) {
    assert.is(gap.value, null);
    assert.match(gap.missing!, /no retrained network was given/);
  }
});

test.run();
