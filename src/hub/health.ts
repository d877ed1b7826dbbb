import type { ServerUnaryCall, ServerWritableStream, sendUnaryData } from "@grpc/grpc-js";
import { GibbsError } from "../base/errors/error.js";
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  ServingStatus,
} from "../wire/grpc/health.js";
import { toStatus } from "../wire/grpc/status.js";

type Reply = Pick<HealthCheckResponse, "status">;
type Watcher = ServerWritableStream<HealthCheckRequest, Reply>;

/** `grpc.health.v1.Health`: serving until the hub drains, for the hub as a whole and for each service. */
export class Health {
  readonly #services: ReadonlySet<string>;
  readonly #watchers = new Set<Watcher>();
  #status = ServingStatus.SERVING;

  constructor(services: Iterable<string>) {
    this.#services = new Set(["", ...services]);
  }

  /** The handlers, in the shape of grpc-js. */
  readonly handlers = {
    check: (
      call: ServerUnaryCall<HealthCheckRequest, Reply>,
      callback: sendUnaryData<Reply>,
    ): void => {
      const { service } = call.request;
      if (this.#services.has(service)) return callback(null, { status: this.#status });
      callback(toStatus(new GibbsError("NOT_FOUND", `no service "${service}" here`)));
    },

    watch: (call: Watcher): void => {
      const known = this.#services.has(call.request.service);
      call.write({ status: known ? this.#status : ServingStatus.SERVICE_UNKNOWN });
      this.#watchers.add(call);
      call.on("cancelled", () => this.#watchers.delete(call));
      call.on("error", () => this.#watchers.delete(call));
    },
  };

  /** From now on not serving. */
  drain(): void {
    this.#status = ServingStatus.NOT_SERVING;
    for (const call of this.#watchers) call.write({ status: this.#status });
  }

  /** Ends the streams of those who watch. */
  close(): void {
    for (const call of this.#watchers) call.end();
    this.#watchers.clear();
  }
}
