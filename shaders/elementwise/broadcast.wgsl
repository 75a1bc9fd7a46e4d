// Broadcast kernels: add: y = a + b; multiply: y = a * b; spread: y = SCALE a.
//
// y [N / (D1 D2 D3), D1, D2, D3]; element (i0, i1, i2, i3) of a lies at i0 A0 + i1 A1 + i2 A2 + i3
// A3, and b likewise; strides count floats and are 0 on axes where the operand is repeated.
// Prelude: N elements, D1, D2, D3, A0..A3, B0..B3, SCALE, PER elements a thread. One thread for
// PER of them.
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

const LANES = u32(N);

fn place(i: u32) -> vec4u {
  let row = i / u32(D3);
  return vec4u(row / u32(D1 * D2), row / u32(D2) % u32(D1), row % u32(D2), i % u32(D3));
}

fn a_at(p: vec4u) -> f32 {
  return a[p.x * u32(A0) + p.y * u32(A1) + p.z * u32(A2) + p.w * u32(A3)];
}

fn b_at(p: vec4u) -> f32 {
  return b[p.x * u32(B0) + p.y * u32(B1) + p.z * u32(B2) + p.w * u32(B3)];
}

fn first_lane(wid: vec3u, groups: vec3u, local: u32) -> u32 {
  return (wid.y * groups.x + wid.x) * (64u * PER) + local;
}

@compute @workgroup_size(64)
fn add(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  for (var k = 0u; k < PER; k++) {
    let i = first_lane(wid, groups, local) + 64u * k;
    if (i < LANES) {
      let p = place(i);
      y[i] = a_at(p) + b_at(p);
    }
  }
}

@compute @workgroup_size(64)
fn multiply(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  for (var k = 0u; k < PER; k++) {
    let i = first_lane(wid, groups, local) + 64u * k;
    if (i < LANES) {
      let p = place(i);
      y[i] = a_at(p) * b_at(p);
    }
  }
}

@compute @workgroup_size(64)
fn spread(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  for (var k = 0u; k < PER; k++) {
    let i = first_lane(wid, groups, local) + 64u * k;
    if (i < LANES) {
      let p = place(i);
      y[i] = a_at(p) * SCALE;
    }
  }
}
