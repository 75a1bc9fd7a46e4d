// Experiments on a queue: workers that are killed, a server that is, and what must not run.
import { once } from "node:events";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { type IncomingMessage, request as ask, type RequestOptions } from "node:http";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { shareDevice } from "../../src/cli/device-options.ts";
import { packageVersion } from "../../src/cli/version.ts";
import type { Told } from "../../src/cli/worker-process.ts";
import { requestPlan } from "../../src/experiments/parts.ts";
import {
  experimentConfig,
  type ExperimentRequest,
  requestProtocol,
} from "../../src/experiments/request.ts";
import { placeOf } from "../../src/experiments/places.ts";
import { QueueServer } from "../../src/queue/connection.ts";
import { DeviceWork } from "../../src/queue/device-work.ts";
import { Flow, isFinished } from "../../src/queue/flow.ts";
import {
  kindOf,
  namesOf,
  queueName,
  readPayload,
  type RunPayload,
} from "../../src/queue/payload.ts";
import { soon } from "../../src/queue/soon.ts";
import { beginIn, openStore } from "../../src/queue/store.ts";
import { FolderInUse } from "../../src/report/folder-lock.ts";
import { appendText, interposeFiles, remove, writeAtomic } from "../../src/platform/files.ts";
import { before, root } from "../cli/command.ts";
import { closeGpus, testGpu } from "../device.ts";
import { contentsOf, differencesOf, run } from "../faults/kill.ts";
import { certificates, freePort, hasRedis, RedisServer } from "./redis.ts";
import { S3Server } from "./s3.ts";

const folder = mkdtempSync(`${tmpdir()}/rewind-queue-`);
const version = await packageVersion();
const small = { train: 60, test: 40, recipe: { epochs: 3, batch: 20 } };
const request: ExperimentRequest = {
  experiment: "standard",
  data: { name: "synthetic" },
  size: "tiny",
  model: "mlp",
  overrides: small,
  arms: ["neg-grad"],
  variants: [],
  seeds: [1],
  tuningSeeds: [101],
};

/** A job of the request, in a store of its own or one that is there. */
async function begun(name: string, changes: Partial<ExperimentRequest> = {}) {
  mkdirSync(`${folder}/${name}`, { recursive: true });
  const store = await openStore(`${folder}/${name}`);
  const asked = { ...request, ...changes };
  const config = await experimentConfig(requestProtocol(asked), asked);
  const payload: RunPayload = {
    ...{ version, ...(await namesOf(asked, config, version)) },
    ...{ request: asked, priority: 100, retries: { attempts: 2, delayMs: 50 } },
  };
  const stored = store.folder(payload.folder);
  await beginIn(stored, config);
  return { payload, stored, out: stored.path };
}

test("a job of another version, with code, or that is none is refused before anything runs", async () => {
  const { payload } = await begun("refused");
  const job = { ...payload, run: "seed-1/neg-grad" };
  assert.equal(readPayload(job, version), job);
  const refused = (changes: object, says: RegExp): void =>
    assert.throws(() => readPayload({ ...job, ...changes }, version), says);
  refused({ version: "0.0.1" }, /of version 0\.0\.1, and this worker is of version/);
  refused({ script: "rm" }, /not valid: .*script/);
  refused({ folder: "../elsewhere" }, /not valid/);
  refused({ request: { ...request, modelFile: "/tmp/net.ts" } }, /code, which no job names/);
  refused({ request: { ...request, seeds: [-1] } }, /not valid/);
  const { overrides } = request;
  const recipe = { ...overrides.recipe, run: "x" };
  refused({ request: { ...request, overrides: { ...overrides, recipe } } }, /not valid/);
  assert.throws(() => readPayload("rm -rf", version), /not valid/);
});

test("one worker at a time does a run; a full disk fails it, and it goes on from what was saved", async () => {
  const { payload, stored: out } = await begun("twice");
  const plan = requestPlan(requestProtocol(request), request);
  const gpu = await testGpu();
  const [first, second] = [new DeviceWork(gpu), new DeviceWork(gpu)];
  const group = "tuning/seed-101";
  const job = (run: string): RunPayload => ({ ...payload, run: `${group}/${run}` });
  const race = await Promise.allSettled(
    [first, second].map((work) => work.do(job("trained"), out, {})),
  );
  const lost = race.filter((one) => one.status === "rejected");
  assert.is(lost.length, 1);
  assert.instance(lost[0]!.reason, FolderInUse);
  let writes = 0;
  const restore = interposeFiles((below) => ({
    ...below,
    createFlushed: (path, ...rest) =>
      path.includes("unlearning-state") && ++writes === 2
        ? Promise.reject(Object.assign(new Error("no space"), { code: "ENOSPC" }))
        : below.createFlushed(path, ...rest),
  }));
  try {
    await first.do(job("retrain-1"), out, {});
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /the disk is full/);
  } finally {
    restore();
  }
  const retrain = plan.find(({ key }) => key === `${group}/retrain-1`)!;
  assert.not(await isFinished(retrain, out));
  await second.do(job("retrain-1"), out, {});
  assert.ok(await isFinished(retrain, out));
  assert.match(await second.do(job("retrain-1"), out, {}), /retrain, seed 1/);
  try {
    await first.do(job("../elsewhere"), out, {});
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /has no run "tuning\/seed-101\/\.\.\/elsewhere"/);
  }
  first.destroy();
  second.destroy();
});

if (!hasRedis) console.log("skipped: there is no redis-server (apt-get install redis-server)");
const withRedis = hasRedis ? test : test.skip;

/** A process of the command line. */
interface Started {
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly ended: Promise<number | null>;
}

const started = new Set<ChildProcess>();

function start(...words: string[]): Started {
  return startWith({}, ...words);
}

function startWith(variables: Readonly<Record<string, string>>, ...words: string[]): Started {
  const child = spawn(process.execPath, [...before, ...words], {
    cwd: root,
    env: { ...process.env, REWIND_QUEUE: redis.address, ...variables },
  });
  started.add(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => (said += part));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, said: () => said, ended };
}

async function until(holds: () => boolean | Promise<boolean>, what: () => string): Promise<void> {
  const late = Date.now() + 240_000;
  while (!(await holds())) {
    if (Date.now() > late) throw new Error(`it did not happen: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

let redis: RedisServer;
test.before(async () => {
  shareDevice(await testGpu());
  if (hasRedis) redis = await RedisServer.start(`${folder}/redis`);
});

/** Runs that are finished in a store. */
const finishedIn = (store: string): number =>
  (readdirSync(store, { recursive: true }) as string[]).filter((name) =>
    name.endsWith("result.json"),
  ).length;

/** Kills the worker that works on a run, in the midst of it. */
async function killOne(store: string): Promise<number> {
  let worker = 0;
  await until(
    () => {
      const locks = (readdirSync(store, { recursive: true }) as string[]).filter((name) =>
        name.endsWith("/.lock"),
      );
      for (const name of locks) {
        try {
          const lock = JSON.parse(readFileSync(`${store}/${name}`, "utf8")) as {
            process: { number: number };
          };
          const stat = readFileSync(`/proc/${lock.process.number}/stat`, "utf8");
          const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
          if (![...started].some(({ pid }) => pid === parent)) continue;
          process.kill(parent, "SIGKILL");
          worker = parent;
          return true;
        } catch {
          // The run has just ended.
        }
      }
      return false;
    },
    () => "a run under way",
  );
  return worker;
}

/** What an experiment writes wherever it runs: networks stay in the store; pages and command.json have the command's words. */
const spreadContents = (name: string) =>
  new Map(
    [...contentsOf(`${folder}/${name}`)].filter(
      ([file]) => !/command\.json$|\.html$|\.safetensors$/.test(file),
    ),
  );

const words =
  "experiment standard --size tiny --dataset synthetic --train 60 --test 40 --epochs 3 --batch 20 --model mlp " +
  "--seeds 2 --arms neg-grad,linear-rewind --widenings 2";

withRedis(
  "three workers, two of them and the server killed, two submissions: the tables are those of one process",
  async () => {
    const alone = await run(`${words} --out ${folder}/whole`, undefined);
    assert.is(alone.code, 0, alone.said);
    const trials = readdirSync(`${folder}/whole/tuning/seed-101`);
    assert.ok(trials.some((name) => name.includes("-wider-1")));
    const store = `${folder}/spread`;
    mkdirSync(store);
    const worker = (): Started =>
      start("worker", "--store", store, "--silence", "2", "--idle", "600", "--quiet");
    const submit = (out: string): Started =>
      start(...words.split(" "), "--queue", redis.address, "--store", store, "--out", out);
    const workers = [worker(), worker(), worker()];
    const submitted = [submit(`${folder}/first`), submit(`${folder}/second`)];
    const all = (): string => [...workers, ...submitted].map(({ said }) => said()).join("\n---\n");
    await until(() => finishedIn(store) >= 1, all);
    const killed = [await killOne(store)];
    await until(() => finishedIn(store) >= 4, all);
    await redis.kill();
    await new Promise((resolve) => setTimeout(resolve, 500));
    await redis.begin();
    killed.push(await killOne(store));
    assert.is(new Set(killed).size, 2);
    for (const { ended, said } of submitted) assert.is(await ended, 0, said());
    for (const name of ["first", "second"]) {
      assert.equal(differencesOf(spreadContents(name), spreadContents("whole")), []);
    }
    const written = readFileSync(`${folder}/first/command.json`, "utf8");
    assert.not.match(written, /secret/);
    assert.match(written, /redis:\/\/\*\*\*@127/);
    assert.not.match(all(), /MaxListeners/);
    // The same command finds everything done, without a worker.
    for (const { child } of workers) child.kill("SIGTERM");
    for (const { ended } of workers) await ended;
    const again = submit(`${folder}/third`);
    assert.is(await again.ended, 0, again.said());
    assert.equal(differencesOf(spreadContents("third"), spreadContents("whole")), []);
  },
);

withRedis(
  "trials beyond an edge wait for a worker where there is something to try, and else are done; whatever ends last",
  async () => {
    const { payload, stored, out } = await begun("wider", {
      ...{ experiment: "label-noise", arms: ["random-label"], widenings: 2 },
      tuningSeeds: [101, 102],
    });
    const server = await QueueServer.connect(redis.address, { say: () => undefined });
    const flow = new Flow(server, payload, stored);
    /** A result that ends with some accuracy on D_f: the least is the best where none reaches the statistic. */
    const finish = async (key: string, forgetAccuracy: number): Promise<void> => {
      const run = flow.plan.find((one) => one.key === key)!;
      mkdirSync(`${out}/${key}`, { recursive: true });
      const scores = { forgetAccuracy, testAccuracy: 50, testLoss: 1 };
      const history = [100, forgetAccuracy].map((accuracy, round) => ({
        ...{ round, steps: round, seconds: 0 },
        scores: { ...scores, forgetAccuracy: accuracy },
      }));
      const arm = { arm: "random-label", method: "random-label", settings: {}, seed: 1 };
      const result = { ...arm, stoppedBy: "rounds", history, end: scores };
      if (run.kind === "training") await writeAtomic(`${out}/${key}/checkpoint.safetensors`, "");
      else await writeAtomic(`${out}/${key}/result.json`, JSON.stringify(result));
      await flow.finished(key);
    };
    const waiting = async (): Promise<string[]> => {
      const queue = server.queue(queueName(version));
      const jobs = await queue.getJobs(["waiting", "prioritized"]);
      const mine = jobs.filter(({ data }) => (data as RunPayload).flow === payload.flow);
      return mine.map(({ name }) => name).sort();
    };
    const seeds = [101, 102].map((seed) => `tuning/seed-${seed}`);
    await flow.submit();
    const trainings = [...seeds, "seed-1"].map((group) => `${group}/trained`);
    assert.equal(await waiting(), [...trainings].sort());
    for (const key of trainings) await finish(key, 0);
    for (const group of seeds) {
      // The best is the highest of the five rates.
      for (let i = 1; i <= 5; i++) await finish(`${group}/random-label-${i}`, 90 - i);
    }
    const wider = (time: number): string[] =>
      seeds.map((group) => `${group}/random-label-wider-${time}-1`);
    const open = async (): Promise<string[]> => {
      const { done } = await flow.state();
      return (await waiting()).filter((key) => !done.includes(key));
    };
    assert.equal(await open(), wider(1));
    // Worse beyond it: what would come next has nothing to try, and the arm can begin.
    for (const key of wider(1)) await finish(key, 95);
    assert.equal(await open(), ["seed-1/random-label"]);
    const { done } = await flow.state();
    assert.ok(wider(2).every((key) => done.includes(key) && !existsSync(`${out}/${key}`)));
    await finish("seed-1/random-label", 50);
    assert.is((await flow.state()).done.length, flow.plan.length);
    // A network that was taken away is made again; what waits for the trials waits for no word of theirs.
    for (const key of [`${seeds[1]!}/trained`, "seed-1/random-label"]) {
      rmSync(`${out}/${key}`, { recursive: true });
    }
    assert.ok(await flow.cancel());
    await flow.submit();
    assert.equal(await open(), [`${seeds[1]!}/trained`]);
    await finish(`${seeds[1]!}/trained`, 0);
    assert.equal(await open(), ["seed-1/random-label"]);
    assert.ok(await flow.cancel());
    // A run that was under way ends, and calls for no other.
    await finish(`${seeds[1]!}/trained`, 0);
    assert.equal(await waiting(), []);
    await server.close();
  },
);

withRedis(
  "runs that fail are told with their error, and what was submitted can be taken back",
  async () => {
    const changes = { variants: [{ arm: "neg-grad", settings: { nonsense: 1 } }] };
    const { payload, stored, out } = await begun("failing", changes);
    const server = await QueueServer.connect(redis.address, { say: () => undefined });
    const flow = new Flow(server, payload, stored);
    await flow.submit();
    assert.is((await flow.state()).failed.length, 0);
    assert.ok(await flow.cancel());
    assert.not(await flow.cancel(), "what is not on the queue cannot be taken off");
    const cancelling = start(
      ...words.split(" "),
      ...["--queue", redis.address, "--store", `${folder}/failing`, "--cancel", "--quiet"],
      ...["--out", `${folder}/none`],
    );
    assert.is(await cancelling.ended, 2, cancelling.said());
    assert.match(cancelling.said(), /no such experiment is on the queue/);
    const waiting = await server.queue(queueName(version)).getJobCounts();
    assert.equal([waiting["waiting"], waiting["prioritized"], waiting["failed"]], [0, 0, 0]);
    // A job that is no run of ours is a dead letter, and the worker goes on.
    await server
      .queue(queueName(version))
      .add("rogue", { ...payload, flow: "rogue", run: 7 }, { priority: 1 });
    // One that is no JSON, put there by hand.
    const { redis: raw } = server;
    const queue = server.queue(queueName(version));
    await raw.hset(queue.toKey("raw"), { name: "raw", data: "no JSON", opts: '{"attempts":1}' });
    await raw.hset(queue.toKey("raw"), { timestamp: 1, delay: 0, priority: 0, atm: 0 });
    await raw.lpush(queue.toKey("wait"), "raw");
    await raw.zadd(queue.toKey("marker"), 0, "0");
    await flow.submit();
    const port = String(await freePort());
    const worker = start(
      ...["worker", "--store", `${folder}/failing`, "--silence", "5", "--quiet", "--metrics", port],
    );
    await until(async () => (await flow.state()).failed.length > 0, worker.said);
    await until(async () => {
      const { done, failed } = await flow.state();
      return done.length === flow.plan.length - 1 && failed.length > 0;
    }, worker.said);
    const { failed } = await flow.state();
    assert.is(failed.length, 1);
    assert.match(failed[0]!.run, /neg-grad-nonsense-1/);
    assert.match(failed[0]!.error, /nonsense/);
    assert.is(failed[0]!.attempts, 2);
    // What is no JSON was taken by the worker before it was seen, and comes back when that was silent about it.
    await until(async () => (await queue.getFailedCount()) === 2, worker.said);
    for (const { failedReason } of await queue.getFailed()) {
      assert.match(failedReason, /the job is not valid/);
    }
    const told = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const number = (name: string): number =>
      Number(new RegExp(`^rewind_${name}[,{].*\\} ([\\d.e+-]+)$`, "m").exec(told)?.[1]);
    assert.is(number('runs_total{outcome="done"'), flow.plan.length - 1, told);
    assert.is(number('runs_total{outcome="failed"'), 4, told);
    for (const name of ["steps_total", "step_seconds_total", "device_bytes"]) {
      assert.ok(number(name) > 0, `${name}\n${told}`);
    }
    assert.is(number("queue_depth"), 0, told);
    // One queue may have submissions to several stores: a worker leaves the runs of another's.
    const apart = await begun("apart", { seeds: [2] });
    const elsewhere = new Flow(server, apart.payload, apart.stored);
    await elsewhere.submit();
    await until(async () => (await elsewhere.state()).delayed.length > 0, worker.said);
    worker.child.kill("SIGTERM");
    assert.is(await worker.ended, 0, worker.said());
    // So it does those in another precision. What is left is nothing to do.
    const faster = await begun("failing", { precision: "fast" });
    const fast = new Flow(server, faster.payload, faster.stored);
    await fast.submit();
    const picky = start("worker", "--store", `${folder}/failing`, "--idle", "2");
    assert.is(await soon(picky.ended, 60_000), 0, picky.said());
    assert.match(picky.said(), /asks for --precision fast, and this worker has exact/);
    assert.match(picky.said(), /is not in this worker's store/);
    assert.match(picky.said(), /0 runs done, 0 failed/);
    assert.equal(readdirSync(faster.out), ["config.json"]);
    assert.ok(await fast.cancel());
    rmSync(faster.out, { recursive: true });
    assert.is(await soon(new Promise(() => undefined), 1), undefined);
    assert.is(await soon(Promise.resolve(3), 1000), 3);
    assert.equal((await elsewhere.state()).done, []);
    assert.equal(readdirSync(`${folder}/failing`), [payload.folder]);
    for (const { key } of elsewhere.plan) await elsewhere.finished(key);
    rmSync(apart.out, { recursive: true });
    const dashboard = start("dashboard", "--store", `${folder}/failing`, "--listen", "0");
    await until(() => dashboard.said().includes("/queues"), dashboard.said);
    const [address] = /http:\/\/127\.0\.0\.1:\d+/.exec(dashboard.said())!;
    const page = await (await fetch(address!)).text();
    const runs = flow.plan.length;
    assert.ok(page.includes(`${runs - 1} of ${runs} runs done, 0 under way, 1 failed`), page);
    assert.match(page, `${elsewhere.plan.length} of ${elsewhere.plan.length} runs done`);
    assert.match(page, "in another store");
    const row = (name: string): string[] | undefined =>
      new RegExp(`<th scope="row">${name}</th>(.*?)</tr>`).exec(page)?.[1]!.split(/<\/?td>/);
    const { end } = JSON.parse(readFileSync(`${out}/seed-1/neg-grad/result.json`, "utf8")) as {
      end: { testAccuracy: number };
    };
    const accuracy = end.testAccuracy.toFixed(2);
    assert.ok(
      row("neg-grad")!.some((cell) => cell.startsWith(`${accuracy}\u00A0±`)),
      page,
    );
    assert.match(row("seed-1/neg-grad-nonsense-1")!.join(" "), /nonsense/);
    const queues = await fetch(`${address}/queues/api/queues`);
    assert.match(queues.headers.get("content-security-policy")!, /default-src 'self'/);
    assert.match(await queues.text(), queueName(version, await kindOf(placeOf(await testGpu()))));
    const refused = async (status: number, options: RequestOptions): Promise<void> => {
      const response = await new Promise<IncomingMessage>((resolve) => {
        ask(address!, options, resolve).end();
      });
      response.resume();
      assert.is(response.statusCode, status);
    };
    await refused(405, { method: "POST" });
    await refused(403, { headers: { host: "elsewhere.test" } });
    dashboard.child.kill("SIGTERM");
    assert.is(await dashboard.ended, 0, dashboard.said());
    assert.not.match(dashboard.said(), /secret/);
    await elsewhere.cancel();
    await server.close();
  },
);

withRedis(
  "a worker without its device, or with another kind of it, ends and costs no run a try",
  async () => {
    const { payload, stored } = await begun("gone", { seeds: [5], tuningSeeds: [105] });
    const server = await QueueServer.connect(redis.address, { say: () => undefined });
    const flow = new Flow(server, { ...payload, retries: { attempts: 4, delayMs: 50 } }, stored);
    await flow.submit();
    const store = `${folder}/gone`;
    const says = (told: Told): string => `process.send = () => send(${JSON.stringify(told)});`;
    const place = { adapter: "another", runtime: "none" };
    const next: readonly (readonly [string, RegExp])[] = [
      [says({ kind: "opened", place }), /another kind of device: another/],
      [says({ kind: "failed", message: "no adapter", why: "broken" }), /no adapter/],
      [`rmSync("${store}", { recursive: true });`, /the store .* is not there/],
    ];
    for (const [i, [act, why]] of next.entries()) {
      // The process with the device ends at its first run, and something is wrong with the one that follows.
      const [began, preload] = [`${folder}/began-${i}`, `${folder}/preload-${i}.mjs`];
      await writeAtomic(
        preload,
        `import { existsSync, rmSync, writeFileSync } from "node:fs";
        const send = process.send?.bind(process);
        if (send !== undefined && existsSync("${began}")) {
          ${act}
        } else if (send !== undefined) {
          writeFileSync("${began}", "");
          const on = process.on.bind(process);
          const hear = (to) => (asked) => asked.kind === "do" ? process.exit(9) : to(asked);
          process.on = (name, to) => on(name, name === "message" ? hear(to) : to);
        }`,
      );
      const variables = { NODE_OPTIONS: `--import=${preload}` };
      const worker = startWith(variables, "worker", "--store", store, "--quiet");
      assert.is(await soon(worker.ended, 60_000), 1, worker.said());
      assert.match(worker.said(), why);
    }
    const jobs = await server.queue(queueName(version)).getJobs();
    const mine = jobs.filter(({ data }) => (data as RunPayload | null)?.flow === payload.flow);
    const tries = mine.map(({ attemptsMade }) => attemptsMade);
    assert.is(
      tries.reduce((sum, made) => sum + made),
      3,
    );
    assert.is((await flow.state()).failed.length, 0);
    assert.ok(await flow.cancel());
    await server.close();
  },
);

test("a bucket: lists of several pages, refusals by name, and no write of who has lost a run", async () => {
  const server = await S3Server.start();
  const variables = { ...process.env };
  const place = (prefix: string): string => `s3://tests/${prefix}?endpoint=${server.endpoint}`;
  const refused = async (act: () => Promise<unknown>, says: RegExp): Promise<void> => {
    try {
      await act();
      assert.unreachable();
    } catch (error) {
      assert.match((error as Error).message, says);
      assert.not.match((error as Error).message, /a\+secret|session-token/);
    }
  };
  try {
    await refused(() => openStore(place("p")), /set AWS_ACCESS_KEY_ID/);
    Object.assign(process.env, server.variables, { AWS_SECRET_ACCESS_KEY: "wrong" });
    await refused(() => openStore(place("p")), /403 SignatureDoesNotMatch.*AWS_SECRET_ACCESS_KEY/);
    Object.assign(process.env, server.variables);
    await refused(() => openStore(place("p").replace("tests", "none")), /NoSuchBucket/);
    await refused(() => openStore("s3://id:a+secret@tests/p"), /AWS_ACCESS_KEY_ID/);
    await refused(() => openStore(`s3://tests?endpoint=ftp://x`), /`endpoint` is http/);

    const [one, other] = [await openStore(place("a b")), await openStore(place("a b"))];
    const [mine, theirs] = [one.folder("e"), other.folder("e")];
    const held = await mine.hold("seed-1/x");
    const file = `${mine.path}/seed-1/x`;
    for (let i = 0; i < 20; i++) await writeAtomic(`${file}/${i}`, String(i));
    await appendText(`${file}/metrics.jsonl`, "first\n");
    await remove(`${file}/3`);
    // Another takes the run, has all that was saved, and goes on; the first cannot write any more.
    const taken = await theirs.hold("seed-1/x");
    assert.is(readdirSync(`${theirs.path}/seed-1/x`).length, 20);
    await appendText(`${theirs.path}/seed-1/x/metrics.jsonl`, "second\n");
    for (const act of [
      () => appendText(`${file}/metrics.jsonl`, "late\n"),
      () => writeAtomic(`${file}/5`, "late"),
      () => remove(`${file}/5`),
    ]) {
      await refused(act, /given to another worker/);
    }
    await held.release(false);
    const stored = (name: string): string | undefined =>
      server.objects.get(`a b/e/seed-1/x/${name}`)?.toString();
    assert.is(stored("metrics.jsonl"), "first\nsecond\n");
    assert.is(stored("5"), "5");
    assert.ok(await mine.has("seed-1/x/5"));
    assert.not(await mine.has("seed-1/x/3"));
    // A refused write is one that was not done.
    server.refuse = (request) => (request.startsWith("PUT") ? "AccessDenied" : undefined);
    await refused(
      () => writeAtomic(`${theirs.path}/seed-1/x/5`, "new"),
      /cannot write .*403 AccessDenied/,
    );
    assert.is(readFileSync(`${theirs.path}/seed-1/x/5`, "utf8"), "5");
    server.refuse = () => undefined;
    await taken.release(false);
    assert.not([...server.objects.keys()].some((key) => key.endsWith(".owner")));
    for (const key of ["../../z", "a\\z"]) {
      server.objects.set(`a b/e/seed-1/${key.length}/${key}`, Buffer.from("x"));
      const runs = [`seed-1/${key.length}`];
      await refused(() => mine.bring(runs, { networks: false }), /none of an experiment/);
    }
    await other.close();
    await one.close();
    assert.not(existsSync(one.mirror!));
  } finally {
    process.env = variables;
    server.close();
  }
});

test("a bucket: what another process in the same mirror has removed is brought again", async () => {
  const server = await S3Server.start();
  const variables = { ...process.env };
  Object.assign(process.env, server.variables);
  const place = `s3://tests/mirror?endpoint=${server.endpoint}`;
  const work = await openStore(place);
  const beside = await openStore(place, work.mirror);
  try {
    const run = "seed-1/x";
    server.objects.set(`mirror/e/${run}/result.json`, Buffer.from("{}"));
    const file = `${work.folder("e").path}/${run}/result.json`;
    const waits = beside.folder("e");
    await waits.bring([run], { networks: false });
    await (await work.folder("e").hold(run)).release(false);
    assert.not(existsSync(file));
    await waits.bring([run], { networks: false });
    assert.ok(existsSync(file));
  } finally {
    await beside.close();
    await work.close();
    process.env = variables;
    server.close();
  }
});

withRedis(
  "of submissions that share a folder in a bucket one does a run that both have",
  async () => {
    const { payload, stored } = await begun("shared");
    const server = await QueueServer.connect(redis.address, { say: () => undefined });
    const [one, other] = ["one", "other"].map(
      (flow) => new Flow(server, { ...payload, flow }, stored),
    );
    const run = "seed-1/trained";
    await one!.hold(run, "first", 60_000);
    await one!.hold(run, "first", 60_000);
    // A worker that was silent has lost it to the next one with the same job.
    await one!.hold(run, "second", 60_000);
    await one!.release(run, "first");
    const error = await other!.hold(run, "third", 60_000).catch((reason: unknown) => reason);
    assert.instance(error, FolderInUse);
    await one!.release(run, "second");
    await other!.hold(run, "third", 10);
    await until(
      () =>
        one!.hold(run, "first", 60_000).then(
          () => true,
          () => false,
        ),
      () => "it is free after a silence",
    );
    await server.close();
  },
);

withRedis(
  "a bucket: a worker is killed as soon as it has saved, the store is away, a write is refused, and the tables are those of one process",
  async () => {
    const small = words.replace(
      "--seeds 2 --arms neg-grad,linear-rewind",
      "--seeds 1 --arms neg-grad",
    );
    const alone = await run(`${small} --out ${folder}/small`, undefined);
    assert.is(alone.code, 0, alone.said);
    const server = await S3Server.start();
    try {
      const place = `s3://tests/all?endpoint=${server.endpoint}`;
      const at = ["--store", place];
      const variables = { ...server.variables, TMPDIR: folder };
      const worker = (): Started => startWith(variables, "worker", ...at, "--silence", "2");
      let killed = "";
      let first: Started | undefined;
      let refusals = 0;
      let looks = 0;
      let late = 0;
      server.refuse = (request, host) => {
        // The store is away for the workers' own processes: before a run, and as what waited for one is added.
        const own = host.startsWith("127.") && killed === "";
        if (own && /^HEAD .*config\.json$/.test(request) && ++looks <= 2) return "SlowDown";
        if (own && /^GET .*trained\/where/.test(request) && ++late === 1) return "SlowDown";
        const saved = /^PUT (.*)\/unlearning-state/.exec(request);
        if (saved !== null && killed === "") {
          killed = saved[1]!;
          first?.child.kill("SIGKILL");
        }
        return /^PUT .*seed-1\/neg-grad\/result/.test(request) && ++refusals === 1
          ? "AccessDenied"
          : undefined;
      };
      const submitted = startWith(
        variables,
        ...[...small.split(" "), "--store", place.replace("127.0.0.1", "localhost")],
        ...["--queue", redis.address, "--out", `${folder}/bucket`],
      );
      // A run that is under way for another submission is left until that has it no more.
      const config = (): string | undefined =>
        [...server.objects.keys()].find((key) => key.endsWith("config.json"));
      await until(() => config() !== undefined, submitted.said);
      const { payload, stored } = await begun("rival");
      const shown = `s3://tests/${config()!.replace("/config.json", "")}`;
      const queue = await QueueServer.connect(redis.address, { say: () => undefined });
      const rival = new Flow(queue, payload, { ...stored, shown });
      await rival.hold("seed-1/trained", "rival", 600_000);
      first = worker();
      await until(() => first!.said().includes("for another submission. It is"), first.said);
      await rival.release("seed-1/trained", "rival");
      await queue.close();
      await until(() => killed !== "", first.said);
      await first.ended;
      assert.ok(looks > 2 && late > 0);
      assert.match(first.said(), /cannot look at .*403.*Runs wait until the store answers/);
      const from = server.asked.length;
      const second = worker();
      const said = (): string => [submitted, second].map((one) => one.said()).join("\n---\n");
      assert.is(await submitted.ended, 0, said());
      // The second worker goes on from what the first had saved.
      const state = server.asked
        .slice(from)
        .find((one) => one.startsWith(`GET ${killed}/unlearning-state`));
      assert.ok(state, server.asked.slice(from).join("\n"));
      assert.is(refusals, 2);
      assert.match(
        said(),
        /cannot write ".*neg-grad\/result\.json" in the store s3:\/\/tests\/all.*AccessDenied/,
      );
      assert.equal(differencesOf(spreadContents("bucket"), spreadContents("small")), []);
      second.child.kill("SIGTERM");
      assert.is(await second.ended, 0, said());
      assert.not.match(`${said()}${first.said()}`, /a\+secret|session-token/);
    } finally {
      server.close();
    }
  },
);

/** A connection that is refused, with an error that keeps the password to itself. */
async function refusedConnection(address: string, says: RegExp, password: RegExp): Promise<void> {
  try {
    await QueueServer.connect(address, { say: () => undefined });
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, says);
    assert.not.match((error as Error).message, password);
  }
}

withRedis(
  "a server that does not answer, or wants another password, is said with its address alone",
  async () => {
    const wrong = (address: string, says: RegExp): Promise<void> =>
      refusedConnection(address, says, /guess/);
    await wrong(
      `redis://:guess@127.0.0.1:${redis.port}`,
      /\*\*\*@127.* cannot be used: .*WRONGPASS/,
    );
    await wrong(`redis://127.0.0.1:${redis.port}`, /cannot be used: .*NOAUTH/);
    await wrong("redis://:guess@127.0.0.1:1", /cannot be used: .*ECONNREFUSED/);
    await wrong("http://:guess@127.0.0.1", /is no queue: it is redis:\/\//);
    // A password that is not escaped is no part of an address, and is not shown either.
    for (const address of ["redis://:gu/guess@127.0.0.1", "redis://:g@guess@127.0.0.1:1"]) {
      await wrong(address, /\*\*\*@127/);
    }
  },
);

withRedis(
  "a queue with a password and TLS; a certificate that nobody trusted has signed is refused",
  async () => {
    const tls = certificates(`${folder}/certificates`);
    const safe = await RedisServer.start(`${folder}/safe`, tls);
    try {
      mkdirSync(`${folder}/tls`);
      const trusting = { NODE_EXTRA_CA_CERTS: tls.authority };
      const submission = [
        ...[...words.split(" "), "--store", `${folder}/tls`, "--out", `${folder}/none`],
        "--detach",
      ];
      const other = safe.address.replace("127.0.0.1", "localhost");
      const misnamed = startWith(trusting, ...submission, "--queue", other);
      // The address stands in no list of processes.
      const submitted = startWith({ ...trusting, REWIND_QUEUE: safe.address }, ...submission);
      assert.is(await submitted.ended, 0, submitted.said());
      assert.is.not(await misnamed.ended, 0);
      assert.match(misnamed.said(), /certificate is of another name/);
      assert.match(submitted.said(), /rediss:\/\/\*\*\*@127/);
      const worker = startWith(
        { ...trusting, REWIND_QUEUE: safe.address },
        ...["worker", "--store", `${folder}/tls`, "--runs", "1", "--quiet"],
      );
      assert.is(await worker.ended, 0, worker.said());
      assert.match(worker.said(), /1 runs done, 0 failed/);
      const refused = (address: string, says: RegExp): Promise<void> =>
        refusedConnection(address, says, /secret/);
      await refused(safe.address, /certificate.*NODE_EXTRA_CA_CERTS/);
      await refused(safe.address.replace("rediss", "redis"), /cannot be used/);
    } finally {
      await safe.kill();
    }
  },
);

/** A test that failed leaves no worker for the next one's queue. */
test.after.each(async () => {
  const running = [...started].filter(
    ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
  );
  await Promise.all(
    running.map(async (child) => {
      const ended = once(child, "close");
      child.kill("SIGKILL");
      await ended;
    }),
  );
  started.clear();
});
test.after(async () => {
  shareDevice(undefined);
  if (hasRedis) await redis.kill();
  rmSync(folder, { recursive: true, force: true });
  await closeGpus();
});
test.run();
