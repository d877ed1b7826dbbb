import { type Handler, type HandlerName, handlers } from "./handlers.js";
import { connectNats, type NatsConnection, type NatsMessage, SUBJECT } from "./nats.js";
import { optionsOf, serve } from "./serve.js";

interface Options {
  port: number;
  handler: HandlerName;
  /** Subscriptions in this process, each with its own connection, all in one queue group. */
  workers: number;
  /** Whether a subscription runs one job at a time; other jobs wait in its process. */
  serial: boolean;
}

const { port, handler, workers, serial } = optionsOf<Options>();
const connections = await Promise.all(Array.from({ length: workers }, () => connectNats(port)));
await Promise.all(connections.map((connection) => work(connection, handlers[handler])));

serve({}, {}, () => {
  for (const connection of connections) void connection.close();
});

async function work(connection: NatsConnection, handle: Handler): Promise<void> {
  const answer = async (message: NatsMessage): Promise<void> => {
    message.respond(JSON.stringify(await handle(message.json())));
  };
  if (serial) void workInTurn(connection, answer);
  else {
    const callback = (_error: Error | null, message: NatsMessage): void => void answer(message);
    connection.subscribe(SUBJECT, { queue: "workers", callback });
  }
  await connection.flush();
}

async function workInTurn(
  connection: NatsConnection,
  answer: (message: NatsMessage) => Promise<void>,
): Promise<void> {
  for await (const message of connection.subscribe(SUBJECT, { queue: "workers" })) {
    await answer(message);
  }
}
