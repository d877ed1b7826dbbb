/** Who makes a call, as far as the hub knows. */
export type Identity = { kind: "anonymous" };

/** The identity of every caller while the hub does not authenticate them. */
export const ANONYMOUS: Identity = { kind: "anonymous" };
