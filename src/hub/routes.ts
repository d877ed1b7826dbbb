import type { Clock } from "../base/clock.js";
import { definition } from "../wire/grpc/definition.js";
import { HealthService } from "../wire/grpc/health.js";
import {
  Descriptors,
  ReflectionService,
  ReflectionServiceV1Alpha,
} from "../wire/grpc/reflection.js";
import { HubService } from "../wire/index.js";
import { WorkerService } from "../wire/messages/work.js";
import type { Router } from "./router.js";
import { decodedHandler } from "./services/decoded-call.js";
import type { Health } from "./services/health.js";
import { type MultiplexContext, multiplexHandler } from "./services/multiplex.js";
import { reflectionService } from "./services/reflection.js";
import { requestHandler } from "./services/request.js";
import type { UnaryContext } from "./services/unary-call.js";
import { type WorkContext, workHandler } from "./services/work.js";

/** What the services of one hub need. */
export interface Services {
  request: UnaryContext;
  multiplex: MultiplexContext;
  work: WorkContext;
  health: Health;
  clock: Clock;
}

/** Adds the services that every hub has. */
export function addRoutes(
  router: Router,
  { request, multiplex, work, health, clock }: Services,
): void {
  const hub = definition(HubService);
  router.add(hub.request.path, requestHandler(request));
  router.add(hub.multiplex.path, multiplexHandler(multiplex));
  router.add(definition(WorkerService).work.path, workHandler(work));

  const { check, watch } = definition(HealthService);
  router.add(check.path, decodedHandler(check, health.check, clock));
  router.add(watch.path, decodedHandler(watch, health.watch, clock));

  const v1 = definition(ReflectionService).serverReflectionInfo;
  const { path: v1AlphaPath } = definition(ReflectionServiceV1Alpha).serverReflectionInfo;
  const services = [
    HubService,
    WorkerService,
    HealthService,
    ReflectionService,
    ReflectionServiceV1Alpha,
  ];
  const reflection = reflectionService(new Descriptors(services));
  router.add(v1.path, decodedHandler(v1, reflection, clock));
  // Both versions have the same messages on the wire.
  router.add(v1AlphaPath, decodedHandler({ ...v1, path: v1AlphaPath }, reflection, clock));
}
