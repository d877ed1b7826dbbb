// Package gibbs puts Go code behind a gibbs hub, and sends requests to hubs.
//
// A [Worker] serves methods: the hub hands it one request for each of its free slots. A
// [Client] sends requests and returns answers, or an [*Error] that says what happened to
// the work; [Map] sends many, a bounded number of them at once.
//
// Both take the addresses of several hubs, and stay connected to one that answers. When a
// connection goes away (GOAWAY) or its hub shuts down, the requests and jobs on it finish,
// and new ones use another connection. Proxies that the environment names are used for
// both, as [NewClient] says.
//
//	worker, err := gibbs.NewWorker(gibbs.Methods{
//		"square": gibbs.Func(func(ctx context.Context, x float64) (float64, error) { return x * x, nil }),
//	}, gibbs.WorkerOptions{})
//	...
//	err = worker.Run(ctx)
//
// The messages themselves, for those who write their own client, are in the package
// gibbsv1.
package gibbs
