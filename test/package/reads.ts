/** Reads a file of every kind, and says which: what test/security.test.ts runs where no text can be made into code. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parquetWriteBuffer } from "hyparquet-writer";
import { loadLabelledFolder } from "../../src/data/labelled-folder.ts";
import { loadParquet } from "../../src/data/parquet.ts";
import { readTensors } from "../../src/io/tensor-file.ts";
import { image, jpeg, png } from "../data/images.ts";
import { goodFiles } from "../io/good-files.ts";

const read: string[] = [];
// Every function knows what makes functions of text: here it must refuse.
const made = (() => 0).constructor as (text: string) => () => string;
try {
  read.push(made("return 'code from text'")());
} catch (error) {
  if (!(error instanceof EvalError)) throw error;
}
for (const [kind, bytes] of Object.entries(await goodFiles())) {
  const { tensors } = await readTensors(bytes as Uint8Array<ArrayBuffer>, kind, {
    allowNonfinite: true,
  });
  if (tensors.size > 0) read.push(kind);
}
const folder = mkdtempSync(join(tmpdir(), "rewind-reads-"));
const dot = await png(image(4, 4, [10, 0, 0]));
writeFileSync(join(folder, "a.png"), dot);
writeFileSync(join(folder, "b.jpg"), await jpeg(image(4, 4, [20, 0, 0])));
writeFileSync(join(folder, "metadata.csv"), "file_name,label\na.png,cat\nb.jpg,dog\n");
const { dataset } = await loadLabelledFolder(folder, { classes: ["cat", "dog"] });
read.push(`${dataset.names!.join(", ")} by metadata.csv`);
const table = parquetWriteBuffer({
  schema: [
    { name: "root", num_children: 2 },
    { name: "image", num_children: 1, repetition_type: "OPTIONAL" },
    { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
    { name: "label", type: "INT64", repetition_type: "OPTIONAL" },
  ],
  columnData: [
    { name: "image", data: [{ bytes: dot }] },
    { name: "label", data: [0n] },
  ],
});
for (const part of ["train", "test"]) {
  writeFileSync(join(folder, `${part}.parquet`), new Uint8Array(table));
}
read.push(`${(await loadParquet(folder)).train.count} by parquet`);
rmSync(folder, { recursive: true });
console.log(JSON.stringify(read));
