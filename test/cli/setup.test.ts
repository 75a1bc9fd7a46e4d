import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseOsRelease, setupOf } from "../../src/cli/setup.mjs";

const release = (id: string, version: string): Record<string, string> =>
  parseOsRelease(`PRETTY_NAME="${id} ${version}"\nID=${id}\nVERSION_ID="${version}"\n`);
const install = "apt-get install -y --no-install-recommends";

test("Debian 12 gets Mesa from backports, added beside classic or deb822 sources of any mirror", () => {
  const classic = {
    "/etc/apt/sources.list":
      "# x\ndeb [signed-by=/k] http://mirror.example/debian bookworm main contrib\n",
  };
  const deb822 = {
    "/etc/apt/sources.list.d/debian.sources":
      "Types: deb\nURIs: http://security.example/s\nSuites: bookworm-security\nComponents: main\n\n" +
      "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n",
  };
  for (const sources of [classic, deb822]) {
    assert.equal(setupOf({ osRelease: release("debian", "12"), sources }), {
      commands: [
        "echo 'deb http://mirror.example/debian bookworm-backports main' > /etc/apt/sources.list.d/rewind-backports.list",
        "apt-get update",
        `${install} -t bookworm-backports mesa-vulkan-drivers`,
      ],
    });
  }
});

test("backports that are there already are not added again", () => {
  const sources = {
    "/etc/apt/sources.list": "deb http://mirror.example/debian bookworm-backports main\n",
  };
  assert.equal(setupOf({ osRelease: release("debian", "12"), sources }), {
    commands: ["apt-get update", `${install} -t bookworm-backports mesa-vulkan-drivers`],
  });
});

test("Debian 13 and Ubuntu 24.04 ship a new enough Mesa", () => {
  for (const [id, version] of [
    ["debian", "13"],
    ["ubuntu", "24.04"],
  ] as const) {
    assert.equal(setupOf({ osRelease: release(id, version), sources: {} }), {
      commands: ["apt-get update", `${install} mesa-vulkan-drivers`],
    });
  }
});

test("other systems, and Debian 12 without known sources, are told what to do", () => {
  for (const osRelease of [release("fedora", "42"), release("ubuntu", "22.04"), {}]) {
    const setup = setupOf({ osRelease, sources: {} });
    assert.ok("advice" in setup && /install a Vulkan driver/.test(setup.advice));
  }
  const setup = setupOf({ osRelease: release("debian", "12"), sources: {} });
  assert.ok("advice" in setup && /bookworm-backports/.test(setup.advice));
});

test.run();
