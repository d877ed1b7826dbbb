import dns from "node:dns";

/** Resolves a host name to its IP addresses. Rejects if it has none. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** Asks the system, which also knows the hosts file. */
export const systemLookup: Lookup = async (host) => {
  const found = await dns.promises.lookup(host, { all: true });
  return found.map(({ address }) => address);
};
