// Preloaded into every process of a run. Its first message says that it handles SIGTERM; until then
// that signal would end the process as if it had failed.
process.on("newListener", function watch(event) {
  if (event !== "SIGTERM") return;
  process.off("newListener", watch);
  // `newListener` is emitted before the listener is added.
  process.nextTick(() => process.send?.({ kind: "handles SIGTERM" }));
});
