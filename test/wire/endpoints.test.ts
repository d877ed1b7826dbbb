import { describe, expect, it } from "vitest";
import { parseHubAddresses } from "../../src/base/hub-addresses.js";
import type { Endpoint } from "../../src/wire/dial/endpoint.js";
import { Endpoints } from "../../src/wire/dial/endpoints.js";
import { type Lookup, systemLookup } from "../../src/wire/dial/lookup.js";
import { ManualClock } from "../support/manual-clock.js";

/** Endpoints whose pauses are the longest possible. */
function start(list: string, lookup: Lookup = systemLookup, random = 0.999) {
  const clock = new ManualClock();
  const context = { clock, lookup, random: () => random, env: {} };
  return { clock, endpoints: new Endpoints(parseHubAddresses(list), context) };
}

const none = new Set<Endpoint>();

/** Rests every endpoint that is due, and returns their addresses. */
function takeDue(endpoints: Endpoints): string[] {
  const taken: string[] = [];
  for (;;) {
    const next = endpoints.pick(none);
    if (typeof next === "number") return taken.sort();
    taken.push(Object.values(next.address).join(":"));
    endpoints.rest(next);
  }
}

describe("a list of hub addresses", () => {
  it.each([
    [" a:1 ,[::1]:2,unix:/tmp/hub, :3 ", ["a:1", "[::1]:2", "unix:/tmp/hub", "127.0.0.1:3"]],
    ["a:1", ["a:1"]],
  ])("may be %j", (list, expected) => {
    expect(parseHubAddresses(list)).toEqual(expected);
  });

  it.each([
    ["", '"" is not an address'],
    ["a:1,,b:2", '"a:1,,b:2" has an empty item'],
    ["a:1,", '"a:1," has an empty item'],
    [",", '"," has an empty item'],
    ["a:1,b", '"b" is not an address'],
    ["a:1;b:2", '"a:1;b:2" is not an address'],
    ["a:1 b:2", '"a:1 b:2" is not an address'],
    ["a:1,http://b:2", '"http://b:2" is not an address'],
    ["a:1,b:70000", '"b:70000" is not an address'],
    ["a:1,b:0", '"b:0" has the port 0'],
    ["a:1,b:2,A.:1", "A.:1 is in the list twice"],
    ["[::1]:1,[0:0::1]:1", "[0:0::1]:1 is in the list twice"],
    ["unix:/a,unix:/a", "unix:/a is in the list twice"],
    [`unix:${"p".repeat(104)},a:1`, "at most 103 bytes"],
    [Array.from({ length: 65 }, (_, i) => `h${i}:1`).join(","), "65 hub addresses, more than 64"],
  ])("cannot be %j", (list, message) => {
    expect(() => parseHubAddresses(list)).toThrow(
      expect.objectContaining({
        code: "INVALID_ARGUMENT",
        reason: "BAD_ADDRESS",
        execution: "NOT_STARTED",
        message: expect.stringContaining(message),
      }),
    );
  });
});

describe("endpoints", () => {
  it("are chosen at random among those that are due and not busy", () => {
    const { endpoints } = start("127.0.0.1:1,127.0.0.1:2,unix:/tmp/hub", systemLookup, 0.5);
    const second = endpoints.pick(none) as Endpoint;
    expect(second.name).toBe("127.0.0.1:2");
    expect(endpoints.pick(new Set([second]))).toMatchObject({ name: "unix:/tmp/hub" });
    endpoints.rest(second);
    expect(takeDue(endpoints)).toEqual(["/tmp/hub", "127.0.0.1:1"]);
    expect(endpoints.areSeveral).toBe(true);
    expect(`${endpoints}`).toBe("127.0.0.1:1,127.0.0.1:2,unix:/tmp/hub");
  });

  it("rest no less than a hub asks", async () => {
    const { clock, endpoints } = start("127.0.0.1:1,127.0.0.1:2");
    const one = endpoints.pick(none) as Endpoint;
    endpoints.rest(one, 5000);
    expect(takeDue(endpoints)).toEqual(["127.0.0.1:1"]);
    await clock.advance(4999);
    expect(takeDue(endpoints)).toEqual(["127.0.0.1:1"]);
    await clock.advance(1);
    expect(endpoints.pick(none)).toBe(one);
  });

  it("rest when their connection has not lasted, longer each time until one has", async () => {
    const { clock, endpoints } = start("127.0.0.1:1");
    const one = endpoints.pick(none) as Endpoint;
    const pauses: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      endpoints.left(one, clock.now());
      pauses.push(Math.round(endpoints.waitMs));
      await clock.advance(endpoints.waitMs);
    }
    expect(pauses).toEqual([300, 899, 1000, 1000]);
    const since = clock.now();
    await clock.advance(1000);
    endpoints.left(one, since);
    expect(endpoints.waitMs).toBe(0);
    endpoints.left(one, clock.now());
    expect(Math.round(endpoints.waitMs)).toBe(300);
  });

  it("leave the choice for a moment when their connection is going away, if there are others", async () => {
    const { clock, endpoints } = start("127.0.0.1:1,127.0.0.1:2");
    const one = endpoints.pick(none) as Endpoint;
    await clock.advance(60_000);
    endpoints.left(one, 1000);
    expect(takeDue(endpoints)).toEqual(["127.0.0.1:1"]);
  });

  it("are those of a name, which is looked up again after a second", async () => {
    let known = ["127.0.0.2", "::1", "127.0.0.2"];
    let asked = 0;
    const { clock, endpoints } = start("hub.test:1,127.0.0.1:9", async (host) => {
      asked += 1;
      expect(host).toBe("hub.test");
      if (known.length === 0) throw new Error("no such host");
      return known;
    });
    endpoints.lookUp();
    // While a name is looked up, only the others are known.
    expect(takeDue(endpoints)).toEqual(["127.0.0.1:9"]);
    await clock.advance(0);
    expect(endpoints.size).toBe(3);
    expect(takeDue(endpoints)).toEqual(["127.0.0.2:1", "::1:1"]);
    endpoints.lookUp();
    expect(asked).toBe(1);
    known = ["127.0.0.2", "127.0.0.3"];
    await clock.advance(1000);
    endpoints.lookUp();
    await clock.advance(0);
    // One that stays keeps its backoff: it has rested for as long as that is.
    expect(endpoints.size).toBe(3);
    expect(takeDue(endpoints)).toEqual(["127.0.0.1:9", "127.0.0.2:1", "127.0.0.3:1"]);
    known = [];
    await clock.advance(1000);
    endpoints.lookUp();
    await clock.advance(0);
    expect(asked).toBe(3);
    expect(endpoints.size).toBe(3);
    expect(endpoints.lookupFailure).toBeUndefined();
  });

  it("of a name wait a second for a lookup, which is given up after five", async () => {
    const { clock, endpoints } = start("hub.test:1", () => new Promise(() => {}));
    endpoints.lookUp();
    expect(endpoints.pick(none)).toBe(1000);
    await clock.advance(4999);
    expect(endpoints.isLookingUp).toBe(true);
    await clock.advance(1);
    expect(endpoints.isLookingUp).toBe(false);
    expect(endpoints.lookupFailure).toEqual(new Error("no answer about hub.test in 5000 ms"));
  });

  it("are at most 64 of one name", async () => {
    const { clock, endpoints } = start("hub.test:1", async () =>
      Array.from({ length: 100 }, (_, index) => `10.0.0.${index}`),
    );
    endpoints.lookUp();
    await clock.advance(0);
    expect(endpoints.size).toBe(64);
  });
});
