package gibbs

import (
	"strings"
	"testing"
)

func TestEveryVariableOfAProxy(t *testing.T) {
	for _, variable := range append(append([]string{}, proxyVariables...), exceptionVariables...) {
		t.Setenv(variable, "")
		t.Setenv(strings.ToUpper(variable), "")
	}
	for _, name := range proxyVariables {
		for _, variable := range []string{name, strings.ToUpper(name)} {
			t.Run(variable, func(t *testing.T) {
				t.Setenv(variable, "proxy.test:3128")
				if proxy := proxyFor("hub.test:5019"); proxy == nil || proxy.Host != "proxy.test:3128" {
					t.Errorf("got %v", proxy)
				}
				for _, local := range []string{"localhost:5019", "127.0.0.1:5019", "[::1]:5019"} {
					if proxy := proxyFor(local); proxy != nil {
						t.Errorf("got %v for %s", proxy, local)
					}
				}
				for _, exception := range []string{"no_proxy", "NO_PROXY", "no_grpc_proxy"} {
					t.Run(exception, func(t *testing.T) {
						t.Setenv(exception, "other.test, .test")
						if proxy := proxyFor("hub.test:5019"); proxy != nil {
							t.Errorf("got %v", proxy)
						}
					})
				}
			})
		}
	}
	// The first that can be used.
	t.Setenv("grpc_proxy", "socks5://socks.test:1080")
	t.Setenv("ALL_PROXY", "http://last.test:1")
	t.Setenv("http_proxy", "http://first.test:1")
	if proxy := proxyFor("hub.test:5019"); proxy == nil || proxy.Host != "first.test:1" {
		t.Errorf("got %v", proxy)
	}
}
