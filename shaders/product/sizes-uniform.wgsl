//! part
//! import product/sizes
// Sizes as a uniform. Constants: none.

@group(0) @binding(4) var<uniform> sizes: Sizes;
