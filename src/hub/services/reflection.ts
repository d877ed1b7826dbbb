import type {
  Descriptors,
  Reflected,
  ServerReflectionRequest,
} from "../../wire/grpc/reflection.js";
import type { DecodedService } from "./decoded-call.js";

/** Serves `grpc.reflection`, v1 and v1alpha, for grpcurl and `buf curl`. */
export function reflectionService(
  descriptors: Descriptors,
): DecodedService<
  ServerReflectionRequest,
  { originalRequest: ServerReflectionRequest; messageResponse: Reflected }
> {
  return {
    onRequest(request, call) {
      call.write({ originalRequest: request, messageResponse: descriptors.answer(request) });
    },
  };
}
