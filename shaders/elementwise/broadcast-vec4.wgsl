// Broadcast kernels for a last axis that is a multiple of 4: add: y = a + b; multiply: y = a * b;
// spread: y = SCALE a.
//
// y [N / (D1 D2 D3), D1, D2, D3]; element (i0, i1, i2, i3) of a lies at i0 A0 + i1 A1 + i2 A2 + i3
// A3, and b likewise; strides count floats and are 0 on axes where the operand is repeated, A3 and
// B3 are 0 or 1.
// Prelude: N elements, D1, D2, D3, A0..A3, B0..B3, SCALE, PER quads a thread. One thread for PER
// of them.
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

const LANES = u32(N) / 4u;
const QUADS = u32(D3) / 4u;

// Coordinates of a quad's first element.
fn place(i: u32) -> vec4u {
  let row = i / QUADS;
  return vec4u(row / u32(D1 * D2), row / u32(D2) % u32(D1), row % u32(D2), 4u * (i % QUADS));
}

fn a_at(p: vec4u) -> vec4f {
  let at = p.x * u32(A0) + p.y * u32(A1) + p.z * u32(A2) + p.w * u32(A3);
  if (A3 == 0) {
    return vec4f(a[at / 4u][at % 4u]);
  }
  return a[at / 4u];
}

fn b_at(p: vec4u) -> vec4f {
  let at = p.x * u32(B0) + p.y * u32(B1) + p.z * u32(B2) + p.w * u32(B3);
  if (B3 == 0) {
    return vec4f(b[at / 4u][at % 4u]);
  }
  return b[at / 4u];
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
