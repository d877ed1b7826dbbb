/** Ends this process when its parent ends, however that happens. */
export function liveAsLongAsParent(): void {
  process.on("disconnect", abandoned);
}

/** Lets this process end as soon as it has nothing left to do. */
export function leaveParent(): void {
  process.off("disconnect", abandoned);
  process.disconnect();
}

function abandoned(): void {
  process.exit(1);
}
