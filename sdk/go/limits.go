package gibbs

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// DefaultAddress is where a hub listens, and where clients and workers look for it, by
// default.
const DefaultAddress = "127.0.0.1:5019"

// Defaults of the options.
const (
	defaultMaxPayloadBytes = 4 << 20
	defaultConnectTimeout  = 20 * time.Second
	defaultDrainTimeout    = 30 * time.Second
	// If the hub does not announce one.
	defaultHubTimeout = 30 * time.Second
)

// More slots than any hub allows.
const maxSlots = 1 << 16

// Fixed limits, which no one should need to change.
const (
	// The space reserved in a message for everything except one payload: the transport's
	// limit is the sum of both.
	envelopeBytes = 256 << 10
	// The size at which a batch of events is sent; a larger event is sent alone.
	maxBatchBytes = 256 << 10
	// The maximum sizes of an error's message, stack and details that are sent.
	maxMessageBytes = 1 << 10
	maxStackBytes   = 2 << 10
	maxDetailsBytes = 4 << 10
	// Maximum nesting of lists and maps: in an answer, what every decoder accepts; in an
	// input, its worker's decoder may accept less.
	maxAnswerDepth = 48
	maxInputDepth  = 1000

	// Proxies and servers answer more frequent pings with GOAWAY too_many_pings.
	keepaliveTime    = 30 * time.Second
	keepaliveTimeout = 20 * time.Second

	// The range of the pause between attempts to reach the hub; reconnectSlowMax is the
	// longest once the hub has been away for reconnectSlow.
	reconnectMin     = 100 * time.Millisecond
	reconnectMax     = time.Second
	reconnectSlowMax = 5 * time.Second
	reconnectSlow    = 30 * time.Second

	// The range of the pause before a request is sent again.
	retryMin = 50 * time.Millisecond
	retryMax = time.Second
	// How many times an idempotent request is sent when connections break, unless its
	// caller says otherwise.
	defaultAttempts = 3
)

// version is the version of this module, as hubs log it.
const version = "0.1.0"

// hubAddress checks an address of the form host:port. If it is empty, it uses the
// environment variable GIBBS_HUB, or [DefaultAddress].
func hubAddress(address string) (string, error) {
	if address == "" {
		address = os.Getenv("GIBBS_HUB")
	}
	if address == "" {
		address = DefaultAddress
	}
	if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
		return "", fmt.Errorf("gibbs: %q is not a hub address: give host:port, such as %s", address, DefaultAddress)
	}
	return address, nil
}

// clip makes text valid UTF-8 and cuts it between two characters to at most max bytes.
func clip(text string, max int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= max {
		return text
	}
	end := max - len("…")
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}
