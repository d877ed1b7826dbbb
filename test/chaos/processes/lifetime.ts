/** Ends the process when the one that started it has ended, however it did. */
export function liveAsLongAsParent(): void {
  process.on("disconnect", abandoned);
}

/** Lets the process end as soon as nothing is left for it to do. */
export function leaveParent(): void {
  process.off("disconnect", abandoned);
  process.disconnect();
}

function abandoned(): void {
  process.exit(1);
}
