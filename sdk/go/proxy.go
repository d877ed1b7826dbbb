package gibbs

import (
	"fmt"
	"iter"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

// Environment variables, in order of precedence: those that name a proxy, and those that
// list hosts without one. The lower-case name of each comes before the upper-case one.
var (
	proxyVariables     = []string{"grpc_proxy", "https_proxy", "http_proxy", "all_proxy"}
	exceptionVariables = []string{"no_grpc_proxy", "no_proxy"}
)

// proxyFor returns the proxy through which the environment wants a hub to be dialed: that
// of the first variable with an http:// URL. It is nil for localhost, a loopback address,
// and what no_proxy lists.
func proxyFor(hostPort string) *url.URL {
	exceptions := ""
	for value := range valuesOf(exceptionVariables) {
		exceptions = value
		break
	}
	for value := range valuesOf(proxyVariables) {
		config := httpproxy.Config{HTTPSProxy: value, NoProxy: exceptions}
		proxy, err := config.ProxyFunc()(&url.URL{Scheme: "https", Host: hostPort})
		if err == nil && proxy != nil && proxy.Scheme == "http" {
			return proxy
		}
	}
	return nil
}

// valuesOf yields the values of the variables that are set, in order.
func valuesOf(names []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, name := range names {
			for _, variable := range []string{name, strings.ToUpper(name)} {
				if value := strings.TrimSpace(os.Getenv(variable)); value != "" && !yield(value) {
					return
				}
			}
		}
	}
}

// viaProxy adds to the message of a failed connection which proxy it went through.
func viaProxy(message string, proxy *url.URL) string {
	if proxy == nil {
		return message
	}
	return fmt.Sprintf("%s (through the proxy %s, which the environment names: if the hub needs no proxy, add its host to no_proxy)",
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
