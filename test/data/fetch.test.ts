import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../src/errors.ts";
import { fetchableNames, fetchDataset } from "../../src/data/fetch.ts";
import { datasets } from "../../src/data/index.ts";
import { errorOf, folderOf, removeFolders } from "./folder.ts";

const servers: Server[] = [];

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Base address of a server on this machine that answers with `answer`. */
async function serve(answer: Answer): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest("hex");

/** A file larger than one piece the downloader writes. */
const body = Buffer.from(Uint8Array.from({ length: 2_500_000 }, (_, i) => (i * i) >> 5));
const mnistFiles = [
  "train-images-idx3-ubyte.gz",
  "train-labels-idx1-ubyte.gz",
  "t10k-images-idx3-ubyte.gz",
  "t10k-labels-idx1-ubyte.gz",
];
const first = mnistFiles[0]!;
const checksums = Object.fromEntries(mnistFiles.map((file) => [file, md5(body)]));

/** Sends the file, from the asked byte on, and notes each request's range. */
function wholeFile(ranges: (string | undefined)[] = []): Answer {
  return (request, response) => {
    const { range } = request.headers;
    ranges.push(range);
    const start = range === undefined ? 0 : Number(/^bytes=(\d+)-$/.exec(range)![1]);
    if (start >= body.length) {
      response.writeHead(416, { "content-range": `bytes */${body.length}` }).end();
      return;
    }
    if (range !== undefined) {
      response.setHeader("content-range", `bytes ${start}-${body.length - 1}/${body.length}`);
    }
    response.setHeader("content-length", body.length - start);
    response.writeHead(range === undefined ? 200 : 206).end(body.subarray(start));
  };
}

test("downloads, checks and names all files, and reports progress", async () => {
  const dir = `${folderOf()}/new/place`;
  const ranges: (string | undefined)[] = [];
  const progress: [string, number, number | undefined][] = [];
  const paths = await fetchDataset("mnist", dir, {
    baseUrl: await serve(wholeFile(ranges)),
    checksums,
    onProgress: (...step) => progress.push(step),
  });
  assert.equal(
    paths,
    mnistFiles.map((file) => `${dir}/${file}`),
  );
  for (const path of paths) {
    assert.ok(body.equals(readFileSync(path)));
    assert.not(existsSync(`${path}.part`));
  }
  assert.equal(ranges, [undefined, undefined, undefined, undefined]);
  assert.equal(progress.at(-1), [mnistFiles[3], body.length, body.length]);
  assert.ok(progress.filter(([file]) => file === first).length >= 2);
});

test("what is there with the right checksum is not asked for again", async () => {
  const files = Object.fromEntries(mnistFiles.map((file) => [file, body]));
  const ranges: (string | undefined)[] = [];
  await fetchDataset("mnist", folderOf(files), {
    baseUrl: await serve(wholeFile(ranges)),
    checksums,
  });
  assert.equal(ranges, []);
});

test("what is there with a wrong checksum is an error and stays", async () => {
  const dir = folderOf({ [first]: "mine" });
  const error = await errorOf(fetchDataset("mnist", dir, { checksums }));
  assert.match(
    error.message,
    new RegExp(`MD5 is ${md5(Buffer.from("mine"))}, expected ${md5(body)}`),
  );
  assert.is(readFileSync(`${dir}/${first}`, "utf8"), "mine");
});

test("a .part file is continued where it ends", async () => {
  const dir = folderOf({ [`${first}.part`]: body.subarray(0, 1_234_567) });
  const ranges: (string | undefined)[] = [];
  await fetchDataset("mnist", dir, { baseUrl: await serve(wholeFile(ranges)), checksums });
  assert.is(ranges[0], "bytes=1234567-");
  assert.ok(body.equals(readFileSync(`${dir}/${first}`)));
});

test("a .part file that is already whole is only checked", async () => {
  const dir = folderOf({ [`${first}.part`]: body });
  await fetchDataset("mnist", dir, { baseUrl: await serve(wholeFile()), checksums });
  assert.ok(body.equals(readFileSync(`${dir}/${first}`)));
});

test("a server that ignores the range makes it start over", async () => {
  const dir = folderOf({ [`${first}.part`]: "something else" });
  const baseUrl = await serve((_, response) => response.writeHead(200).end(body));
  await fetchDataset("mnist", dir, { baseUrl, checksums });
  assert.ok(body.equals(readFileSync(`${dir}/${first}`)));
});

test("a broken connection keeps the part, and the next call completes it", async () => {
  const dir = folderOf();
  let calls = 0;
  const good = wholeFile();
  const baseUrl = await serve((request, response) => {
    if (calls++ > 0) return good(request, response);
    response.writeHead(200, { "content-length": body.length });
    response.write(body.subarray(0, 1_500_000), () => {
      setTimeout(() => response.destroy(), 100);
    });
  });
  const error = await errorOf(fetchDataset("mnist", dir, { baseUrl, checksums }));
  assert.instance(error, DataError);
  assert.match(error.message, /stopped after \d+ of 2500000 bytes.*rewind fetch mnist.*\.part/);
  const kept = readFileSync(`${dir}/${first}.part`);
  assert.ok(kept.length > 0 && kept.length < body.length);
  assert.ok(body.subarray(0, kept.length).equals(kept));
  await fetchDataset("mnist", dir, { baseUrl, checksums });
  assert.ok(body.equals(readFileSync(`${dir}/${first}`)));
});

test("a wrong checksum names both sums and keeps the file as .bad", async () => {
  const dir = folderOf();
  const other = Buffer.from("not the file");
  const baseUrl = await serve((_, response) => response.writeHead(200).end(other));
  const error = await errorOf(fetchDataset("mnist", dir, { baseUrl, checksums }));
  assert.instance(error, DataError);
  assert.match(error.message, new RegExp(`MD5 is ${md5(other)}, expected ${md5(body)}`));
  assert.ok(error.message.includes(`${first}.bad`));
  assert.ok(other.equals(readFileSync(`${dir}/${first}.bad`)));
  assert.not(existsSync(`${dir}/${first}`));
  assert.not(existsSync(`${dir}/${first}.part`));
});

test("an HTTP error says the status and the address", async () => {
  const baseUrl = await serve((_, response) => response.writeHead(404).end("gone"));
  const dir = folderOf({ [`${first}.part`]: "kept" });
  const error = await errorOf(fetchDataset("mnist", dir, { baseUrl, checksums }));
  assert.instance(error, DataError);
  assert.ok(
    error.message.includes("404 Not Found") && error.message.includes(`${baseUrl}${first}`),
  );
  assert.is(readFileSync(`${dir}/${first}.part`, "utf8"), "kept");
});

test("no connection says so, and how to go on", async () => {
  const baseUrl = await serve(() => {});
  const closed = servers.pop()!;
  await new Promise((resolve) => closed.close(resolve));
  const error = await errorOf(fetchDataset("mnist", folderOf(), { baseUrl, checksums }));
  assert.instance(error, DataError);
  assert.match(error.message, /no connection \(.+\)\. Run `rewind fetch mnist` again/);
});

test("a server that says nothing, at once or in the middle, is given up on", async () => {
  const silent = await serve(() => {});
  const dir = folderOf();
  const never = errorOf(fetchDataset("mnist", dir, { baseUrl: silent, checksums, patience: 100 }));
  assert.match((await never).message, /no connection \(nothing came for 0\.1 s\)/);
  const stops = await serve((_, response) => {
    response.writeHead(200, { "content-length": body.length });
    response.write(body.subarray(0, 1000));
  });
  const half = errorOf(fetchDataset("mnist", dir, { baseUrl: stops, checksums, patience: 500 }));
  assert.match((await half).message, /nothing came for 0\.5 s/);
});

test("what is sent on to no encrypted address is not fetched from there", async () => {
  const asked: string[] = [];
  const sends = (location: string): typeof globalThis.fetch => {
    return async (url) => {
      asked.push(url instanceof Request ? url.url : String(url));
      return asked.length > 9
        ? new Response(null, { status: 500 })
        : new Response(null, { status: 302, headers: { location } });
    };
  };
  const fetched = (location: string): Promise<Error> =>
    errorOf(
      fetchDataset("mnist", folderOf(), {
        baseUrl: "https://example.org/",
        checksums,
        fetch: sends(location),
      }),
    );
  const error = await fetched("http://example.org/other");
  assert.instance(error, DataError);
  assert.match(error.message, /sends on to "http:\/\/example\.org\/other", which is not encrypted/);
  assert.equal(asked, [`https://example.org/${first}`]);
  assert.match((await fetched("file:///etc/hosts")).message, /not encrypted/);
  asked.length = 0;
  assert.match((await fetched("/again")).message, /sends on more than 5 times/);
  assert.is(asked[1], "https://example.org/again");
  const real = await serve(wholeFile());
  const sender = await serve((request, response) => {
    response.writeHead(301, { location: `${real}${request.url!.slice(1)}` }).end();
  });
  const dir = folderOf();
  await fetchDataset("mnist", dir, { baseUrl: sender, checksums });
  assert.ok(body.equals(readFileSync(`${dir}/${first}`)));
});

test("a body larger than stated, and one larger than files can be, are given up on", async () => {
  const dir = folderOf();
  const of = (length: string): typeof globalThis.fetch => {
    return async () => new Response(body, { headers: { "content-length": length } });
  };
  const larger = await errorOf(fetchDataset("mnist", dir, { fetch: of("1000"), checksums }));
  assert.instance(larger, DataError);
  assert.match(larger.message, /sent more than the 1000 bytes of the file; what came was removed/);
  assert.not(existsSync(`${dir}/${first}.part`));
  const huge = await errorOf(fetchDataset("mnist", dir, { fetch: of("99999999999"), checksums }));
  assert.match(huge.message, /speaks of 99999999999 bytes, and no file of mnist is larger/);
});

/** A ustar archive, written as its standard says. */
function tar(files: { readonly [path: string]: Buffer }, folder: string): Buffer {
  const header = (path: string, size: number, type: string) => {
    const block = Buffer.alloc(512);
    const put = (text: string, at: number) => block.write(text, at, "latin1");
    put(path, 0);
    put("0000644\0", 100);
    put(`${size.toString(8).padStart(11, "0")}\0`, 124);
    put("00000000000\0", 136);
    put("        ", 148);
    put(type, 156);
    put("ustar\x0000", 257);
    put(
      `${block
        .reduce((a, b) => a + b, 0)
        .toString(8)
        .padStart(6, "0")}\0 `,
      148,
    );
    return block;
  };
  const parts: Buffer[] = [header(`${folder}/`, 0, "5")];
  for (const [path, bytes] of Object.entries(files)) {
    parts.push(header(`${folder}/${path}`, bytes.length, "0"), bytes);
    parts.push(Buffer.alloc((512 - (bytes.length % 512)) % 512));
  }
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

async function fetchArchive(bytes: Buffer, dir: string): Promise<string[]> {
  const baseUrl = await serve((_, response) => response.writeHead(200).end(bytes));
  return fetchDataset("cifar10", dir, {
    baseUrl,
    checksums: { "cifar-10-binary.tar.gz": md5(bytes) },
  });
}

test("CIFAR archives are unpacked", async () => {
  const dir = folderOf();
  const files = { "test_batch.bin": body.subarray(0, 3073), "empty.txt": Buffer.alloc(0) };
  await fetchArchive(gzipSync(tar(files, "cifar-10-batches-bin")), dir);
  for (const [name, bytes] of Object.entries(files)) {
    assert.ok(bytes.equals(readFileSync(`${dir}/cifar-10-batches-bin/${name}`)), name);
  }
});

test("damaged archives and paths that lead outside are refused", async () => {
  const good = tar({ "a.bin": body.subarray(0, 2000) }, "x");
  const altered = Buffer.from(good);
  altered[512 + 3] = 65;
  const cases: [Buffer, RegExp][] = [
    [gzipSync(altered), /tar data is damaged/],
    [gzipSync(good.subarray(0, 1500)), /cut short/],
    [gzipSync(good).subarray(0, 200), /gzip data is damaged/],
    [gzipSync(tar({ "a.bin": body.subarray(0, 10) }, "../x")), /refuses to unpack/],
    [gzipSync(Buffer.alloc(1024)), /not a tar archive/],
  ];
  for (const [bytes, pattern] of cases) {
    const error = await errorOf(fetchArchive(bytes, folderOf()));
    assert.instance(error, DataError);
    assert.match(error.message, pattern);
  }
});

test("an unknown name lists the known ones", async () => {
  const error = await errorOf(fetchDataset("imagenet", folderOf()));
  assert.match(error.message, /"imagenet"; known are mnist, cifar10, cifar100/);
});

test("a data set that is added is fetched from where it says", async () => {
  const baseUrl = await serve(wholeFile());
  const added = {
    name: "squares",
    summary: "numbers squared",
    folder: true,
    download: { baseUrl, files: { "squares.bin": md5(body) } },
    load: () => Promise.reject(new Error("nothing is loaded here")),
  };
  datasets.add(added);
  const [path] = await fetchDataset("squares", folderOf());
  assert.ok(body.equals(readFileSync(path!)));
  assert.is(fetchableNames().at(-1), "squares");
});

test.after(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  removeFolders();
});
test.run();
