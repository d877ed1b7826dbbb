// The conformance model in the worker's own process, with as many slots as are asked for:
// gibbs conformance -- node conformance/models/in-process.js 4
import { Worker } from "gibbs/worker";
import model from "./model.js";

const slots = Number(process.argv[2] ?? 1);
// With several slots the worker promises that its handlers do not block.
const { "conformance.block": block, ...others } = model;
const handlers = slots > 1 ? others : { ...others, "conformance.block": block };

await new Worker(handlers, { hub: process.env.GIBBS_HUB, slots }).run();
