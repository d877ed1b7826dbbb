import { loads } from "./loads.js";
import { connectNats, SUBJECT } from "./nats.js";
import { optionsOf, serve } from "./serve.js";

/** NATS requires a timeout for each request; this one is never reached. */
const TIMEOUT_MS = 60_000;

const { port } = optionsOf<{ port: number }>();
const connection = await connectNats(port);

async function request(input: unknown): Promise<unknown> {
  const answer = await connection.request(SUBJECT, JSON.stringify(input), { timeout: TIMEOUT_MS });
  return answer.json();
}

serve(
  {},
  {
    ...loads(request),
    send: ({ id }: { id: number }) => void request(id).catch(() => {}),
  },
  () => void connection.close(),
);
