import type { JsonValue } from "@bufbuild/protobuf";

/** The methods of the conformance model; conformance/README.md describes them. */
export const Model = {
  ECHO: "conformance.echo",
  HOLD: "conformance.hold",
  BLOCK: "conformance.block",
  FAIL: "conformance.fail",
  CONTEXT: "conformance.context",
  BYTES: "conformance.bytes",
} as const;

/** One of the model's methods. */
export type ModelMethod = (typeof Model)[keyof typeof Model];

/** The answer of `conformance.context`. */
export interface HandlerContext {
  attempt: JsonValue;
  request_id: JsonValue;
  timeout_ms: JsonValue;
  metadata: Record<string, JsonValue>;
}
