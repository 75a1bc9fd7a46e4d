#!/bin/sh
# Packs what a GPU hour needs into one file, so that a rented machine has to fetch nothing: Node, the modules that run here
# (no compilers, linters or browsers) and the sources of the last commit.
#
#   bench/gpu-hour/pack.sh rewind-gpu-hour.tar.xz [FOLDER…]
#
# further folders (CIFAR-10, say) come along under data/. On the machine, which needs tar, xz and the GPU's Vulkan driver:
#
#   tar xJf rewind-gpu-hour.tar.xz && cd rewind && ./bench-hour --minutes 45 --out hour
set -eu
out=$(realpath -m "${1:?which file? pack.sh FILE.tar.xz [FOLDER…]}")
shift
root=$(cd "$(dirname "$0")/../.." && pwd)
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
mkdir -p "$here/rewind/bin"
git -C "$root" archive HEAD -- package.json src shaders models bench | tar x -C "$here/rewind"
rm -rf "$here/rewind/bench/results"
cp "$(node -p process.execPath)" "$here/rewind/bin/node"
# The commit cannot be asked of a folder without git.
git -C "$root" rev-parse --short HEAD >"$here/rewind/COMMIT"
tar c -C "$root" \
  --exclude='*.map' --exclude='*.d.ts' --exclude='node_modules/webgpu/dist/*darwin*' --exclude='node_modules/webgpu/dist/*win32*' \
  --exclude='node_modules/webgpu/dist/*arm64*' --exclude='node_modules/.cache' \
  $(cd "$root" && for part in deno @deno typescript @typescript oxlint @oxlint @oxlint-tsgolint oxlint-tsgolint vite rolldown @rolldown \
    prettier playwright-core axe-core lightningcss* uplot vega* d3-geo* @types fast-check; do
    for found in node_modules/$part; do [ -e "$found" ] && printf -- '--exclude=%s ' "$found"; done
  done) node_modules | tar x -C "$here/rewind"
for folder in "$@"; do
  mkdir -p "$here/rewind/data"
  cp -RL "$folder" "$here/rewind/data/"
done
cat >"$here/rewind/bench-hour" <<'RUN'
#!/bin/sh
cd "$(dirname "$0")" && exec bin/node --import tsx bench/run.ts gpu-hour "$@"
RUN
chmod +x "$here/rewind/bench-hour"
tar cJf "$out" -C "$here" rewind
du -h "$out"
