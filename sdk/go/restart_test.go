package gibbs_test

import (
	"testing"

	gibbs "github.com/gibbs-rpc/gibbs/sdk/go"
)

// A deployment restarts hubs while requests are under way: it delays them, and fails none.
func TestNoRequestFailsWhileAHubRestarts(t *testing.T) {
	hub := startHub(t)
	startWorker(t, hub.address, gibbs.Methods{"": echo}, gibbs.WorkerOptions{Slots: 4})
	var clients []*gibbs.Client
	var stops []func() int
	for _, transport := range transports {
		client := newClientWith(t, hub.address, gibbs.ClientOptions{Transport: transport})
		must(t, <-ask(t.Context(), client, 1.0))
		clients = append(clients, client)
		stops = append(stops, keepAsking(t, client, 8))
	}
	for range 3 {
		old := hub
		old.terminate()
		<-old.exited
		hub = startHubAt(t, old.address)
		for _, client := range clients {
			must(t, <-ask(t.Context(), client, 1.0))
		}
	}
	for _, stop := range stops {
		if n := stop(); n == 0 {
			t.Error("no request was answered")
		}
	}
}
