package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"

	"google.golang.org/grpc/status"

	gibbs "github.com/gibbs-rpc/gibbs/sdk/go"
)

// tally counts what becomes of calls.
type tally struct {
	mu              sync.Mutex
	answered, wrong int
	errors, by      map[string]int
}

func newTally() *tally {
	return &tally{errors: map[string]int{}, by: map[string]int{}}
}

func (t *tally) add(job Job, answer JobAnswer, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err != nil:
		kind := status.Code(err).String()
		if failed := (*gibbs.Error)(nil); errors.As(err, &failed) {
			kind = fmt.Sprint(failed.Code, " ", failed.Reason)
		}
		t.errors[kind]++
		fmt.Fprintln(os.Stderr, job.ID, kind, err)
	case answer.ID != job.ID:
		t.wrong++
	default:
		t.answered++
		t.by[answer.By]++
	}
}

func (t *tally) report(done bool) map[string]any {
	t.mu.Lock()
	defer t.mu.Unlock()
	return map[string]any{
		"answered": t.answered,
		"wrong":    t.wrong,
		"errors":   maps.Clone(t.errors),
		"by":       maps.Clone(t.by),
		"done":     done,
	}
}
