import { GibbsError } from "../../base/errors/error.js";
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  ServingStatus,
} from "../../wire/grpc/health.js";
import { toStatus } from "../../wire/grpc/status.js";
import type { DecodedCall, DecodedService } from "./decoded-call.js";

type Response = Pick<HealthCheckResponse, "status">;

/** `grpc.health.v1.Health`: serving until the hub drains, for the hub as a whole and for each service. */
export class Health {
  readonly #services: ReadonlySet<string>;
  readonly #watchers = new Set<DecodedCall<Response>>();
  #status = ServingStatus.SERVING;

  constructor(services: Iterable<string>) {
    this.#services = new Set(["", ...services]);
  }

  readonly check: DecodedService<HealthCheckRequest, Response> = {
    onRequest: ({ service }, call) => {
      if (this.#services.has(service)) return call.respond({ status: this.#status });
      call.end(toStatus(new GibbsError("NOT_FOUND", `no service "${service}" here`)));
    },
  };

  readonly watch: DecodedService<HealthCheckRequest, Response> = {
    onRequest: ({ service }, call) => {
      const isKnown = this.#services.has(service);
      call.write({ status: isKnown ? this.#status : ServingStatus.SERVICE_UNKNOWN });
      this.#watchers.add(call);
    },
    onClose: (call) => this.#watchers.delete(call),
  };

  /** Reports NOT_SERVING from now on. */
  drain(): void {
    this.#status = ServingStatus.NOT_SERVING;
    for (const call of this.#watchers) call.write({ status: this.#status });
  }

  /** Ends the streams of all watchers. */
  close(): void {
    for (const call of this.#watchers) call.end();
    this.#watchers.clear();
  }
}
