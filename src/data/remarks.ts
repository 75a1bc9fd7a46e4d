/** What is to be said of images that were read: some are turned or transparent, which is left aside. */
import type { DecodedImage } from "./decoded-image.ts";

/** How many of a list of files, and the place of the first. */
interface Remark {
  readonly count: number;
  readonly first: number;
}

const none: Remark = { count: 0, first: 0 };

/** Counts images to be remarked on. */
export class Remarks {
  turned = none;
  transparent = none;
  /** What went wrong beside the images, a sentence each. */
  readonly complaints: string[] = [];

  /** Looks at the image at a place of the list. */
  see({ turned, transparent }: DecodedImage, place: number): void {
    if (turned === true) this.turned = sum(this.turned, { count: 1, first: place });
    if (transparent === true) this.transparent = sum(this.transparent, { count: 1, first: place });
  }

  /** Adds what was seen of a part of the list that begins at `start`. */
  add({ turned, transparent }: Pick<Remarks, "turned" | "transparent">, start: number): void {
    const moved = ({ count, first }: Remark): Remark => ({ count, first: first + start });
    this.turned = sum(this.turned, moved(turned));
    this.transparent = sum(this.transparent, moved(transparent));
  }

  /** As four numbers, and back. */
  get numbers(): readonly number[] {
    return [this.turned, this.transparent].flatMap(({ count, first }) => [count, first]);
  }

  static of([turned, firstTurned, transparent, firstTransparent]: readonly number[]): Remarks {
    const remarks = new Remarks();
    remarks.turned = { count: turned!, first: firstTurned! };
    remarks.transparent = { count: transparent!, first: firstTransparent! };
    return remarks;
  }

  /** A sentence each; `nameOf`: what the image at a place is called. */
  notes(nameOf: (place: number) => string): string[] {
    const { turned, transparent, complaints } = this;
    return [
      ...complaints,
      ...said(turned, "is to be turned for display (EXIF orientation), which", nameOf),
      ...said(transparent, "is transparent in parts, which", nameOf),
    ];
  }
}

function sum(a: Remark, b: Remark): Remark {
  if (b.count === 0) return a;
  if (a.count === 0) return b;
  return { count: a.count + b.count, first: Math.min(a.first, b.first) };
}

function said({ count, first }: Remark, what: string, nameOf: (place: number) => string): string[] {
  if (count === 0) return [];
  const many = count === 1 ? `1 image ${what}` : `${count} images: each ${what}`;
  return [`${many} is left aside; the first: ${nameOf(first)}.`];
}
