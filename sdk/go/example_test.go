package gibbs_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"time"

	"google.golang.org/grpc/codes"

	gibbs "github.com/gibbs-rpc/gibbs/sdk/go"
)

func ExampleRequest() {
	client, err := gibbs.NewClient("127.0.0.1:5019", gibbs.ClientOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	answer, err := gibbs.Request[float64](ctx, client, 34, gibbs.Method("square"))
	if failed := (*gibbs.Error)(nil); errors.As(err, &failed) {
		log.Fatal(failed.Code, failed.Reason, failed.Execution)
	}
	fmt.Println(answer) // 1156
}

func ExampleMap() {
	client, err := gibbs.NewClient("hub-a:5019,hub-b:5019", gibbs.ClientOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()
	inputs := slices.Values([]float64{1, 2, 3})
	for answer, err := range gibbs.Map[float64](ctx, client, inputs, gibbs.MapOptions{}, gibbs.Method("square")) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(answer)
	}
}

func ExampleErrorf() {
	find := func(ctx context.Context, name string) (string, error) {
		return "", gibbs.Errorf(codes.NotFound, "nobody is called %q", name)
	}
	gibbs.NewWorker(gibbs.Methods{"find": gibbs.Func(find)}, gibbs.WorkerOptions{})
}

func ExampleJobFromContext() {
	render := func(ctx context.Context, pages []string) (int, error) {
		job, _ := gibbs.JobFromContext(ctx)
		for done, page := range pages {
			if ctx.Err() != nil {
				return done, context.Cause(ctx) // The answer is no longer wanted.
			}
			log.Printf("%s, attempt %d: %s", job.RequestID, job.Attempt, page)
		}
		return len(pages), nil
	}
	gibbs.NewWorker(gibbs.Methods{"render": gibbs.Func(render)}, gibbs.WorkerOptions{})
}
