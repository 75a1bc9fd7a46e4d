// Max pooling over NHWC. forward: y = largest of the window, argmax = its tap (kh * KW + kw), the first on ties.
// backward, as a gather: dx[pixel] = sum of dy over the windows whose largest element it is.
// Prelude: N, H, W, C, OH, OW, SIZE (window side), STRIDE, PAD. One thread an element of y (forward) or x.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> argmax: array<u32>;
@group(0) @binding(3) var<storage, read> kept: array<u32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn forward(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (wid.y * groups.x + wid.x) * 64u + local;
  if (i >= u32(N * OH * OW * C)) {
    return;
  }
  let c = i % u32(C);
  let ow = i / u32(C) % u32(OW);
  let oh = i / u32(C * OW) % u32(OH);
  let n = i / u32(C * OW * OH);
  var best = -3.4028234e38;
  var tap = 0u;
  for (var kh = 0u; kh < u32(SIZE); kh++) {
    let r = i32(oh * u32(STRIDE) + kh) - i32(PAD);
    for (var kw = 0u; kw < u32(SIZE); kw++) {
      let q = i32(ow * u32(STRIDE) + kw) - i32(PAD);
      if (r >= 0 && r < i32(H) && q >= 0 && q < i32(W)) {
        let v = x[((n * u32(H) + u32(r)) * u32(W) + u32(q)) * u32(C) + c];
        if (v > best) {
          best = v;
          tap = kh * u32(SIZE) + kw;
        }
      }
    }
  }
  y[i] = best;
  argmax[i] = tap;
}

@compute @workgroup_size(64)
fn backward(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (wid.y * groups.x + wid.x) * 64u + local;
  if (i >= u32(N * H * W * C)) {
    return;
  }
  let c = i % u32(C);
  let q = i / u32(C) % u32(W);
  let r = i / u32(C * W) % u32(H);
  let n = i / u32(C * W * H);
  var sum = 0.0;
  for (var kh = 0u; kh < u32(SIZE); kh++) {
    let top = i32(r) + i32(PAD) - i32(kh);
    if (top < 0 || u32(top) % u32(STRIDE) != 0u || u32(top) / u32(STRIDE) >= u32(OH)) {
      continue;
    }
    for (var kw = 0u; kw < u32(SIZE); kw++) {
      let left = i32(q) + i32(PAD) - i32(kw);
      if (left < 0 || u32(left) % u32(STRIDE) != 0u || u32(left) / u32(STRIDE) >= u32(OW)) {
        continue;
      }
      let at = ((n * u32(OH) + u32(top) / u32(STRIDE)) * u32(OW) + u32(left) / u32(STRIDE)) * u32(C) + c;
      if (kept[at] == kh * u32(SIZE) + kw) {
        sum += dy[at];
      }
    }
  }
  dx[i] = sum;
}
