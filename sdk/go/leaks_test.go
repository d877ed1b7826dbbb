package gibbs_test

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"

	gibbs "github.com/gibbs-rpc/gibbs/sdk/go"
)

func TestNothingRunsOnAfterTheEnd(t *testing.T) {
	hub := startHub(t)
	proxy := startGoawayProxy(t, hub.address)
	worker, done := startWorker(t, proxy.address, gibbs.Methods{"": echo}, gibbs.WorkerOptions{})
	for _, transport := range transports {
		client := newClientWith(t, proxy.address+","+deadAddress, gibbs.ClientOptions{Transport: transport})
		must(t, <-ask(t.Context(), client, 1.0))
		proxy.goawayAll()
		must(t, <-ask(t.Context(), client, 1.0))
		client.Close()
	}
	nobody := newClientWith(t, deadAddress, gibbs.ClientOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	waiting := ask(ctx, nobody, 1.0)
	cancel()
	<-waiting
	worker.Drain()
	must(t, <-done)
	waitUntilNothingRuns("gibbs/sdk/go.", "grpc/internal/transport.")
}

// waitUntilNothingRuns waits until no goroutine is in any of these functions; if one stays,
// the test times out, and shows what still runs.
func waitUntilNothingRuns(functions ...string) {
	stacks := make([]byte, 1<<20)
	for {
		all := string(stacks[:runtime.Stack(stacks, true)])
		if !slices.ContainsFunc(functions, func(function string) bool { return strings.Contains(all, function) }) {
			return
		}
		runtime.Gosched()
	}
}
