package lambda

import "syscall"

// Signal sends a signal to every process of a function and says how many there
// are; signal 0 only counts. It shows what becomes of an event whose container
// is killed over it.
func (s *Service) Signal(logicalID string, signal syscall.Signal) int {
	s.mu.Lock()
	var containers []*container
	for _, c := range s.containers {
		if c.fn.LogicalID == logicalID {
			containers = append(containers, c)
		}
	}
	s.mu.Unlock()
	for _, c := range containers {
		c.mu.Lock()
		if signal != 0 && c.cmd.Process != nil {
			// It fails if the process has just ended by itself, which is as good.
			_ = syscall.Kill(-c.cmd.Process.Pid, signal)
		}
		c.mu.Unlock()
	}
	return len(containers)
}
