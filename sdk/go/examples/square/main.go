// A worker that squares numbers: go run ./examples/square
package main

import (
	"context"
	"fmt"
	"log"
	"log/slog"

	gibbs "github.com/gibbs-rpc/gibbs/sdk/go"
)

func main() {
	square := func(ctx context.Context, x float64) (float64, error) {
		return x * x, nil
	}
	worker, err := gibbs.NewWorker(gibbs.Methods{"square": gibbs.Func(square)}, gibbs.WorkerOptions{
		Slots:  4,
		Logger: slog.Default(),
	})
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		<-worker.Connected()
		fmt.Println("serving square")
	}()
	if err := worker.Run(context.Background()); err != nil {
		log.Fatal(err)
	}
}
