package main

import (
	"bufio"
	"encoding/json"
	"log"
	"os"
	"sync"
)

// line is a line of JSON.
type line map[string]any

// stages is the other end of test/behaviour/run.ts, which opens the stages and judges the
// outcomes. It talks in lines of JSON, on stdin and stdout.
type stages struct {
	// The names of the cases to perform, in order.
	names []string

	mu sync.Mutex
	// The cases that have asked for something: one thing at a time.
	asked map[string]chan line
}

func openStages() *stages {
	s := &stages{asked: map[string]chan line{}}
	input := bufio.NewReader(os.Stdin)
	var first struct{ Run []string }
	text, err := input.ReadBytes('\n')
	if err != nil {
		log.Fatal(err)
	}
	if err := json.Unmarshal(text, &first); err != nil {
		log.Fatal(err)
	}
	s.names = first.Run
	go s.read(input)
	return s
}

// ask asks for something, and returns the reply.
func (s *stages) ask(name string, what line) line {
	reply := make(chan line, 1)
	s.mu.Lock()
	s.asked[name] = reply
	s.mu.Unlock()
	what["case"] = name
	s.tell(what)
	return <-reply
}

func (s *stages) tell(what line) {
	text, err := json.Marshal(what)
	if err != nil {
		log.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	os.Stdout.Write(append(text, '\n'))
}

func (s *stages) read(input *bufio.Reader) {
	decoder := json.NewDecoder(input)
	for {
		var reply line
		if err := decoder.Decode(&reply); err != nil {
			return
		}
		s.mu.Lock()
		asked := s.asked[reply["case"].(string)]
		s.mu.Unlock()
		asked <- reply
	}
}
