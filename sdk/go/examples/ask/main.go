// Sends a request to the hub: go run ./examples/ask METHOD INPUT, where INPUT is JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	gibbs "github.com/gibbs-rpc/gibbs/sdk/go"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: ask METHOD INPUT")
	}
	var input any
	if err := json.Unmarshal([]byte(os.Args[2]), &input); err != nil {
		log.Fatal("the input is no JSON: ", err)
	}
	client, err := gibbs.NewClient("", gibbs.ClientOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	answer, err := client.Request(context.Background(), input, gibbs.Method(os.Args[1]))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer)
}
