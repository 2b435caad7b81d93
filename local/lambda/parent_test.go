package lambda

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"
)

// runParent is an embedded Lambda in a process of its own, for what can't be
// seen from inside; the functions lie in dir, and mode is "leaks", or an order to carry out until killed.
func runParent(mode, dir string) int {
	var err error
	if mode == "leaks" {
		err = findLeaks(dir)
	} else {
		err = waitForDeath(dir, mode)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// waitForDeath starts a function, prints its process id and, if it ever answers,
// that; then it waits to be killed.
func waitForDeath(dir, do string) error {
	s, err := New(testConfig(dir, nil, "F"))
	if err != nil {
		return err
	}
	gate := newGate()
	server := gate.serve()
	go func() {
		<-gate.arrived
		s.mu.Lock()
		for _, c := range s.containers {
			fmt.Println(c.cmd.Process.Pid)
		}
		s.mu.Unlock()
		if do != "hang" {
			close(gate.open)
		}
	}()
	if _, err := s.Invoke(context.Background(), "F", marshal(order{Do: do, Gate: server.URL})); err != nil {
		return err
	}
	fmt.Println("answered")
	select {}
}

// findLeaks counts goroutines and open files before and after a service's life.
func findLeaks(dir string) error {
	live := func() error {
		s, err := New(testConfig(dir, nil, "F"))
		if err != nil {
			return err
		}
		for range 5 {
			for _, do := range []string{"echo", "error", "exit", "answer and exit"} {
				if _, err := s.Invoke(context.Background(), "F", marshal(order{Do: do})); err != nil {
					return err
				}
			}
		}
		return s.Close()
	}
	if err := live(); err != nil { // what is made once in a process, is made now
		return err
	}
	if err := os.RemoveAll(dir + "/F"); err != nil {
		return err
	}
	goroutines, files := runtime.NumGoroutine(), openFiles()
	if err := live(); err != nil {
		return err
	}
	// Goroutines that have been told to end may need a moment for it.
	deadline := time.After(10 * time.Second)
	for runtime.NumGoroutine() > goroutines || openFiles() > files {
		select {
		case <-deadline:
			return fmt.Errorf("%d goroutines became %d, %d open files %d",
				goroutines, runtime.NumGoroutine(), files, openFiles())
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

func openFiles() int {
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		return -1
	}
	return len(entries)
}
