import { expect, it } from "vitest";
import { Worker } from "../../src/worker/worker.js";
import { serve } from "../support/gated.js";
import { gibbs, gibbsHub, startClient } from "../support/running.js";

const faulty = "test/fixtures/faulty.js";
const mapped = "test/parity/fixtures/mapped.js";

// As in the original, a worker whose model cannot be constructed fails with the model's own error.
it("constructor-throws", async () => {
  const hub = await gibbsHub();
  const module = "test/fixtures/bad-constructor.js";
  const worker = await gibbs(["worker", module, "--hub", hub.address]).ended;
  expect(worker).toMatchObject({ code: 1, stderr: expect.stringContaining("no weights found") });
  class Crashing {
    constructor() {
      throw new RangeError("no weights here either");
    }
    call(): void {}
  }
  expect(() => new Worker(Crashing)).toThrow(new RangeError("no weights here either"));
});

// The original raises UserCodeException in the caller. Here it is a GibbsError with the type and
// message of the thrown error. In both, the worker keeps serving.
it("handler-throws", async () => {
  const hub = await gibbsHub();
  await serve(hub.address, faulty);
  const client = startClient(hub.address);
  const pid = await client.request({ act: "pid" });
  await expect(client.request({ act: "throw" })).rejects.toMatchObject({
    name: "GibbsError",
    code: "UNKNOWN",
    reason: "HANDLER_ERROR",
    remoteType: "RangeError",
    message: "asked to throw",
    execution: "FINISHED",
  });
  expect(await client.request({ act: "pid" }), "the same process goes on").toBe(pid);
});

// The original takes positional and keyword arguments. Here they are one JSON array, with an object
// instead of keywords; omitted ones take the model's defaults.
it("constructor-arguments", async () => {
  const hub = await gibbsHub();
  const client = startClient(hub.address);
  const built: [string, string[]][] = [
    ["defaults", []],
    ["positional", ["--args", "[5, 6]"]],
    ["named", ["--args", '[1, 1, {"fourth": 7}]']],
  ];
  const answers: Record<string, unknown> = {};
  for (const [method, args] of built) {
    await serve(hub.address, mapped, "--method", method, ...args);
    const input = { first: 2, second: 2, third: 2, fourth: 2 };
    answers[method] = await client.request(input, { method });
  }
  expect(answers).toEqual({
    defaults: { first: 2, second: 2, third: 2, fourth: 2 },
    positional: { first: 10, second: 12, third: 2, fourth: 2 },
    named: { first: 2, second: 2, third: 2, fourth: 14 },
  });
});

// The original always sends the traceback, in the text of its error. Here it is a field of the
// error, sent only if the worker is configured to, because it exposes code to callers.
it("remote-traceback", async () => {
  const hub = await gibbsHub();
  await serve(hub.address, faulty, "--method", "open", "--stacks");
  await serve(hub.address, faulty, "--method", "closed");
  const client = startClient(hub.address);
  await expect(client.request({ act: "throw" }, { method: "open" })).rejects.toMatchObject({
    message: "asked to throw",
    remoteStack: expect.stringMatching(
      /^RangeError: asked to throw\n +at Faulty\.call .*faulty\.js:/,
    ),
  });
  await expect(client.request({ act: "throw" }, { method: "closed" })).rejects.toMatchObject({
    message: "asked to throw",
    remoteStack: undefined,
  });
});
