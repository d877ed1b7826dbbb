package gibbs

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// The longest path of a Unix socket that every system supports.
const maxSocketPath = 103

// hubAddresses splits and checks a list of addresses: host:port, [v6]:port, :port
// (loopback) or unix:path, separated by commas. If the list is empty, it uses the
// environment variable GIBBS_HUB, or [DefaultAddress].
func hubAddresses(list string) ([]string, error) {
	if list == "" {
		list = os.Getenv("GIBBS_HUB")
	}
	if list == "" {
		list = DefaultAddress
	}
	addresses := strings.Split(list, ",")
	if len(addresses) > maxAddresses {
		return nil, fmt.Errorf("gibbs: %d hub addresses, more than %d", len(addresses), maxAddresses)
	}
	for index, address := range addresses {
		checked, err := checkAddress(strings.TrimSpace(address))
		if err != nil {
			return nil, err
		}
		addresses[index] = checked
	}
	return addresses, nil
}

func checkAddress(address string) (string, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok && path != "" {
		if len(path) > maxSocketPath {
			return "", fmt.Errorf("gibbs: the path of a Unix socket can have at most %d bytes, not %d", maxSocketPath, len(path))
		}
		return address, nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || strings.ContainsAny(host, "/ ") || !isPort(port) {
		return "", fmt.Errorf("gibbs: %q is not a hub address: give host:port, such as %s", address, DefaultAddress)
	}
	if host == "" {
		return net.JoinHostPort("127.0.0.1", port), nil
	}
	return address, nil
}

func isPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port > 0
}
