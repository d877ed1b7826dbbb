// One file for everything that builds the workers: test files run in parallel, and two builds of
// one worker, or a build and the worker itself, would interfere.
import "./interop.js";
import "./skew.js";
import "./conformance.js";
import "./soak.js";
