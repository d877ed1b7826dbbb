/** Who makes a call, as far as the hub knows. */
export type Identity = { kind: "anonymous" };

/** Of every caller while the hub asks nobody who they are. */
export const ANONYMOUS: Identity = { kind: "anonymous" };
