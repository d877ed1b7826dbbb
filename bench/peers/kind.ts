import { fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import type { Payload } from "gibbs/proto";

/** The kind of a payload, as a user of the generated client would build it. */
export function toKind(data: unknown): Payload["kind"] {
  if (data instanceof Uint8Array) return { case: "data", value: data };
  return { case: "value", value: fromJson(ValueSchema, data as JsonValue) };
}

/** Reverses {@link toKind}. */
export function fromKind(kind: Payload["kind"]): unknown {
  if (kind.case === "value") return toJson(ValueSchema, kind.value);
  return kind.case === "data" ? kind.value : null;
}
