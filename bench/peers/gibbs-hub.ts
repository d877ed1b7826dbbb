import { Hub, type HubOptions } from "gibbs/hub";
import { optionsOf, serve } from "./serve.js";
import { usage } from "./usage.js";

const hub = new Hub({ listen: "127.0.0.1:0", ...optionsOf<HubOptions>() });
const address = await hub.listen();

serve({ address }, { usage }, () => void hub.close());
