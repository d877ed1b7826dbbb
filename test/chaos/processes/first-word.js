// Preloaded into every process of a run. Its first word is that it handles SIGTERM: until
// then that signal would end it as if it had failed.
process.on("newListener", function watch(event) {
  if (event !== "SIGTERM") return;
  process.off("newListener", watch);
  // This event comes before the listener is there.
  process.nextTick(() => process.send?.({ kind: "handles SIGTERM" }));
});
