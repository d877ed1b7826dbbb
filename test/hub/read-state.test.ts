import { expect, it } from "vitest";
import { transition } from "../../src/hub/transport/read-state.js";

it("keeps a pause and the unpacking of a message apart, in either order", () => {
  expect(transition(transition("reading", "pause"), "unpack")).toBe("unpacking-paused");
  expect(transition(transition("reading", "unpack"), "pause")).toBe("unpacking-paused");
  expect(transition("unpacking-paused", "unpacked")).toBe("paused");
  expect(transition("unpacking-paused", "resume")).toBe("unpacking");
});

it("stays ended, and throws on an impossible event", () => {
  for (const event of ["resume", "unpacked", "end"] as const) {
    expect(transition("ended", event)).toBe("ended");
  }
  expect(() => transition("unpacking", "unpack")).toThrow("no unpack while a call is unpacking");
  expect(() => transition("ended", "pause")).toThrow("no pause while a call is ended");
});
