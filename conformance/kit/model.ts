import type { JsonValue } from "@bufbuild/protobuf";

/** The methods of the conformance model, which conformance/README.md describes. */
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

/** What `conformance.context` answers. */
export interface ToldContext {
  attempt: JsonValue;
  request_id: JsonValue;
  timeout_ms: JsonValue;
  metadata: Record<string, JsonValue>;
}
