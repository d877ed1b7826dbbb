import { onAbort } from "../base/abort.js";
import { GibbsError } from "../base/errors/error.js";
import { draining } from "../base/errors/failures.js";
import type { HubChannel } from "../wire/dial/hub-channel.js";
import { definition } from "../wire/grpc/definition.js";
import { HealthService, ServingStatus } from "../wire/grpc/health.js";
import { fromStatus } from "../wire/grpc/status.js";
import { WorkerService } from "../wire/messages/work.js";

const { check } = definition(HealthService);

/**
 * Asks the server on a channel whether it is a hub that accepts workers.
 *
 * @throws GibbsError if it is not, or soon after `signal` fires.
 */
export function proveHub({ client, endpoint }: HubChannel, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = client.makeUnaryRequest(
      check.path,
      check.requestSerialize,
      check.responseDeserialize,
      { service: WorkerService.typeName },
      (error, answer) => {
        stopListening();
        if (error !== null) {
          const message = `${endpoint.name}: ${error.details}`;
          reject(fromStatus(error.code, message, undefined));
        } else if (answer?.status === ServingStatus.SERVING) resolve();
        else reject(new GibbsError("UNAVAILABLE", `${endpoint.name}: ${draining().message}`));
      },
    );
    const stopListening = onAbort(signal, () => call.cancel());
  });
}
