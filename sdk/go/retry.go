package gibbs

import (
	"time"

	"google.golang.org/grpc/codes"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// retry decides when a client sends a failed request again on its own. If the hub is
// shutting down and did not accept the request, or the connection broke before it was
// sent, the client sends it again for as long as it would wait for a connection. If the connection broke and it is unknown whether the
// work ran, it sends it again only if the request is idempotent, up to maxAttempts times
// in total. Everything else is up to the caller.
type retry struct {
	idempotent   bool
	maxAttempts  int
	patience     time.Duration
	pauses       *backoff
	lost         int
	refusedSince time.Time
}

func newRetry(options *pb.RequestOptions, patience time.Duration) *retry {
	r := &retry{
		idempotent:  options.GetIdempotent(),
		maxAttempts: defaultAttempts,
		patience:    patience,
		pauses:      newBackoff(retryMin),
	}
	if options.MaxAttempts != nil {
		r.maxAttempts = int(options.GetMaxAttempts())
	}
	return r
}

// pauseAfter returns how long to wait before the request is sent again; false if it
// should not be.
func (r *retry) pauseAfter(err *Error) (time.Duration, bool) {
	switch {
	case err.Execution == ExecutionUnknown && (err.Reason == "CONNECTION_LOST" || err.Reason == "TRANSPORT"):
		r.lost++
		return r.pauses.next(retryMax), r.idempotent && r.lost < r.maxAttempts
	case err.Execution == NotStarted && (err.Reason == "DRAINING" || err.Reason == "CONNECTION_LOST"):
		if r.refusedSince.IsZero() {
			r.refusedSince = time.Now()
		}
		// The hint holds for this hub, which the connector lets rest; another one may
		// answer sooner.
		pause := r.pauses.next(retryMax)
		return pause, time.Since(r.refusedSince)+pause < r.patience
	default:
		return 0, false
	}
}

// final returns the error for the caller. Once a send may have run, no later refusal can
// say that nothing ran.
func (r *retry) final(err *Error) *Error {
	if r.lost == 0 || err.Execution != NotStarted {
		return err
	}
	told := *err
	told.Execution = ExecutionUnknown
	told.Cause = err
	if told.Code == codes.Unavailable {
		told.Code = codes.Aborted
	}
	return &told
}
