// The model that `gibbs conformance` sends work to: go run ./examples/conformance
package main

import (
	"context"
	"encoding/base64"
	"errors"
	"log"
	"log/slog"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	gibbs "github.com/gibbs-rpc/gibbs/sdk/go"
)

func main() {
	worker, err := gibbs.NewWorker(gibbs.Methods{
		"conformance.echo":    echo,
		"conformance.hold":    gibbs.Func(hold),
		"conformance.block":   gibbs.Func(block),
		"conformance.fail":    gibbs.Func(fail),
		"conformance.context": tell,
		"conformance.bytes":   gibbs.Func(someBytes),
	}, gibbs.WorkerOptions{Slots: 4, Logger: slog.Default()})
	if err != nil {
		log.Fatal(err)
	}
	if err := worker.Run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func echo(_ context.Context, input any) (any, error) {
	return input, nil
}

func hold(ctx context.Context, ms float64) (float64, error) {
	select {
	case <-time.After(time.Duration(ms * float64(time.Millisecond))):
		return ms, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

func block(_ context.Context, ms float64) (float64, error) {
	until := time.Now().Add(time.Duration(ms * float64(time.Millisecond)))
	for time.Now().Before(until) {
		// Busy wait.
	}
	return ms, nil
}

type failure struct {
	Message string
	Code    *codes.Code
}

func fail(_ context.Context, how failure) (any, error) {
	if how.Code == nil {
		return nil, errors.New(how.Message)
	}
	return nil, gibbs.Errorf(*how.Code, "%s", how.Message)
}

func tell(ctx context.Context, _ any) (any, error) {
	job, _ := gibbs.JobFromContext(ctx)
	md := map[string]any{}
	for key, values := range job.Metadata {
		md[key] = values[0]
		if strings.HasSuffix(key, "-bin") {
			md[key] = base64.StdEncoding.EncodeToString([]byte(values[0]))
		}
	}
	told := map[string]any{"attempt": job.Attempt, "request_id": job.RequestID, "timeout_ms": nil, "metadata": md}
	if job.Timeout > 0 {
		told["timeout_ms"] = job.Timeout.Milliseconds()
	}
	return told, nil
}

func someBytes(_ context.Context, n int) ([]byte, error) {
	return make([]byte, n), nil
}
