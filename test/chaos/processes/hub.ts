import { loadGibbs } from "../gibbs.js";
import { Journal } from "../journal.js";
import { machineNow } from "../machine-time.js";
import { leaveParent, liveAsLongAsParent } from "./lifetime.js";
import { type HubSettings, settings } from "./settings.js";

/** A hub that records what it logs. Drains on SIGTERM. */

const { journals, name, options } = settings<HubSettings>();
const journal = new Journal(journals, name);
const note = (fields: object, message: string): void =>
  journal.write({ kind: "hub", at: machineNow(), message, fields: { ...fields, hub: name } });

const { Hub } = await loadGibbs();
const hub = new Hub({
  ...options,
  logger: { debug: () => {}, info: note, warn: note, error: note },
});
liveAsLongAsParent();
process.once("SIGTERM", () => {
  void hub.drain().then(() => leaveParent());
});
await hub.listen();
process.send?.({ kind: "ready", at: machineNow() });
