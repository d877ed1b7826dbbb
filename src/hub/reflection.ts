import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { Descriptors, Reflected, ServerReflectionRequest } from "../wire/grpc/reflection.js";

type ReflectionCall = ServerDuplexStream<
  ServerReflectionRequest,
  { originalRequest: ServerReflectionRequest; messageResponse: Reflected }
>;

/** The handlers of `grpc.reflection`, v1 and v1alpha, for grpcurl and `buf curl`. */
export function reflectionHandlers(descriptors: Descriptors): {
  serverReflectionInfo(call: ReflectionCall): void;
} {
  return {
    serverReflectionInfo(call) {
      call.on("data", (request: ServerReflectionRequest) => {
        call.write({ originalRequest: request, messageResponse: descriptors.answer(request) });
      });
      call.on("end", () => call.end());
      call.on("error", () => call.end());
    },
  };
}
