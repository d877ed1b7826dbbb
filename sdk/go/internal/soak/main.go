// The programs that a long run starts (npm run soak): a worker, or callers of a hub.
//
//	soak worker|multiplex|unary|generated
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	gibbs "github.com/gibbs-rpc/gibbs/sdk/go"
)

const (
	// How often a program reports.
	reportEvery = 250 * time.Millisecond
	// After this a call without an answer is a failed one.
	timeout = 60 * time.Second
)

// Job is the input of a call.
type Job struct {
	ID string `json:"id"`
	MS int    `json:"ms"`
}

// JobAnswer is the answer to a [Job].
type JobAnswer struct {
	ID string `json:"id"`
	By string `json:"by"`
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: soak worker|multiplex|unary|generated")
	}
	if server := os.Getenv("SOAK_DNS"); server != "" {
		net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "udp", server)
		}}
	}
	switch os.Args[1] {
	case "worker":
		work()
	case "multiplex":
		call(sdk(gibbs.Multiplex))
	case "unary":
		call(sdk(gibbs.Unary))
	case "generated":
		call(generated(os.Getenv("GIBBS_HUB"), setting("SOAK_SERVICE_CONFIG")))
	default:
		log.Fatal("unknown program: ", os.Args[1])
	}
}

// work serves jobs until SIGTERM, or until the run has ended.
func work() {
	by := setting("SOAK_NAME")
	var begun atomic.Int64
	serve := func(ctx context.Context, job Job) (JobAnswer, error) {
		begun.Add(1)
		time.Sleep(time.Duration(job.MS) * time.Millisecond)
		return JobAnswer{ID: job.ID, By: by}, nil
	}
	worker, err := gibbs.NewWorker(gibbs.Methods{"": gibbs.Func(serve)}, gibbs.WorkerOptions{
		Slots:    number("SOAK_SLOTS"),
		WorkerID: by,
	})
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	var ready atomic.Bool
	go func() {
		<-worker.Connected()
		ready.Store(true)
	}()
	stop := regularly(func() {
		print(map[string]any{"ready": ready.Load(), "begun": begun.Load()})
	})
	if err := worker.Run(context.Background()); err != nil {
		log.Fatal(err)
	}
	stop()
}

// call calls the hub until stdin ends.
func call(send func(context.Context, Job) (JobAnswer, error)) {
	name, callers, ms := setting("SOAK_NAME"), number("SOAK_CALLERS"), number("SOAK_JOB_MS")
	var told atomic.Bool
	go func() {
		io.Copy(io.Discard, os.Stdin)
		told.Store(true)
	}()
	counts := newTally()
	stop := regularly(func() { print(counts.report(false)) })
	var all sync.WaitGroup
	for index := range callers {
		all.Go(func() {
			for count := 0; !told.Load(); count++ {
				job := Job{ID: fmt.Sprintf("%s:%d:%d", name, index, count), MS: ms}
				ctx, cancel := context.WithTimeout(context.Background(), timeout)
				answer, err := send(ctx, job)
				cancel()
				counts.add(job, answer, err)
			}
		})
	}
	all.Wait()
	stop()
	print(counts.report(true))
}

func sdk(transport gibbs.Transport) func(context.Context, Job) (JobAnswer, error) {
	client, err := gibbs.NewClient("", gibbs.ClientOptions{Transport: transport})
	if err != nil {
		log.Fatal(err)
	}
	_, idempotent := os.LookupEnv("SOAK_IDEMPOTENT")
	return func(ctx context.Context, job Job) (JobAnswer, error) {
		return gibbs.Request[JobAnswer](ctx, client, job, gibbs.Idempotent(idempotent))
	}
}

// regularly calls report again and again. The returned function calls it a last time.
func regularly(report func()) (stop func()) {
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for ticks := time.Tick(reportEvery); ; {
			report()
			select {
			case <-over:
				report()
				return
			case <-ticks:
			}
		}
	}()
	return func() {
		close(over)
		<-ended
	}
}

func print(report map[string]any) {
	line, err := json.Marshal(report)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line))
}

func setting(name string) string {
	value, ok := os.LookupEnv(name)
	if !ok {
		log.Fatalf("%s is not set: start this with npm run soak", name)
	}
	return value
}

func number(name string) int {
	value, err := strconv.Atoi(setting(name))
	if err != nil {
		log.Fatal(err)
	}
	return value
}
