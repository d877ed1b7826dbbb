package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"log"
	"math"
	"os"
	"path/filepath"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/code"

	gibbs "github.com/gibbs-rpc/gibbs/sdk/go"
)

// Longer data is written as its size.
const maxWritten = 100

// testCase is a case, with what a runner needs of it. See test/behaviour/case.ts.
type testCase struct {
	Name   string
	Client struct {
		ConnectTimeoutMs float64
		MaxPayloadBytes  int
	}
	Steps []step
}

type step struct {
	Send, SendCancelled, Map, Cancel, Settle string
	Close                                    bool

	Input          data
	Method         *string
	TimeoutMs      *float64
	QueueTimeoutMs *float64
	RunTimeoutMs   *float64
	Idempotent     *bool
	MaxAttempts    *uint32
	RequestID      *string
	Metadata       map[string]data

	Inputs      inputs
	Concurrency int
	Ordered     *bool
	Take        int
}

// data is a value as the cases write it; plain text in metadata.
type data struct {
	JSON       any
	Hex        *string
	BytesOf    *int
	TextOf     *int
	Unsendable string
}

// inputs are several values, or the numbers from 0 below one.
type inputs []data

func (i *inputs) UnmarshalJSON(text []byte) error {
	if text[0] == '[' {
		return json.Unmarshal(text, (*[]data)(i))
	}
	var numbers struct{ Below int }
	if err := json.Unmarshal(text, &numbers); err != nil {
		return err
	}
	for number := range numbers.Below {
		*i = append(*i, data{JSON: number})
	}
	return nil
}

func (d *data) UnmarshalJSON(text []byte) error {
	if text[0] == '"' {
		return json.Unmarshal(text, &d.JSON)
	}
	type plain data
	return json.Unmarshal(text, (*plain)(d))
}

// readCases returns all cases by name.
func readCases(folder string) (map[string]*testCase, error) {
	cases := map[string]*testCase{}
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var found []*testCase
		if err := json.Unmarshal(text, &found); err != nil {
			return nil, err
		}
		for _, one := range found {
			cases[one.Name] = one
		}
	}
	return cases, nil
}

func (d data) value() any {
	switch {
	case d.Hex != nil:
		bytes, err := hex.DecodeString(*d.Hex)
		if err != nil {
			log.Fatal(err)
		}
		return bytes
	case d.BytesOf != nil:
		return make([]byte, *d.BytesOf)
	case d.TextOf != nil:
		return strings.Repeat("x", *d.TextOf)
	case d.Unsendable != "":
		return unsendable(d.Unsendable)
	default:
		return d.JSON
	}
}

// text returns a value of metadata.
func (d data) text() string {
	if bytes, ok := d.value().([]byte); ok {
		return string(bytes)
	}
	return d.value().(string)
}

func unsendable(kind string) any {
	switch kind {
	case "nan":
		return map[string]any{"a": []any{math.NaN()}}
	case "infinity":
		return math.Inf(-1)
	case "big integer":
		return int64(1<<53 + 1)
	case "nested bytes":
		return []any{[]byte{0}}
	default:
		var deep any
		for range 1001 {
			deep = []any{deep}
		}
		return deep
	}
}

// toData is the reverse of data.value, for an answer.
func toData(value any) map[string]any {
	switch value := value.(type) {
	case []byte:
		if len(value) > maxWritten && strings.Trim(string(value), "\x00") == "" {
			return map[string]any{"bytesOf": len(value)}
		}
		return map[string]any{"hex": hex.EncodeToString(value)}
	case string:
		if len(value) > maxWritten && strings.Trim(value, "x") == "" {
			return map[string]any{"textOf": len(value)}
		}
	}
	return map[string]any{"json": value}
}

func (s step) options() []gibbs.RequestOption {
	var options []gibbs.RequestOption
	add := func(option gibbs.RequestOption) { options = append(options, option) }
	if s.Method != nil {
		add(gibbs.Method(*s.Method))
	}
	if s.QueueTimeoutMs != nil {
		add(gibbs.QueueTimeout(milliseconds(*s.QueueTimeoutMs)))
	}
	if s.RunTimeoutMs != nil {
		add(gibbs.RunTimeout(milliseconds(*s.RunTimeoutMs)))
	}
	if s.Idempotent != nil {
		add(gibbs.Idempotent(*s.Idempotent))
	}
	if s.MaxAttempts != nil {
		add(gibbs.MaxAttempts(*s.MaxAttempts))
	}
	if s.RequestID != nil {
		add(gibbs.RequestID(*s.RequestID))
	}
	return options
}

// report is what is reported of a request or a map.
type report map[string]any

func reportError(err error) report {
	var e *gibbs.Error
	if !errors.As(err, &e) {
		log.Fatalf("not a gibbs.Error: %v", err)
	}
	details := []map[string]string{}
	for _, detail := range e.Details {
		details = append(details, map[string]string{
			"typeUrl": detail.GetTypeUrl(),
			"hex":     hex.EncodeToString(detail.GetValue()),
		})
	}
	told := report{
		"code":          code.Code(e.Code).String(),
		"reason":        e.Reason,
		"execution":     e.Execution,
		"attempts":      e.Attempts,
		"message":       e.Message,
		"details":       details,
		"hasRemoteType": e.RemoteType != "",
		// Only a request that reached a worker has them.
		"hasTimes": e.WorkerID != "" && e.QueueTime >= 0 && e.RunTime > 0,
	}
	if e.RequestID != "" {
		told["requestId"] = e.RequestID
	}
	if e.WorkerID != "" {
		told["workerId"] = e.WorkerID
	}
	if e.RetryAfter > 0 {
		told["retryAfterMs"] = e.RetryAfter.Milliseconds()
	}
	return told
}
