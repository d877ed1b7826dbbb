// Code that a user might write against the public types; compiled against the packed package.
import { Client, type ClientOptions, GibbsError, Hub, startWorkers, Worker } from "gibbs";
import type { Answer, RequestOptions, Client as SameClient } from "gibbs/client";
import { DEFAULT_ADDRESS, type HubOptions, type Logger, type Hub as SameHub } from "gibbs/hub";
import { definition, HubService, type Payload, WorkRequestSchema } from "gibbs/proto";
import type { JobContext, Worker as SameWorker, WorkerOptions, Workers } from "gibbs/worker";
import { createClient } from "nice-grpc";

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <T extends true>(proof?: T): T | undefined => proof;

same<Equal<typeof Client, typeof SameClient>>();
same<Equal<typeof Hub, typeof SameHub>>();
same<Equal<typeof Worker, typeof SameWorker>>();

const logger: Logger = console;
const hubOptions: HubOptions = { listen: DEFAULT_ADDRESS, logger };
const clientOptions: ClientOptions = { timeoutMs: 1000 };
const workerOptions: WorkerOptions = { slots: 2, labels: { zone: "a" } };
const requestOptions: RequestOptions = { method: "m", signal: new AbortController().signal };

export async function use(client: Client, hub: Hub): Promise<void> {
  const unknown = await client.request(34);
  same<Equal<typeof unknown, unknown>>();
  const number = await client.request<number>(34, requestOptions);
  same<Equal<typeof number, number>>();
  const answer = await client.requestWithInfo<string>("x");
  same<Equal<typeof answer, Answer<string>>>();
  const own = await hub.request<{ a: number }>({ a: 1 });
  same<Equal<typeof own, { a: number }>>();
  // @ts-expect-error no such option
  await client.request(34, { timeout: 5 });
  // @ts-expect-error an option must not be undefined
  await client.request(34, { timeoutMs: undefined });
}

export const workers: Worker[] = [
  new Worker((x: number) => x ** 2),
  new Worker(async (x: { url: string }, { signal }: JobContext) =>
    (await fetch(x.url, { signal })).text(),
  ),
  new Worker({ double: (x: number) => 2 * x, negate: (x: number) => -x }, workerOptions),
  new Worker(
    class Model {
      constructor(readonly factor: number) {}
      call(x: number): number {
        return x * this.factor;
      }
    },
    { args: [2] },
  ),
  // @ts-expect-error a class without call is not a handler
  new Worker(class Model {}),
];

export const started: Promise<Workers> = startWorkers("./model.js", { count: 4, args: [0.25] });
export const made: [Hub, Client] = [new Hub(hubOptions), new Client("127.0.0.1:1", clientOptions)];

export async function generated(
  channel: Parameters<typeof createClient>[1],
): Promise<Payload["kind"]> {
  const response = await createClient(definition(HubService), channel).request({
    kind: { case: "data", value: new Uint8Array() },
  });
  return response.kind;
}

export function explain(error: unknown): string {
  if (!(error instanceof GibbsError)) return WorkRequestSchema.typeName;
  switch (error.code) {
    case "UNAVAILABLE":
      return error.execution === "NOT_STARTED" ? "try again" : error.reason;
    default:
      return error.message;
  }
}
