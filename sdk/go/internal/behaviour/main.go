// Command behaviour performs cases of the behaviour suite (test/behaviour/README.md), of
// which it reads the names from stdin: behaviour [multiplex | unary]
//
// With "worker" it plays their workers instead.
package main

import (
	"context"
	"log"
	"os"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/metadata"

	gibbs "github.com/gibbs-rpc/gibbs/sdk/go"
)

// How many cases are performed at once.
const atOnce = 8

func main() {
	if os.Args[1] == "worker" {
		playWorkers()
		return
	}
	transport := gibbs.Multiplex
	if os.Args[1] == "unary" {
		transport = gibbs.Unary
	}
	cases, err := readCases("test/behaviour/cases")
	if err != nil {
		log.Fatal(err)
	}
	stages := openStages()
	names := make(chan string)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for name := range names {
				perform(cases[name], transport, stages)
			}
		})
	}
	for _, name := range stages.names {
		names <- name
	}
	close(names)
	workers.Wait()
	stages.tell(line{"ran": len(stages.names)})
}

// outcome is what becomes of a request or a map.
type outcome struct {
	cancel context.CancelFunc
	done   chan struct{}
	told   report
}

func perform(one *testCase, transport gibbs.Transport, stages *stages) {
	address := stages.ask(one.Name, line{"open": true})["address"].(string)
	client, err := gibbs.NewClient(address, gibbs.ClientOptions{
		Transport:       transport,
		ConnectTimeout:  milliseconds(one.Client.ConnectTimeoutMs),
		MaxPayloadBytes: one.Client.MaxPayloadBytes,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	outcomes := map[string]*outcome{}
	start := func(name string, run func(context.Context) report) *outcome {
		ctx, cancel := context.WithCancel(context.Background())
		o := &outcome{cancel: cancel, done: make(chan struct{})}
		outcomes[name] = o
		go func() {
			defer close(o.done)
			o.told = run(ctx)
		}()
		return o
	}
	for index, step := range one.Steps {
		switch {
		case step.Send != "":
			start(step.Send, func(ctx context.Context) report { return send(ctx, client, step) })
		case step.SendCancelled != "":
			start(step.SendCancelled, func(ctx context.Context) report {
				ctx, cancel := context.WithCancel(ctx)
				cancel()
				return send(ctx, client, step)
			})
		case step.Map != "":
			start(step.Map, func(ctx context.Context) report { return runMap(ctx, client, step) })
		case step.Cancel != "":
			outcomes[step.Cancel].cancel()
		case step.Settle != "":
			<-outcomes[step.Settle].done
		case step.Close:
			client.Close()
		default:
			stages.ask(one.Name, line{"step": index})
		}
	}
	told := map[string]report{}
	for name, o := range outcomes {
		<-o.done
		o.cancel()
		told[name] = o.told
	}
	client.Close()
	stages.tell(line{"case": one.Name, "told": told})
}

func send(ctx context.Context, client *gibbs.Client, step step) report {
	ctx, cancel := withLimits(ctx, step)
	defer cancel()
	answer, err := client.RequestWithInfo(ctx, step.Input.value(), step.options()...)
	if err != nil {
		return reportError(err)
	}
	return report{
		"answer":    toData(answer.Output),
		"requestId": answer.RequestID,
		"workerId":  answer.WorkerID,
		"attempts":  answer.Attempts,
		"hasTimes":  answer.QueueTime >= 0 && answer.RunTime >= 0,
	}
}

func runMap(ctx context.Context, client *gibbs.Client, step step) report {
	ctx, cancel := withLimits(ctx, step)
	defer cancel()
	inputs := make([]any, len(step.Inputs))
	for index, input := range step.Inputs {
		inputs[index] = input.value()
	}
	how := gibbs.MapOptions{Concurrency: step.Concurrency, Unordered: step.Ordered != nil && !*step.Ordered}
	told := report{}
	answers := []map[string]any{}
	for answer, err := range gibbs.Map[any](ctx, client, slices.Values(inputs), how, step.options()...) {
		if err != nil {
			told = reportError(err)
			break
		}
		answers = append(answers, toData(answer))
		if len(answers) == step.Take {
			break
		}
	}
	told["answers"] = answers
	told["yielded"] = len(answers)
	return told
}

// withLimits returns ctx with the deadline and the metadata of a step.
func withLimits(ctx context.Context, step step) (context.Context, context.CancelFunc) {
	for key, value := range step.Metadata {
		ctx = metadata.AppendToOutgoingContext(ctx, key, value.text())
	}
	if step.TimeoutMs == nil {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, milliseconds(*step.TimeoutMs))
}

func milliseconds(ms float64) time.Duration {
	return time.Duration(ms * float64(time.Millisecond))
}
