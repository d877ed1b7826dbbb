import { connect } from "node:http2";
import { optionsOf, serve } from "./serve.js";

// Connections to `echo-hub`, each of which echoes what it receives.

const { hub, workers } = optionsOf<{ hub: string; workers: number }>();
for (let i = 0; i < workers; i += 1) await open();

serve({}, {}, () => {});

function open(): Promise<void> {
  const stream = connect(`http://${hub}`).request({ ":method": "POST" });
  stream.on("data", (chunk: Buffer) => stream.write(chunk));
  return new Promise((resolve, reject) => {
    stream.on("response", () => resolve());
    stream.on("error", reject);
  });
}
