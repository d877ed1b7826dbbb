import { Client } from "gibbs/client";
import { monotonicMs } from "../monotonic.js";
import { loads } from "./loads.js";
import { optionsOf, serve } from "./serve.js";
import { usage } from "./usage.js";

interface Options {
  hub: string;
  /** The transport; undefined for the default. */
  transport?: "unary";
  maxPayloadBytes?: number;
}

const { hub, ...options } = optionsOf<Options>();
const client = new Client(hub, options);
const open = new Map<number, { abort: AbortController; answered: Promise<unknown> }>();

serve(
  {},
  {
    ...loads((input) => client.request(input)),
    usage,
    send: ({ id }: { id: number }) => {
      const abort = new AbortController();
      const answered = client.request(id, { idempotent: true, signal: abort.signal });
      answered.catch(() => {});
      open.set(id, { abort, answered });
    },
    /** The answer to the request sent as `id`. */
    outcome: async ({ id }: { id: number }) => {
      const answer = await open.get(id)?.answered;
      open.delete(id);
      return answer;
    },
    /** Cancels the request sent as `id`; returns the time of the cancel. */
    cancel: ({ id }: { id: number }) => {
      const at = monotonicMs();
      open.get(id)?.abort.abort();
      open.delete(id);
      return at;
    },
  },
  () => client.close(),
);
