package gibbs

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"
)

// TestOptions prints the options with their defaults: docs/options.md is compared with that.
func TestOptions(t *testing.T) {
	client, err := NewClient("127.0.0.1:1", ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var worker WorkerOptions
	worker.fillIn()
	text, err := json.Marshal(map[string]any{
		"ClientOptions": fieldsOf(client.options),
		"WorkerOptions": fieldsOf(worker),
		"MapOptions":    fieldsOf(MapOptions{Concurrency: defaultConcurrency}),
	})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("\noptions: %s\n", text)
}

// fieldsOf returns the fields of a struct: times in milliseconds, null for what JSON does
// not have.
func fieldsOf(options any) map[string]any {
	fields := map[string]any{}
	of := reflect.ValueOf(options)
	for index := range of.NumField() {
		var shown any
		switch value := of.Field(index).Interface().(type) {
		case time.Duration:
			shown = value.Milliseconds()
		case Transport:
			shown = map[Transport]string{Multiplex: "multiplex", Unary: "unary"}[value]
		case bool, int, string:
			shown = value
		}
		fields[of.Type().Field(index).Name] = shown
	}
	return fields
}
