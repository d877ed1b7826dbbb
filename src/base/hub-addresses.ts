import { badAddress, canonicalHost, formatAddress, parseAddress } from "./address.js";

/** The maximum number of addresses in a list, and of those behind one name. */
export const MAX_HUB_ADDRESSES = 64;

/**
 * Splits and checks a list of hub addresses: `host:port`, `[v6]:port`, `:port` (loopback) or
 * `unix:path`, separated by commas.
 *
 * @throws GibbsError INVALID_ARGUMENT / BAD_ADDRESS if an item is missing, malformed, or there twice,
 * or if there are more than {@link MAX_HUB_ADDRESSES}.
 */
export function parseHubAddresses(list: string): string[] {
  const items = typeof list === "string" ? list.split(",") : [list];
  if (items.length > MAX_HUB_ADDRESSES) {
    const what = `${items.length} hub addresses, more than ${MAX_HUB_ADDRESSES}`;
    throw badAddress(`${what}: use a name that resolves to several addresses`);
  }
  const known = new Set<string>();
  return items.map((item) => {
    const [address, key] = parseItem(item, list);
    if (known.has(key)) throw badAddress(`the hub address ${address} is in the list twice`);
    known.add(key);
    return address;
  });
}

/** Returns an address as it was given, and in the spelling in which all that are equal are. */
function parseItem(item: string, list: string): [address: string, key: string] {
  const text = typeof item === "string" ? item.trim() : item;
  if (text === "" && item !== list) {
    throw badAddress(`"${list}" has an empty item: write one comma between two addresses`);
  }
  const address = parseAddress(text);
  if ("path" in address) return [formatAddress(address), address.path];
  if (address.port === 0) {
    throw badAddress(`"${text}" has the port 0: write the port on which the hub listens`);
  }
  return [formatAddress(address), `${canonicalHost(address.host)} ${address.port}`];
}
