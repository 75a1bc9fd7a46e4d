/** Parquet files of images. */
import { parquetWriteBuffer } from "hyparquet-writer";

interface Columns {
  readonly [name: string]: { data: unknown[]; type?: "BYTE_ARRAY" | "INT64" | "STRING" };
}

/** A parquet file with the columns given and one of images, `{ bytes, path }`. */
export function file(
  images: readonly (Uint8Array | null)[],
  columns: Columns,
  {
    metadata,
    name = "image",
    plain = false,
  }: { metadata?: object; name?: string; plain?: boolean } = {},
): Uint8Array {
  const leaves = [
    { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
    { name: "path", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
  ] as const;
  const others = Object.entries(columns).map(([column, { type = "INT64" }]) =>
    type === "STRING"
      ? {
          name: column,
          type: "BYTE_ARRAY" as const,
          converted_type: "UTF8" as const,
          repetition_type: "OPTIONAL" as const,
        }
      : { name: column, type, repetition_type: "OPTIONAL" as const },
  );
  const buffer = parquetWriteBuffer({
    codec: plain ? "UNCOMPRESSED" : "SNAPPY",
    schema: [
      { name: "root", num_children: 1 + others.length },
      { name, num_children: 2, repetition_type: "OPTIONAL" },
      ...leaves,
      ...others,
    ],
    columnData: [
      {
        name,
        data: images.map((bytes, i) => (bytes === null ? null : { bytes, path: `${i}.png` })),
      },
      ...Object.entries(columns).map(([column, { data }]) => ({ name: column, data })),
    ],
    ...(metadata === undefined
      ? {}
      : { kvMetadata: [{ key: "huggingface", value: JSON.stringify(metadata) }] }),
  });
  return new Uint8Array(buffer);
}

export const numbers = (...values: number[]) => ({ data: values.map(BigInt) });
