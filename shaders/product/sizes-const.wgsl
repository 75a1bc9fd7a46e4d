//! part
//! import product/sizes
// Sizes as constants: M, N, K, LONGEST, RUN, PIECES, STEP_B, COLUMN_B, H, W, CIN, OH, OW, COUT,
// CLASS_H, CLASS_W.

const sizes = Sizes(
  M,
  N,
  K,
  LONGEST,
  RUN,
  PIECES,
  STEP_B,
  COLUMN_B,
  H,
  W,
  CIN,
  OH,
  OW,
  COUT,
  CLASS_H,
  CLASS_W,
);
