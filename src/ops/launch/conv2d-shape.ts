/**
 * Shape of a 2-D convolution. Activations are [n, h, w, cin] -> [n, oh, ow, cout], weights are
 * [kh, kw, cin, cout]. Output (y, x) reads input rows y * strideH - padH + (0 .. kh - 1) and
 * columns x * strideW - padW + (0 .. kw - 1); what lies outside counts as zero, so bottom and right
 * padding follow from oh and ow.
 */
export interface Conv2dShape {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly cin: number;
  readonly oh: number;
  readonly ow: number;
  readonly cout: number;
  readonly kh: number;
  readonly kw: number;
  readonly strideH: number;
  readonly strideW: number;
  /** Rows of zero padding above the input. */
  readonly padH: number;
  /** Columns of zero padding left of the input. */
  readonly padW: number;
  /** Whether the forward pass adds a bias [cout]. */
  readonly hasBias: boolean;
}
