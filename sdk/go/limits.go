package gibbs

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// DefaultAddress is where hubs listen, and are looked for, unless told otherwise.
const DefaultAddress = "127.0.0.1:5019"

// What can be set, unless it is.
const (
	defaultMaxPayloadBytes = 4 << 20
	defaultConnectTimeout  = 20 * time.Second
	defaultDrainTimeout    = 30 * time.Second
	// For a hub that names none.
	defaultHubTimeout = 30 * time.Second
)

// More slots than any hub takes.
const maxSlots = 1 << 16

// What nobody needs to set.
const (
	// What a message may hold beside one payload: the transport's limit is both together.
	envelopeBytes = 256 << 10
	// A batch of events is closed at this size; a larger event travels alone.
	maxBatchBytes = 256 << 10
	// The most of an error's message, its stack and its details that travels.
	maxMessageBytes = 1 << 10
	maxStackBytes   = 2 << 10
	maxDetailsBytes = 4 << 10
	// Levels of lists and maps: in an answer what every decoder takes; in an
	// input its worker's decoder may take fewer.
	maxAnswerDepth = 48
	maxInputDepth  = 1000

	// Proxies and servers answer quicker pings with GOAWAY too_many_pings.
	keepaliveTime    = 30 * time.Second
	keepaliveTimeout = 20 * time.Second

	// Pauses between two attempts to reach the hub, and the longest once it has
	// been away for a while.
	reconnectMin     = 100 * time.Millisecond
	reconnectMax     = time.Second
	reconnectSlowMax = 5 * time.Second
	reconnectSlow    = 30 * time.Second

	// Pauses before a request is sent again.
	retryMin = 50 * time.Millisecond
	retryMax = time.Second
	// How often an idempotent request whose caller does not say is sent, if the
	// connection breaks.
	defaultAttempts = 3
)

// version is this module's, as hubs log it.
const version = "0.1.0"

// hubAddress checks an address of the form host:port; empty is that of the
// environment variable GIBBS_HUB, or [DefaultAddress].
func hubAddress(address string) (string, error) {
	if address == "" {
		address = os.Getenv("GIBBS_HUB")
	}
	if address == "" {
		address = DefaultAddress
	}
	if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
		return "", fmt.Errorf("gibbs: %q is no address of a hub: give host:port, such as %s", address, DefaultAddress)
	}
	return address, nil
}

// clip makes text well-formed and cuts it between two characters to at most
// max bytes.
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
