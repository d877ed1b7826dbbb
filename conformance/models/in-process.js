// The conformance model in the worker's own process, with the given number of slots:
// gibbs conformance -- node conformance/models/in-process.js 4
import { Worker } from "gibbs/worker";
import model from "./model.js";

const slots = Number(process.argv[2] ?? 1);
// A worker with several slots promises that its handlers do not block.
const { "conformance.block": block, ...others } = model;
const handlers = slots > 1 ? others : { ...others, "conformance.block": block };

await new Worker(handlers, { hub: process.env.GIBBS_HUB, slots }).run();
