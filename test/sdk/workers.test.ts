// One file for all that builds the workers: files run at once, and two builds of one worker,
// or a build and the worker itself, would be in each other's way.
import "./interop.js";
import "./skew.js";
import "./conformance.js";
