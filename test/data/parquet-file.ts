/** Parquet files of images. */
import { parquetWriteBuffer } from "hyparquet-writer";

interface Columns {
  readonly [name: string]: {
    data: unknown[];
    type?: "BYTE_ARRAY" | "BOOLEAN" | "DOUBLE" | "INT64" | "STRING";
  };
}

/** A parquet file with the columns given and one of images, `{ bytes, path }`; before it one of masks, `a_mask`. */
export function file(
  images: readonly (Uint8Array | null)[],
  columns: Columns,
  {
    metadata,
    name = "image",
    plain = false,
    masks,
  }: { metadata?: object; name?: string; plain?: boolean; masks?: Uint8Array } = {},
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
  const cells = (of: (i: number) => Uint8Array | null): unknown[] =>
    images.map((_, i) => {
      const bytes = of(i);
      return bytes === null ? null : { bytes, path: `${i}.png` };
    });
  const imageColumns = [
    ...(masks === undefined ? [] : [{ name: "a_mask", data: cells(() => masks) }]),
    { name, data: cells((i) => images[i]!) },
  ];
  const buffer = parquetWriteBuffer({
    codec: plain ? "UNCOMPRESSED" : "SNAPPY",
    schema: [
      { name: "root", num_children: imageColumns.length + others.length },
      ...imageColumns.flatMap((column) => [
        { name: column.name, num_children: 2, repetition_type: "OPTIONAL" as const },
        ...leaves,
      ]),
      ...others,
    ],
    columnData: [
      ...imageColumns,
      ...Object.entries(columns).map(([column, { data }]) => ({ name: column, data })),
    ],
    ...(metadata === undefined
      ? {}
      : { kvMetadata: [{ key: "huggingface", value: JSON.stringify(metadata) }] }),
  });
  return new Uint8Array(buffer);
}

export const numbers = (...values: number[]) => ({ data: values.map(BigInt) });
