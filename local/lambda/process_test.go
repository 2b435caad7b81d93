package lambda

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

func TestCloseLeavesNothing(t *testing.T) {
	t.Parallel()
	s, err := New(testConfig(t.TempDir(), nil, "F"))
	if err != nil {
		t.Fatal(err)
	}
	gate, url := startGate(t)
	a := invoke(t, s, order{Do: "child"})
	idle := make(chan answer, 1)
	busy := make(chan error, 1)
	go func() {
		_, err := s.Invoke(context.Background(), "F", marshal(order{Do: "hang", Gate: url}))
		busy <- err
	}()
	<-gate.arrived
	go func() { idle <- invoke(t, s, order{Do: "echo"}) }()
	pids := []int{a.PID, (<-idle).PID}

	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := <-busy; !errors.Is(err, ErrClosed) {
		t.Errorf("the call in progress: %v, want %v", err, ErrClosed)
	}
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %d of %v is still there", pid, pids)
		}
	}
	gone(t, a.Child) // killed, but not ours to wait for
	if _, err := s.Invoke(t.Context(), "F", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Invoke after Close: %v, want %v", err, ErrClosed)
	}
}

// A function's own children end with it, however it ends.
func TestChildrenDie(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	a := invoke(t, s, order{Do: "child"})
	fail(t, s, order{Do: "exit", Code: 1})
	gone(t, a.Child)
}

// The kernel (on Linux), or the lost connection to the Runtime API, ends a
// function whose Lambda was killed.
func TestParentKilled(t *testing.T) {
	t.Parallel()
	orders := []string{"echo"}
	if runtime.GOOS == "linux" {
		orders = append(orders, "hang")
	}
	for _, order := range orders {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			parent := parentCommand(t, order)
			out, err := parent.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := parent.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			lines.Scan()
			pid, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
			if err != nil || !alive(pid) {
				t.Fatalf("the function's process id: %q, %v", lines.Text(), err)
			}
			if order != "hang" {
				lines.Scan() // answered: it is idle now
			}
			if err := parent.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = parent.Wait() // it was killed
			gone(t, pid)
		})
	}
}

func TestNoLeaks(t *testing.T) {
	t.Parallel()
	if out, err := parentCommand(t, "leaks").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// parentCommand is this binary as an embedded Lambda (runParent).
func parentCommand(t *testing.T, mode string) *exec.Cmd {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.CommandContext(t.Context(), executable)
	parent.Env = append(os.Environ(), "LAMBDA_TEST_PARENT="+mode, "LAMBDA_TEST_DIR="+t.TempDir())
	return parent
}
