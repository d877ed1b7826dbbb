import { describe, expect, it } from "vitest";
import { parseAddress } from "../../src/base/address.js";
import { blameProxy, type Environment, proxyFor } from "../../src/wire/dial/proxy.js";

function proxyOf(address: string, env: Environment): string | undefined {
  const proxy = proxyFor(parseAddress(address), env);
  return proxy && `${proxy.variable} ${proxy.address}`;
}

const url = "http://proxy.test:3128";

describe("the proxy of the environment", () => {
  it.each([
    [{ grpc_proxy: url, https_proxy: "http://other.test" }, "grpc_proxy proxy.test:3128"],
    [{ https_proxy: url, http_proxy: "http://other.test" }, "https_proxy proxy.test:3128"],
    [{ HTTP_PROXY: url, all_proxy: "http://other.test" }, "HTTP_PROXY proxy.test:3128"],
    [{ http_proxy: url, HTTP_PROXY: "http://other.test" }, "http_proxy proxy.test:3128"],
    [{ ALL_PROXY: "proxy.test" }, "ALL_PROXY proxy.test:80"],
    [{ http_proxy: "", ALL_PROXY: "http://[::1]:8080/" }, "ALL_PROXY [::1]:8080"],
    // What cannot be used is passed over.
    [{ https_proxy: "https://proxy.test", http_proxy: url }, "http_proxy proxy.test:3128"],
    [{ all_proxy: "socks5://proxy.test:1080" }, undefined],
    [{ all_proxy: "http://:no" }, undefined],
    [{}, undefined],
  ])("is that of the first variable that names one: %j", (env, expected) => {
    expect(proxyOf("hub.test:5019", env as Environment)).toBe(expected);
  });

  it.each([
    "127.0.0.1:5019",
    "127.1.2.3:5019",
    "localhost:5019",
    "LOCALHOST.:5019",
    "0.0.0.0:5019",
    "[::]:5019",
    "[0:0:0:0:0:0:0:0]:5019",
    "[0:0::1]:5019",
    "[::ffff:127.0.0.1]:5019",
    "[::ffff:7f00:1]:5019",
    "127.1:5019",
    "[::1]:5019",
    ":5019",
    "unix:/tmp/hub",
  ])("is not used for %s, which no proxy can reach", (address) => {
    const env = { grpc_proxy: url, https_proxy: url, http_proxy: url, ALL_PROXY: url };
    expect(proxyOf(address, env)).toBeUndefined();
  });

  it.each([
    ["*", "hub.test:5019", true],
    ["other.test, HUB.test", "hub.test:5019", true],
    [".test", "hub.test:5019", true],
    ["*.test", "hub.test:5019", true],
    ["test", "hub.test:5019", true],
    ["b.test", "hub.test:5019", false],
    ["hub.test:5019", "hub.test:5019", true],
    ["hub.test:5020", "hub.test:5019", false],
    ["10.0.0.0/8", "10.1.2.3:5019", true],
    ["10.0.0.0/8", "11.1.2.3:5019", false],
    ["10.0.0.0/99", "10.1.2.3:5019", false],
    ["10.0.0.0/8", "hub.test:5019", false],
    ["fd00::/8", "[fd00::7]:5019", true],
    ["[fd00::7]:5019", "[fd00::7]:5019", true],
    ["fd00::7", "[FD00:0:0::0007]:5019", true],
    ["fd00:0::8", "[fd00::7]:5019", false],
    ["10.1.2.3", "[::ffff:10.1.2.3]:5019", true],
    ["10.0.0.0/8", "[::ffff:10.1.2.3]:5019", true],
    ["hub.test.", "hub.test:5019", true],
    [".test", "hub.test.:5019", true],
    ["", "hub.test:5019", false],
  ])("is not used for hosts in no_proxy: %s, %s", (list, address, isListed) => {
    const expected = isListed ? undefined : "http_proxy proxy.test:3128";
    expect(proxyOf(address, { http_proxy: url, no_proxy: list })).toBe(expected);
    expect(proxyOf(address, { http_proxy: url, NO_GRPC_PROXY: list, no_proxy: "?" })).toBe(
      expected,
    );
  });

  it("is named when it may be to blame, without its password", () => {
    const env = { https_proxy: "http://me:p%40ss@proxy.test:3128" };
    const proxy = proxyFor(parseAddress("hub.test:5019"), env);
    expect(proxy?.credentials).toBe("me:p@ss");
    const raw = { https_proxy: "http://bob:50%@proxy.test:3128" };
    expect(proxyFor(parseAddress("hub.test:5019"), raw)?.credentials).toBe("bob:50%");
    expect(blameProxy("no answer", proxy, "hub.test:5019")).toBe(
      "no answer (through the proxy proxy.test:3128 of https_proxy; to dial hub.test:5019 " +
        "directly, add it to no_proxy)",
    );
    expect(blameProxy("no answer", undefined, "hub.test:5019")).toBe("no answer");
  });
});
