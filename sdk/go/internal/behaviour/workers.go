package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log"
	"os"
	"sync"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/anypb"

	gibbs "github.com/gibbs-rpc/gibbs/sdk/go"
)

// order is what test/behaviour/sdk-workers.ts tells this program.
type order struct {
	Serve, Release, Stop int
	Address, Label       string
	Script               struct {
		Method     string
		Acts       []act
		Slots      int
		Idempotent bool
	}
}

// act is what a handler does with a job.
type act struct {
	name   string
	Answer *data
	Throw  *data
	Fail   *struct {
		Code         string
		Message      string
		RetryAfterMs float64
		Details      []struct{ TypeURL, Hex string }
	}
	Hold *act
}

func (a *act) UnmarshalJSON(text []byte) error {
	if text[0] == '"' {
		return json.Unmarshal(text, &a.name)
	}
	type plain act
	return json.Unmarshal(text, (*plain)(a))
}

// playWorkers plays workers until stdin ends.
func playWorkers() {
	out := &stages{}
	players := map[int]*player{}
	decoder := json.NewDecoder(os.Stdin)
	for {
		var next order
		if err := decoder.Decode(&next); err != nil {
			return
		}
		switch {
		case next.Serve != 0:
			players[next.Serve] = newPlayer(next, out)
		case next.Release != 0:
			players[next.Release].release()
		default:
			go players[next.Stop].stop()
		}
	}
}

// player plays one worker.
type player struct {
	id     int
	acts   []act
	out    *stages
	worker *gibbs.Worker
	ended  chan struct{}

	mu       sync.Mutex
	jobs     int
	released chan struct{}
}

func newPlayer(how order, out *stages) *player {
	p := &player{id: how.Serve, acts: how.Script.Acts, out: out, ended: make(chan struct{}), released: make(chan struct{})}
	slots := how.Script.Slots
	if slots == 0 {
		slots = 16
	}
	worker, err := gibbs.NewWorker(gibbs.Methods{how.Script.Method: p.handle}, gibbs.WorkerOptions{
		Hub:           how.Address,
		WorkerID:      how.Label,
		Slots:         slots,
		Idempotent:    how.Script.Idempotent,
		IgnoreSignals: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	p.worker = worker
	go func() {
		defer close(p.ended)
		// Its error says that the stage has closed the hub.
		_ = worker.Run(context.Background())
	}()
	go func() {
		select {
		case <-worker.Connected():
			p.say("connected")
		case <-p.ended:
		}
	}()
	return p
}

func (p *player) stop() {
	p.worker.Close()
	<-p.ended
	p.say("stopped")
}

func (p *player) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.released)
	p.released = make(chan struct{})
}

func (p *player) say(event string) {
	p.out.tell(line{"id": p.id, "event": event})
}

func (p *player) handle(ctx context.Context, input any) (any, error) {
	p.mu.Lock()
	what := p.acts[min(p.jobs, len(p.acts)-1)]
	p.jobs++
	released := p.released
	p.mu.Unlock()
	p.say("taken")
	if what.Hold != nil {
		select {
		case <-released:
		case <-ctx.Done():
			p.say("cancelled")
			<-released
		}
		what = *what.Hold
	}
	if what.name == "hang" {
		<-ctx.Done()
		p.say("cancelled")
		return nil, ctx.Err()
	}
	return what.play(ctx, input)
}

func (a act) play(ctx context.Context, input any) (any, error) {
	job, _ := gibbs.JobFromContext(ctx)
	switch {
	case a.name == "echo":
		return input, nil
	case a.name == "attempt":
		return job.Attempt, nil
	case a.name == "metadata":
		answer := []any{nil, nil, nil}
		for index, key := range []string{"tenant", "secret", "blob-bin"} {
			if values := job.Metadata.Get(key); len(values) > 0 {
				answer[index] = values[0]
				if key == "blob-bin" {
					answer[index] = hex.EncodeToString([]byte(values[0]))
				}
			}
		}
		return answer, nil
	case a.Answer != nil:
		return a.Answer.value(), nil
	case a.Throw != nil:
		return nil, errors.New(a.Throw.text())
	default:
		failure := gibbs.Errorf(codes.Code(code.Code_value[a.Fail.Code]), "%s", a.Fail.Message)
		failure.RetryAfter = milliseconds(a.Fail.RetryAfterMs)
		for _, detail := range a.Fail.Details {
			value, err := hex.DecodeString(detail.Hex)
			if err != nil {
				log.Fatal(err)
			}
			failure.Details = append(failure.Details, &anypb.Any{TypeUrl: detail.TypeURL, Value: value})
		}
		return nil, failure
	}
}
