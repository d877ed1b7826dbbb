package gibbs

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
)

// proxyFor returns the proxy that the environment (HTTPS_PROXY, https_proxy, and their
// exceptions NO_PROXY, no_proxy) names for a hub; nil if there is none. It is never one
// for localhost or a loopback address.
func proxyFor(hostPort string) (*url.URL, error) {
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: hostPort}})
	if err != nil {
		return nil, fmt.Errorf("gibbs: the proxy that https_proxy names for %s: %w", hostPort, err)
	}
	return proxy, nil
}

// viaProxy adds to the message of a failed connection which proxy it went through.
func viaProxy(message string, proxy *url.URL) string {
	if proxy == nil {
		return message
	}
	return fmt.Sprintf("%s (through the proxy %s, which https_proxy names: if the hub needs no proxy, add its host to no_proxy)",
		message, proxy.Redacted())
}

func allLoopback(addresses []netip.Addr) bool {
	for _, address := range addresses {
		if !address.IsLoopback() {
			return false
		}
	}
	return len(addresses) > 0
}
