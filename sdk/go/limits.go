package gibbs

import "time"

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

	// The longest time that a name lookup may take, the pause between two lookups of a
	// name, and how long its old addresses wait for a lookup that has started.
	lookupTimeout  = 5 * time.Second
	lookupInterval = time.Second
	lookupPatience = time.Second
	// How long one address is tried alone before the next one is tried beside it.
	attemptStagger = 250 * time.Millisecond
	// The maximum number of addresses in a list, and of those behind one name.
	maxAddresses = 64
	// The longest answer of a proxy that is read.
	maxProxyAnswerBytes = 16 << 10

	// The number of calls on a Multiplex stream until the hub announces its limit.
	assumedOpenCalls = 1024
	// Bytes of requests that may wait in the client to be sent; a single one may exceed it.
	maxUnsentBytes = 256 << 20
	// A Multiplex stream without calls ends after this time, at the latest after twice it.
	idleStream = 5 * time.Second
	// How long after its deadline a request waits for the hub to say why it failed.
	answerGrace = time.Second
	// The maximum size of a request's method, ID and metadata together.
	maxExtraBytes = 64 << 10
	// Upper bound of a Multiplex item without its payload and metadata.
	itemOverheadBytes = 2 << 10

	// Requests that Map keeps in flight by default, and at most.
	defaultConcurrency = 64
	maxConcurrency     = 1_000_000

	// The range of the pause before a request is sent again.
	retryMin = 50 * time.Millisecond
	retryMax = time.Second
	// How many times an idempotent request is sent when connections break, unless its
	// caller says otherwise.
	defaultAttempts = 3
)

// version is the version of this module, as hubs log it.
const version = "0.1.0"
