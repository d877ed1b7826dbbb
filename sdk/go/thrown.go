package gibbs

import (
	"context"
	"runtime"
)

// thrown is how the program's own code ended, in a goroutine that is not its caller's,
// when it did not return: with a panic, or with runtime.Goexit if the value is nil.
type thrown struct {
	value any
}

func (*thrown) Error() string {
	return "gibbs: the program's code panicked, or ended its goroutine"
}

// guard calls f. If f does not return, it calls cancel with a *thrown; a panic ends here.
func guard(cancel context.CancelCauseFunc, f func()) {
	returned := false
	defer func() {
		if !returned {
			cancel(&thrown{recover()})
		}
	}()
	f()
	returned = true
}

// raiseAgain ends the calling goroutine's code as that of guard ended, if that is why ctx
// has ended.
func raiseAgain(ctx context.Context) {
	how, ok := context.Cause(ctx).(*thrown)
	switch {
	case !ok:
	case how.value == nil:
		runtime.Goexit()
	default:
		panic(how.value)
	}
}
