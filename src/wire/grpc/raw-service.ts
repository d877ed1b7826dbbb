import type { GenService, GenServiceMethods } from "@bufbuild/protobuf/codegenv2";
import type { MethodDefinition } from "@grpc/grpc-js";
import { definition } from "./definition.js";

/**
 * A grpc-js service whose messages remain bytes: its handlers decode them, so a malformed message
 * gets one of our statuses, and payloads are not decoded at all.
 */
export function rawService<S extends GenServiceMethods>(
  service: GenService<S>,
): { [K in keyof S]: MethodDefinition<Buffer, Buffer> } {
  const pass = (bytes: Buffer): Buffer => bytes;
  const raw = {
    requestSerialize: pass,
    requestDeserialize: pass,
    responseSerialize: pass,
    responseDeserialize: pass,
  };
  const methods = Object.entries(definition(service));
  return Object.fromEntries(
    methods.map(([name, method]) => [name, { ...method, ...raw }]),
  ) as ReturnType<typeof rawService<S>>;
}
