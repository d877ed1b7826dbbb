package gibbs_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	gibbs "github.com/gibbs-rpc/gibbs/sdk/go"
)

// hubProcess is a real hub, running `gibbs hub`.
type hubProcess struct {
	address string
	process *os.Process
	exited  chan struct{}
}

// startHub starts a hub on a free port, and kills it when the test ends.
func startHub(t *testing.T, flags ...string) *hubProcess {
	t.Helper()
	return startHubAt(t, "127.0.0.1:0", flags...)
}

func startHubAt(t *testing.T, address string, flags ...string) *hubProcess {
	t.Helper()
	if _, err := os.Stat("../../dist/cli/main.js"); err != nil {
		t.Fatal("the hub is not built: run `npm ci` in the root of the project")
	}
	args := append([]string{"../../bin/gibbs.js", "hub", "--listen", address}, flags...)
	command := exec.Command("node", args...)
	command.Stderr = os.Stderr
	stdout, err := command.StdoutPipe()
	must(t, err)
	must(t, command.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	must(t, err)
	fields := strings.Fields(line)
	hub := &hubProcess{fields[len(fields)-1], command.Process, make(chan struct{})}
	go func() {
		command.Wait()
		close(hub.exited)
	}()
	t.Cleanup(hub.kill)
	return hub
}

func (h *hubProcess) kill() {
	h.process.Kill()
	<-h.exited
}

func (h *hubProcess) terminate() {
	h.process.Signal(syscall.SIGTERM)
}

// startWorker runs a worker until the test ends. Once the worker is connected, it returns
// the worker and a channel that receives the result of its Run.
func startWorker(t *testing.T, hub string, methods gibbs.Methods, options gibbs.WorkerOptions) (*gibbs.Worker, <-chan error) {
	t.Helper()
	options.Hub = hub
	options.IgnoreSignals = true
	worker, err := gibbs.NewWorker(methods, options)
	must(t, err)
	done := make(chan error, 1)
	exited := make(chan struct{})
	go func() {
		done <- worker.Run(context.Background())
		close(exited)
	}()
	t.Cleanup(func() {
		worker.Close()
		<-exited
	})
	select {
	case <-worker.Connected():
	case err := <-done:
		t.Fatal("the worker ended: ", err)
	}
	return worker, done
}

// transports are the ways in which a client can send.
var transports = []gibbs.Transport{gibbs.Multiplex, gibbs.Unary}

func newClient(t *testing.T, hub string) *gibbs.Client {
	t.Helper()
	return newClientWith(t, hub, gibbs.ClientOptions{})
}

func newClientWith(t *testing.T, hub string, options gibbs.ClientOptions) *gibbs.Client {
	t.Helper()
	client, err := gibbs.NewClient(hub, options)
	must(t, err)
	t.Cleanup(func() { client.Close() })
	return client
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
