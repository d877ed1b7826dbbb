import type { Data, Inputs, Unsendable } from "./case.js";

/** Longer data is written as its size: a report with megabytes helps nobody. */
const MAX_WRITTEN = 100;

/** The value that a case writes as `data`. */
export function toValue(data: Data): unknown {
  if ("json" in data) return data.json;
  if ("hex" in data) return new Uint8Array(Buffer.from(data.hex, "hex"));
  if ("bytesOf" in data) return new Uint8Array(data.bytesOf);
  if ("textOf" in data) return "x".repeat(data.textOf);
  return unsendable(data.unsendable);
}

/** Each of several values. */
export function toAll(inputs: Inputs): readonly Data[] {
  if (!("below" in inputs)) return inputs;
  return Array.from({ length: inputs.below }, (_, json) => ({ json }));
}

function unsendable(kind: Unsendable): unknown {
  switch (kind) {
    case "nan":
      return { a: [Number.NaN] };
    case "infinity":
      return Number.NEGATIVE_INFINITY;
    case "big integer":
      return 2n ** 53n + 1n;
    case "nested bytes":
      return [new Uint8Array(1)];
    case "too deep": {
      let deep: unknown = null;
      for (let level = 0; level < 1001; level += 1) deep = [deep];
      return deep;
    }
  }
}

/** The reverse of {@link toValue}, as every SDK's runner reports an answer. */
export function toData(value: unknown): Data {
  if (value instanceof Uint8Array) {
    const isZero = value.length > MAX_WRITTEN && Buffer.alloc(value.length).equals(value);
    return isZero ? { bytesOf: value.length } : { hex: Buffer.from(value).toString("hex") };
  }
  const isLong = typeof value === "string" && value.length > MAX_WRITTEN && /^x+$/.test(value);
  return isLong ? { textOf: value.length } : { json: value };
}
