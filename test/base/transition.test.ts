import { expect, it } from "vitest";
import { checkTransition, type Transitions } from "../../src/base/transition.js";

const door: Transitions<"open" | "shut" | "gone"> = {
  open: ["shut", "gone"],
  shut: ["open", "gone"],
  gone: [],
};

it("allows the transitions in the table, and throws an internal error for any other", () => {
  expect(() => checkTransition("a door", door, "open", "shut")).not.toThrow();
  expect(() => checkTransition("a door", door, "gone", "open")).toThrow(
    expect.objectContaining({
      code: "INTERNAL",
      reason: "INTERNAL",
      message: "a door cannot go from gone to open",
    }),
  );
});
